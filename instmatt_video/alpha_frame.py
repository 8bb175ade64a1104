"""One person's alpha in one frame: the value between the matter, the store and the writers.

Knows crops; knows no network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .rectangle import Rectangle

FloatImage = npt.NDArray[np.float32]

FAINTEST_ALPHA = 1 / 510
"""Below half a level of 8 bit alpha is none."""


@dataclass(frozen=True)
class AlphaFrame:
    """One person's alpha in one frame, within a crop; beside the crop it is 0."""

    left: int
    """Column of the crop's first pixel in the frame."""
    top: int
    """Row of the crop's first pixel in the frame."""
    alpha: FloatImage
    """`(h, w)`, 0..1, linear coverage; `(0, 0)` where nothing of the person is seen."""

    @property
    def area(self) -> Rectangle:
        """Where the alpha lies in the frame."""
        height, width = self.alpha.shape
        return Rectangle(self.left, self.top, self.left + width, self.top + height)

    def within(self, area: Rectangle) -> FloatImage:
        """Return the alpha as an area of the frame shows it, `(height, width)`; 0 beside it."""
        canvas = np.zeros((area.height, area.width), np.float32)
        both = area.intersection(self.area)
        canvas[both.slices_in(area)] = self.alpha[both.slices_in(self.area)]
        return canvas


def trim_alpha(area: Rectangle, alpha: FloatImage) -> AlphaFrame:
    """Return an alpha cut to where it is not 0; what is fainter than half a level is 0.

    Args:
        area: Where the alpha lies in the frame.
        alpha: `(height, width)` of the area, 0..1.
    """
    visible = alpha > FAINTEST_ALPHA
    part = Rectangle.around(visible)
    if part is None:
        return AlphaFrame(0, 0, np.zeros((0, 0), np.float32))
    trimmed = np.where(visible[part.slices], alpha[part.slices], np.float32(0))
    return AlphaFrame(area.left + part.left, area.top + part.top, trimmed)
