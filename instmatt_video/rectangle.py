"""Where something lies in a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Rectangle:
    """Whole pixels, half-open."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, mask: npt.NDArray[np.bool_]) -> Rectangle | None:
        """Return the smallest rectangle around what a mask `(H, W)` shows; `None` if nothing."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return None
        return cls(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in an array of rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def slices_in(self, frame: Rectangle) -> tuple[slice, slice]:
        """Return the index of the rectangle in an array that covers a rectangle around it."""
        return (
            slice(self.top - frame.top, self.bottom - frame.top),
            slice(self.left - frame.left, self.right - frame.left),
        )

    def united(self, other: Rectangle) -> Rectangle:
        """Return the smallest rectangle around both."""
        return Rectangle(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def intersection(self, other: Rectangle) -> Rectangle:
        """Return what both cover; of no width or height where they are apart."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        return Rectangle(left, top, max(left, right), max(top, bottom))
