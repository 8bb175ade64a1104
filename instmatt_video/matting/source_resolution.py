"""A crop's matte at the frame's resolution.

Knows one crop at two sizes; knows no people.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from .closed_form import solve_uncertain
from .edge_refinement import refine_edges

FloatImage = npt.NDArray[np.float32]

MAX_SOLVED_PX = 768
"""Longest side at which a crop's uncertain band is solved; larger parts follow from there."""
FINER = 1.5
"""A matte that has so many times the pixels of the frame along a side is solved as it is: of few
pixels too many are in the band, and some hold more than the two colours that the solution knows."""


def resize_to_source(
    matte: FloatImage, guide: FloatImage, part: FloatImage, to_matte: npt.NDArray[np.float64]
) -> FloatImage:
    """Return a matte at the size of the frame's part that it shows, with that part's edges.

    Args:
        matte: `(h, w)`, 0..1.
        guide: The picture at the matte's size, `(h, w, 3)`, 0..1.
        part: The frame's part, `(H, W, 3)`, 0..1.
        to_matte: Map from the part's pixels to the matte's, `(2, 3)`.

    Returns:
        `(H, W)`, 0..1.
    """
    if np.array_equal(to_matte, np.eye(2, 3)):
        return matte[: part.shape[0], : part.shape[1]].copy()
    if _is_finer(to_matte):
        return _average_over_source(matte, part.shape[:2], to_matte)
    return refine_edges(matte, guide, part, to_matte)


def solve_at_source(
    matte: FloatImage,
    guide: FloatImage,
    part: FloatImage,
    to_matte: npt.NDArray[np.float64],
    color_noise: float,
) -> FloatImage:
    """Return the same as `resize_to_source`, the uncertain band solved from the picture's colours.

    It is solved at the part's size, or at the matte's where that is much `FINER`, but at
    `MAX_SOLVED_PX` at most, so that its cost is bounded.

    Args:
        matte: As `resize_to_source`, with the next three.
        guide: The picture at the matte's size.
        part: The frame's part.
        to_matte: Map from the part's pixels to the matte's.
        color_noise: Standard deviation of the colours' errors, of 0..1, which edges must not
            follow.
    """
    if _is_finer(to_matte, FINER) and max(matte.shape) <= MAX_SOLVED_PX:
        matte = solve_uncertain(matte, guide, color_noise)
        return resize_to_source(matte, guide, part, to_matte)
    height, width = part.shape[:2]
    shrinkage = MAX_SOLVED_PX / max(height, width)
    if shrinkage >= 1:
        return solve_uncertain(resize_to_source(matte, guide, part, to_matte), part, color_noise)
    size = (max(1, round(width * shrinkage)), max(1, round(height * shrinkage)))
    smaller = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.float32)
    to_smaller = _map_to_scaled(size[0] / width, size[1] / height)
    from_smaller = _map_to_scaled(width / size[0], height / size[1])
    solved = solve_uncertain(
        resize_to_source(matte, guide, smaller, to_matte @ from_smaller), smaller, color_noise
    )
    return resize_to_source(solved, smaller, part, to_smaller[:2])


def _map_to_scaled(x: float, y: float) -> npt.NDArray[np.float64]:
    """Return the map of pixels to those of a picture `x` and `y` times as large, `(3, 3)`."""
    return np.array([[x, 0, 0.5 * x - 0.5], [0, y, 0.5 * y - 0.5], [0, 0, 1]])


def _is_finer(to_matte: npt.NDArray[np.float64], times: float = 1.0) -> bool:
    """Say whether the matte has more than so many pixels for one of the frame, along a side."""
    return bool(to_matte[0, 0] * to_matte[1, 1] > times**2)


def _average_over_source(
    matte: FloatImage, size: tuple[int, int], to_matte: npt.NDArray[np.float64]
) -> FloatImage:
    """Return the mean of a finer matte over each pixel of the frame's part, `size` = (H, W)."""
    height, width = size
    x, y = (max(1, math.ceil(to_matte[i, i] - 1e-9)) for i in (0, 1))  # samples a pixel
    samples = cv2.warpAffine(
        matte,
        to_matte @ _map_to_scaled(1 / x, 1 / y),
        (width * x, height * y),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    means = cv2.resize(samples, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float32)
