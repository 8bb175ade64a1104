"""Who is who: overlaps of supports, and one-to-one assignments of predictions to targets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from .alpha import Mask

_Matrix = npt.NDArray[np.float64]


def count_overlaps(
    predictions: Mask, targets: Mask
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the areas of intersection and union of every pair, in pixels.

    Args:
        predictions: `(P, H, W)`.
        targets: `(G, H, W)`.

    Returns:
        Two arrays `(P, G)`.
    """
    if not len(predictions) or not len(targets):
        empty = np.zeros((len(predictions), len(targets)), dtype=np.int64)
        return empty, empty.copy()
    # Eight pixels to a byte, so that a pair of full frames costs microseconds.
    packed = [
        np.packbits(stack.reshape(len(stack), -1), axis=1) for stack in (predictions, targets)
    ]
    areas = [np.bitwise_count(bits).sum(axis=1, dtype=np.int64) for bits in packed]
    intersection = np.zeros((len(predictions), len(targets)), dtype=np.int64)
    for row, bits in enumerate(packed[0]):
        intersection[row] = np.bitwise_count(bits & packed[1]).sum(axis=1, dtype=np.int64)
    union = areas[0][:, None] + areas[1][None] - intersection
    return intersection, union


def iou_matrix(predictions: Mask, targets: Mask) -> _Matrix:
    """Return the intersection over union of every pair, `(P, G)`; 0 where both are empty."""
    intersection, union = count_overlaps(predictions, targets)
    return intersection / np.maximum(union, 1)


def assign_min_cost(cost: _Matrix) -> list[tuple[int, int]]:
    """Return the one-to-one (row, column) pairs of least total cost, by row.

    With more rows than columns, or fewer, the surplus stays unassigned. Empty gives `[]`.
    """
    if not cost.size:
        return []
    rows, columns = linear_sum_assignment(cost)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]
