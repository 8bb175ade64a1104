"""Bytes from a pipe whose writer may pause: whoever waits for them can be told to stop.

Knows file descriptors; knows nothing of what comes through.
"""

from __future__ import annotations

import os
import select
import threading

_POLL_S = 0.2


class StoppablePipe:
    """A pipe as PyAV reads files. Not for Windows, where nothing can wait for a pipe in turns.

    Args:
        descriptor: Where it is read; stays open.
        stop: Lets the pipe end where it is, also for a thread that waits for it.
    """

    def __init__(self, descriptor: int, stop: threading.Event) -> None:
        self._descriptor, self._stop = descriptor, stop

    def read(self, size: int) -> bytes:
        """Return what has come, up to `size` bytes; nothing at the end, or if it is stopped."""
        while not self._stop.is_set():
            if select.select([self._descriptor], [], [], _POLL_S)[0]:
                return os.read(self._descriptor, size)
        return b""
