"""Alphas that stand still where the picture does.

Knows one person's alphas in time and the pictures they belong to; knows no networks.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..alpha_frame import AlphaFrame, trim_alpha
from ..matting.claims import share_pixels
from ..rectangle import Rectangle

Image = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

MEMORY = 0.6
"""Share of the last alpha where nothing moved."""
STILL_LEVELS = 3.0
"""Change of a pixel's colour, of 255, that is a camera's noise."""
MOVED_LEVELS = 12.0
"""Change from which a pixel has moved: its alpha is taken as it comes."""


class AlphaSteadier:
    """Mixes each alpha with the last one of the same person where the picture stands still."""

    def __init__(self) -> None:
        self._image: Image | None = None
        self._last: dict[int, AlphaFrame] = {}

    def steady(
        self, image: Image, track_ids: tuple[int, ...], alphas: list[AlphaFrame]
    ) -> list[AlphaFrame]:
        """Return the alphas of the next frame, steadied; they sum to 1 at most.

        Where somebody was part of another's alpha a moment ago, both keep their share of the pixel.

        Args:
            image: `(H, W, 3)`; of another size than the last, all begins anew.
            track_ids: Whose they are.
            alphas: One each.
        """
        before = self._image
        self._image = image
        if before is None or before.shape != image.shape:
            self._last.clear()
            before = image
        stillness = _stillness(before, image) if self._last else None
        steadied = []
        for track_id, alpha in zip(track_ids, alphas, strict=True):
            last = self._last.get(track_id)
            if last is not None and stillness is not None and alpha.alpha.size and last.alpha.size:
                alpha = _mixed(alpha, last, stillness)
            steadied.append(alpha)
        areas = [(alpha.area, alpha.alpha) for alpha in steadied]
        steadied = [AlphaFrame(area.left, area.top, a) for area, a in share_pixels(areas)]
        self._last = dict(zip(track_ids, steadied, strict=True))
        return steadied

    def last(self, track_id: int) -> AlphaFrame | None:
        """Return the last frame's alpha of a person; `None` where they were not in it."""
        return self._last.get(track_id)


def _stillness(before: Image, image: Image) -> FloatImage:
    """Return how far each pixel stands still, `(H, W)`, 0..1."""
    change = cv2.absdiff(cv2.blur(before, (3, 3)), cv2.blur(image, (3, 3)))
    largest = cv2.dilate(cv2.max(cv2.max(change[..., 0], change[..., 1]), change[..., 2]), None)
    levels = np.arange(256, dtype=np.float32)
    ramp = np.clip((MOVED_LEVELS - levels) / (MOVED_LEVELS - STILL_LEVELS), 0, 1)
    return np.asarray(cv2.LUT(largest, ramp), np.float32)


def _mixed(alpha: AlphaFrame, last: AlphaFrame, stillness: FloatImage) -> AlphaFrame:
    """Return the alpha, mixed with the last one where the picture stands still."""
    area = alpha.area.united(last.area)
    new, old = (_within(area, part) for part in (alpha, last))
    weight = stillness[area.slices] * np.float32(MEMORY)
    return trim_alpha(area.left, area.top, new + weight * (old - new))


def _within(area: Rectangle, part: AlphaFrame) -> FloatImage:
    """Return the alpha in an area around it, `(height, width)`."""
    canvas = np.zeros((area.height, area.width), np.float32)
    canvas[part.area.slices_in(area)] = part.alpha
    return canvas
