"""One person in one frame, as it is handed to a writer.

Knows crops and pixels; knows no files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..rectangle import Rectangle
from .color import Image

FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """A person's alpha and colour within a crop; outside of the crop alpha is 0 and colour black.

    The crop may reach past the frame's edge: what lies outside is cut off.
    """

    left: int
    """Column of the crop's first pixel in the frame."""
    top: int
    """Row of the crop's first pixel in the frame."""
    alpha: FloatImage
    """`(h, w)` coverage, 0..1, linear."""
    foreground: Image | None = None
    """`(h, w, 3)` straight RGB, not multiplied by alpha; uint8 or full-range uint16.

    `None` for mattes.
    """
    excess: FloatImage | None = None
    """`(h, w, 3)` linear light above 1, which the foreground's codes cut off; `None` where all is
    dim."""

    def __post_init__(self) -> None:
        if self.alpha.ndim != 2:
            raise ValueError(f"alpha must be (h, w), got {self.alpha.shape}")
        if self.foreground is not None and self.foreground.shape != (*self.alpha.shape, 3):
            raise ValueError(
                f"foreground {self.foreground.shape} does not fit alpha {self.alpha.shape}"
            )

    @property
    def area(self) -> Rectangle:
        """Where the layer lies in the frame."""
        height, width = self.alpha.shape
        return Rectangle(self.left, self.top, self.left + width, self.top + height)

    def clipped(self, width: int, height: int) -> Layer | None:
        """Return the part inside a `width` × `height` frame, or `None` where nothing is."""
        seen = self.area.intersection(Rectangle(0, 0, width, height))
        if not seen.width or not seen.height:
            return None
        part = seen.slices_in(self.area)
        foreground = None if self.foreground is None else self.foreground[part]
        excess = None if self.excess is None else self.excess[part]
        return Layer(seen.left, seen.top, self.alpha[part], foreground, excess)


def quantise_alpha(alpha: FloatImage, levels: int) -> npt.NDArray[np.uint16]:
    """Return alpha in whole steps 0..`levels`, rounded to nearest and clipped."""
    steps = np.clip(alpha, 0.0, 1.0) * np.float32(levels)
    steps += np.float32(0.5)
    return steps.astype(np.uint16)
