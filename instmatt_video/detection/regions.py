"""Cut a box's surroundings out of a picture, the same in training and in use.

Knows pixels and boxes; knows no networks.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ..resizing import area_resize

Region = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels; may reach past the picture or miss it."""


def expand_to_region(box: npt.NDArray[Any], margin: float) -> Region:
    """Return `box` with `margin` of its sides around, whole pixels `(left, top, right, bottom)`.

    Args:
        box: `(4,)` xyxy in pixels.
        margin: Share of the box's width (left and right) and height (top and bottom) to add.
    """
    left, top, right, bottom = (float(side) for side in box)
    width, height = right - left, bottom - top
    region_left, region_top = round(left - margin * width), round(top - margin * height)
    return (
        region_left,
        region_top,
        max(region_left + 1, round(right + margin * width)),
        max(region_top + 1, round(bottom + margin * height)),
    )


def cut_region(
    image: npt.NDArray[Any],
    region: Region,
    size: tuple[int, int],
    padding: tuple[float, ...] = (0.0,),
) -> npt.NDArray[Any]:
    """Return `region` of `image` stretched to `size`, with `padding` beyond the picture's edge.

    Args:
        image: `(H, W)` or `(H, W, C)`.
        region: What to cut.
        size: Height and width of the result in pixels.
        padding: One value per channel.
    """
    left, top, right, bottom = region
    inner = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    fill = np.asarray(padding, image.dtype).tolist()
    if not inner.size:  # the region misses the picture
        inner = np.full((1, 1, *image.shape[2:]), fill if image.ndim == 3 else fill[0], image.dtype)
    elif inner.shape[:2] != (bottom - top, right - left):
        above, before = max(0, -top), max(0, -left)
        below = bottom - top - inner.shape[0] - above
        after = right - left - inner.shape[1] - before
        inner = cv2.copyMakeBorder(
            inner, above, below, before, after, cv2.BORDER_CONSTANT, value=fill
        )
    # Not halved: the masks' outlines hang on these pixels.
    return area_resize(inner, size)
