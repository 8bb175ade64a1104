"""Shrink a picture to what the detector looks at, and take boxes back; knows no networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instmatt_video.models.shufflenet_backbone import MEAN_RGB

from ..resizing import quick_resize

FloatArray = npt.NDArray[np.float32]
STRIDE_PX = 32
MAX_ENLARGEMENT = 2.0


@dataclass(frozen=True)
class Letterbox:
    """A picture inside a canvas of the mean colour, sides multiples of 32, centred."""

    canvas: npt.NDArray[np.uint8]
    """`(H, W, 3)` RGB."""
    scale_x: float
    """Canvas pixels per picture pixel."""
    scale_y: float
    left: int
    """Canvas column of the picture's first, pixels."""
    top: int

    def boxes_on_canvas(self, boxes: FloatArray) -> FloatArray:
        """Return boxes `(N, 4)` xyxy of the picture in the canvas's pixels."""
        offset, scale = self._mapping()
        return np.asarray(boxes * scale + offset, np.float32)

    def boxes_in_picture(self, boxes: FloatArray) -> FloatArray:
        """Return boxes `(N, 4)` xyxy of the canvas in the picture's pixels."""
        offset, scale = self._mapping()
        return np.asarray((boxes - offset) / scale, np.float32)

    def _mapping(self) -> tuple[FloatArray, FloatArray]:
        offset = np.array([self.left, self.top] * 2, np.float32)
        return offset, np.array([self.scale_x, self.scale_y] * 2, np.float32)


def letterbox(
    image: npt.NDArray[np.uint8], long_side_px: int, max_enlargement: float = MAX_ENLARGEMENT
) -> Letterbox:
    """Return the picture `(H, W, 3)` with its long side at `long_side_px`, aspect kept.

    The canvas is only as large as it must be: a 16:9 picture costs 62 % of a square. Small
    pictures are enlarged at most so many times.
    """
    height, width = image.shape[:2]
    scale = min(long_side_px / max(height, width), max_enlargement)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrunk = quick_resize(image, size[::-1])
    canvas_size = (-(-size[1] // STRIDE_PX) * STRIDE_PX, -(-size[0] // STRIDE_PX) * STRIDE_PX)
    canvas = np.empty((*canvas_size, 3), np.uint8)
    canvas[:] = np.round(MEAN_RGB)
    top, left = (canvas_size[0] - size[1]) // 2, (canvas_size[1] - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = shrunk
    return Letterbox(canvas, size[0] / width, size[1] / height, left, top)
