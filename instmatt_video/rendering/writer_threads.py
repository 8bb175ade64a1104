"""Threads that write a clip's files side by side; what stops one stops them all.

Knows when a file is whole; knows nothing of what is in it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from ..media.frame import Frame
from ..stages import Cancelled, Mailbox
from .frame_alphas import FrameAlphas
from .stream_writers import PreviewWriter, StreamWriter


class WriterThread:
    """Writes one file; made by `WriterThreads`."""

    def __init__(self, writer: StreamWriter | PreviewWriter, stop: threading.Event) -> None:
        self.writer = writer
        self.error: BaseException | None = None
        """What ended the thread before its time."""
        self.is_whole = False
        """Finished and verified; the file has no name yet."""
        self._stop = stop
        self.box = Mailbox(stop)
        """Takes frames with their alphas, and at last `None`."""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until the thread is through, or has noticed that the run stops."""
        self._thread.join()

    def abort(self) -> None:
        """Remove what was written."""
        self.wait()
        self.writer.abort()

    def _work(self) -> None:
        try:
            while (item := self.box.get()) is not None:
                self.writer.write(*item)
        except Cancelled:
            return
        except BaseException as error:  # handed to the thread that feeds
            self.error = error
            self._stop.set()
            return
        try:
            self.writer.finish()
            self.is_whole = True
        except BaseException as error:  # likewise; others are finished all the same
            self.error = error


class WriterThreads:
    """All of a run, in the order in which they were added."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[WriterThread] = []

    def __iter__(self) -> Iterator[WriterThread]:
        return iter(self._threads)

    def add(self, writer: StreamWriter | PreviewWriter) -> None:
        """Begin a file, of which the thread takes care from now on."""
        self._threads.append(WriterThread(writer, self._stop))

    def send(self, frame: Frame, alphas: FrameAlphas) -> None:
        """Hand a frame to all, waiting while one is behind.

        Raises:
            Exception: What stopped one of them.
        """
        self._put((frame, alphas))

    def send_end(self) -> None:
        """Say that no frame follows; raises as `send`."""
        self._put(None)

    def finish(self) -> None:
        """Wait, after the end was sent, until all files are whole; they have no names yet.

        Raises:
            Exception: What one of them failed of; others are whole all the same.
        """
        for thread in self:
            thread.wait()
        self._raise_first()

    def stop(self) -> None:
        """Let nobody write any more; what was written stays."""
        self._stop.set()
        for thread in self:
            thread.wait()

    def abort(self) -> None:
        """Remove what was written."""
        self._stop.set()
        for thread in self:
            thread.abort()

    def _put(self, item: tuple[Frame, FrameAlphas] | None) -> None:
        try:
            for thread in self:
                thread.box.put(item)
        except Cancelled:
            self._raise_first()
            raise

    def _raise_first(self) -> None:
        for thread in self:
            if thread.error is not None:
                raise thread.error from None
