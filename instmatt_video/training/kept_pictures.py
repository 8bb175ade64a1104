"""Decoded pictures kept in memory, as many as fit: a training asks for the same ones again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from torch.utils.data import get_worker_info

T = TypeVar("T")

MAX_BYTES = 2 << 30
"""Of each kind, such as people and places; a loader's processes share it."""


class KeptPictures(Generic[T]):
    """Pictures by name, decoded when first asked for; where memory is full the oldest goes.

    Args:
        decode: Makes a picture of its name.
        count_bytes: Says how much memory a picture takes.
        max_bytes: How much all may take; the newest is kept whatever it takes.
    """

    def __init__(
        self,
        decode: Callable[[str], T],
        count_bytes: Callable[[T], int],
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._decode, self._count_bytes, self._max_bytes = decode, count_bytes, max_bytes
        self._kept: dict[str, T] = {}
        self._num_bytes = 0

    def __getitem__(self, name: str) -> T:
        """Return a picture."""
        if name not in self._kept:
            picture = self._decode(name)
            self._num_bytes += self._count_bytes(picture)
            worker = get_worker_info()
            max_bytes = self._max_bytes // (worker.num_workers if worker else 1)
            while self._kept and self._num_bytes > max_bytes:
                oldest = self._kept.pop(next(iter(self._kept)))
                self._num_bytes -= self._count_bytes(oldest)
            self._kept[name] = picture
        return self._kept[name]
