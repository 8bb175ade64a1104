"""Where a picture stands still: pixels of two frames compared, noise and tiny motions forgiven.

Knows two pictures; knows nothing of people.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ..rectangle import Rectangle

EightBit = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]

MAX_SIDE_PX = 1000
"""Larger pictures are halved: what moves by less than their pixel stands still."""
NOISE_LEVELS = 4.0
"""Change of a colour, of 255, that cameras and coding make by themselves."""
TINY_PX = 0.5
"""Motion that is forgiven: it changes a steep edge by much, and an alpha by little."""
NEAR_PX = 2.0
"""So close to what moves nothing stands still."""
FAR_PX = 12.0
"""So far from it all does: in between, less and less, or seams would show."""


@dataclass(frozen=True)
class StillView:
    """A picture as it is compared."""

    colors: EightBit
    """Means of 3x3 pixels, `(h, w, 3)`."""
    slope: EightBit
    """Steepest change a pixel near each pixel, `(h, w)`, levels."""
    size: tuple[int, int]
    """Height and width of the picture itself."""


def view_still(image: EightBit) -> StillView:
    """Return a picture `(H, W, 3)` as `stillness` compares it."""
    height, width = image.shape[:2]
    while max(image.shape) > MAX_SIDE_PX:
        size = max(1, image.shape[1] // 2), max(1, image.shape[0] // 2)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    colors = np.asarray(cv2.blur(image, (3, 3)), np.uint8)
    # Scaled so that a ramp of one level a pixel is 1: Sobel's weights sum to 8.
    slopes = [
        cv2.convertScaleAbs(cv2.Sobel(colors, cv2.CV_16S, x, 1 - x), alpha=1 / 8) for x in (0, 1)
    ]
    slope = cv2.dilate(_largest(cv2.max(*slopes)), np.ones((3, 3), np.uint8))
    return StillView(colors, np.asarray(slope, np.uint8), (height, width))


def stillness(one: StillView, other: StillView) -> FloatImage:
    """Return how far each pixel of two views of one size stands still, `(h, w)`, 0..1.

    A pixel moves where its colour changes by more than noise and a tiny motion explain; what lies
    near it is not trusted, for inside of a plain sleeve nothing changes but its edge.
    """
    change = _largest(cv2.absdiff(one.colors, other.colors)).astype(np.float32)
    allowed = NOISE_LEVELS + TINY_PX * cv2.max(one.slope, other.slope).astype(np.float32)
    # Single pixels are noise. An opening by an even square: its halves look to either side.
    square = np.ones((2, 2), np.uint8)
    moves = cv2.erode((change > allowed).astype(np.uint8), square, anchor=(0, 0))
    moves = cv2.dilate(moves, square, anchor=(1, 1))
    distance = cv2.distanceTransform(1 - moves, cv2.DIST_L2, 5)
    return np.asarray(np.clip((distance - NEAR_PX) / (FAR_PX - NEAR_PX), 0, 1), np.float32)


def cut_stillness(still: FloatImage, view: StillView, area: Rectangle) -> FloatImage:
    """Return the part of a stillness that lies in an area of the picture itself.

    Args:
        still: `(h, w)`, of a view.
        view: The view, or one of the same size.
        area: In pixels of the picture.

    Returns:
        `(area.height, area.width)`, 0..1.
    """
    if still.shape == view.size:
        return still[area.slices]
    y, x = still.shape[0] / view.size[0], still.shape[1] / view.size[1]
    # Pixels are areas: the centre of the first one lies half a pixel inside.
    to_view = np.array(
        [[x, 0, x * (area.left + 0.5) - 0.5], [0, y, y * (area.top + 0.5) - 0.5]], np.float64
    )
    part = cv2.warpAffine(
        still,
        to_view,
        (area.width, area.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(part, np.float32)


def _largest(image: EightBit) -> EightBit:
    """Return the largest of three channels, `(h, w)`."""
    first, second, third = cv2.split(image)
    return np.asarray(cv2.max(cv2.max(first, second), third), np.uint8)
