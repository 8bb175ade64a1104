"""A batch from its jobs to its record: an engine works, disk and screen follow."""

from __future__ import annotations

from collections.abc import Sequence

from ..progress import Progress
from .job import ClipJob, Engine, Outcome
from .record import BatchRecord, RecordFile
from .view import BatchView


class _Follower:
    """Tells record and view what an engine says; a `Listener`."""

    def __init__(self, file: RecordFile, view: BatchView) -> None:
        self._file, self._view = file, view

    def started(self, index: int) -> None:
        self._file.start(index)
        self._view.show_start(index)

    def progressed(self, index: int, progress: Progress) -> None:
        self._view.show_progress(index, progress)

    def finished(self, index: int, outcome: Outcome) -> None:
        self._file.finish(index, outcome)
        self._view.show_finish(index, outcome)


def run_batch(
    jobs: Sequence[ClipJob], engine: Engine, file: RecordFile, view: BatchView
) -> BatchRecord:
    """Work through all clips and return what came of them.

    Args:
        jobs: The clips.
        engine: Who works.
        file: Follows on disk.
        view: Follows on the screen.

    Raises:
        KeyboardInterrupt: Ctrl-C; record and table say how far it came.
        AlphaWriteError: The record cannot be written.
    """
    file.save()
    try:
        with view:
            engine.run(jobs, _Follower(file, view))
    except KeyboardInterrupt:
        file.stop()
        raise
    finally:
        view.show_table(file.record)
    return file.record
