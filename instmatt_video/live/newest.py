"""A queue of one in which the newest wins: what was not taken in time is forgotten.

Knows threads; knows nothing of what is handed over.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """Hands the newest item from one thread to another."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._is_closed = False
        self._error: BaseException | None = None
        self.dropped = 0
        """Items that were overtaken by a newer one before anybody took them."""

    @property
    def is_over(self) -> bool:
        """Nothing is here, and nothing will come."""
        with self._condition:
            return self._is_closed and self._item is None

    def put(self, item: T) -> None:
        """Replace whatever waits."""
        with self._condition:
            if self._item is not None:
                self.dropped += 1
            self._item = item
            self._condition.notify_all()

    def take(self, timeout_s: float) -> T | None:
        """Return the newest item and forget it; `None` if there is none in time.

        Raises:
            BaseException: What the giving side was ended by.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._item is not None or self._is_closed, timeout_s)
            item, self._item = self._item, None
            if item is None and self._error is not None:
                raise self._error
            return item

    def close(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes, and by what it was ended if by a fault."""
        with self._condition:
            self._is_closed = True
            self._error = self._error or error
            self._condition.notify_all()
