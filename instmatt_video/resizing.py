"""Pictures at another size, without aliasing and in little time."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


def area_resize(image: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Return the picture at another size, shrunk by means over areas or enlarged linearly.

    Args:
        image: `(H, W)` or `(H, W, C)`.
        size: Height and width.
    """
    is_shrunk = image.shape[0] > size[0] or image.shape[1] > size[1]
    interpolation = cv2.INTER_AREA if is_shrunk else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size[::-1], interpolation=interpolation))


def quick_resize(image: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Return nearly the same in less time; a picture of that size is returned itself.

    It is halved while it stays large enough and its sides are even, so that nothing moves: means of
    2 x 2 pixels take a tenth of the time of `cv2.INTER_AREA` at other ratios, which does the rest.

    Args:
        image: As for `area_resize`.
        size: As for `area_resize`.
    """
    height, width = image.shape[:2]
    while height >= 2 * size[0] and width >= 2 * size[1] and height % 2 == width % 2 == 0:
        height, width = height // 2, width // 2
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return image if (height, width) == size else area_resize(image, size)
