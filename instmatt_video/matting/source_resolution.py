"""A crop's matte at the frame's resolution.

Knows one crop at two sizes; knows no people.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from .closed_form import solve_uncertain
from .edge_refinement import refine_edges

FloatImage = npt.NDArray[np.float32]

MAX_SOLVED_PX = 768
"""Longest side at which a crop's uncertain band is solved; larger parts follow from there."""


def enlarge_to_source(
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
    return refine_edges(matte, guide, part, to_matte)


def solve_at_source(
    matte: FloatImage,
    guide: FloatImage,
    part: FloatImage,
    to_matte: npt.NDArray[np.float64],
    color_noise: float,
) -> FloatImage:
    """Return the same as `enlarge_to_source`, the uncertain band solved from the part's colours.

    `color_noise` is the standard deviation of their errors, of 0..1, which edges must not follow.
    A part of more than `MAX_SOLVED_PX` is solved at that size, so that its cost is bounded.
    """
    height, width = part.shape[:2]
    shrinkage = MAX_SOLVED_PX / max(height, width)
    if shrinkage >= 1:
        return solve_uncertain(enlarge_to_source(matte, guide, part, to_matte), part, color_noise)
    size = (max(1, round(width * shrinkage)), max(1, round(height * shrinkage)))
    smaller = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.float32)
    x, y = size[0] / width, size[1] / height
    to_smaller = np.array([[x, 0, 0.5 * x - 0.5], [0, y, 0.5 * y - 0.5]])
    from_smaller = np.vstack((cv2.invertAffineTransform(to_smaller), (0, 0, 1)))
    solved = solve_uncertain(
        enlarge_to_source(matte, guide, smaller, to_matte @ from_smaller), smaller, color_noise
    )
    return enlarge_to_source(solved, smaller, part, to_smaller)
