"""Pictures decoded when they are asked for, and kept in memory, as many as fit.

Knows names and numbers; how a picture is decoded is the callers' business.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Generic, TypeVar, overload

from torch.utils.data import get_worker_info

from ...errors import InstMattVideoError, OptionError

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_BYTES = 2 << 30
"""Of each pack; a loader's processes share it, beside what the one that starts them keeps."""


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


class PicturesInOrder(Sequence[T]):
    """Pictures by number, each made when it is asked for.

    In place of one that cannot be used stands the next that can: a torn file does not end hours of
    training, and a resumed run sees the same.

    Args:
        makers: Each returns its picture, or raises an `InstMattVideoError`.
    """

    def __init__(self, makers: Sequence[Callable[[], T]]) -> None:
        self._makers = makers
        self._unusable: dict[int, InstMattVideoError] = {}

    def __len__(self) -> int:
        return len(self._makers)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> PicturesInOrder[T]: ...
    def __getitem__(self, index: int | slice) -> T | PicturesInOrder[T]:
        """Return a picture, or some of them in order.

        Raises:
            OptionError: None of all can be used.
        """
        if isinstance(index, slice):
            return PicturesInOrder(self._makers[index])
        first = range(len(self))[index]
        passed_over = []
        for number in chain(range(first, len(self)), range(first)):
            if number in self._unusable:
                continue
            try:
                picture = self._makers[number]()
            except InstMattVideoError as error:
                self._unusable[number] = error
                passed_over.append(error)
                continue
            for reason in passed_over:
                logger.warning("%s: another is taken in its place", reason)
            return picture
        why = next(iter(self._unusable.values()))
        raise OptionError(f"none of {len(self)} pictures can be used: {why}")

    def __add__(self, others: PicturesInOrder[T]) -> PicturesInOrder[T]:
        """Return these, then the others."""
        return PicturesInOrder([*self._makers, *others._makers])
