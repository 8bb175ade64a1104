"""Room for work that needs memory: threads that would need more together wait for each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class WorkRoom:
    """Room for so many bytes at a time; whoever needs more than there is works alone.

    Args:
        size_bytes: What all may need together.
    """

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._taken_bytes = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, count_bytes: int) -> Iterator[None]:
        """Hold room for the length of a `with` block, once it is there."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room_for(count_bytes))
            self._taken_bytes += count_bytes
        try:
            yield
        finally:
            with self._changed:
                self._taken_bytes -= count_bytes
                self._changed.notify_all()

    def _has_room_for(self, count_bytes: int) -> bool:
        return not self._taken_bytes or self._taken_bytes + count_bytes <= self._size_bytes
