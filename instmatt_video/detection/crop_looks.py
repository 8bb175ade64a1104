"""What a look at people's crops says, and how far its masks reach.

Knows boxes and masks; knows neither pixels nor networks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .regions import Region

FloatArray = npt.NDArray[np.float32]
MIN_CELLS_OUTSIDE = 3
"""Cells of a row or column of the mask that make a box grow over it; fewer are noise."""


class Looks(NamedTuple):
    """What the crop network said of every proposal."""

    masks: FloatArray
    """`(N, h, w)` over the crop's region."""
    box_deltas: FloatArray
    """`(N, 4)`"""
    qualities: FloatArray
    """`(N,)`"""


def hold_mask(box: FloatArray, mask: FloatArray, region: Region) -> FloatArray:
    """Return the box, grown where the mask over `region` reaches past it: shoes, a hand."""
    held = box.copy()
    for axis, counts in enumerate(((mask > 0.5).sum(0), (mask > 0.5).sum(1))):
        seen = np.flatnonzero(counts >= MIN_CELLS_OUTSIDE)
        if not len(seen):
            return box
        low, high = region[axis], region[axis + 2]
        edges = low + np.arange(len(counts) + 1) * ((high - low) / len(counts))
        if edges[seen[0] + 1] <= box[axis]:  # a whole cell lies outside
            held[axis] = edges[seen[0]]
        if edges[seen[-1]] >= box[axis + 2]:
            held[axis + 2] = edges[seen[-1] + 1]
    return held
