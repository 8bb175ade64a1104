"""The connectivity error of mattes, on runs of pixels instead of labelled frames.

The largest component is wanted at ten thresholds of every pair. A person's mask has a few runs of
pixels in each row, so its components are found on a graph of some thousand runs, and what leaves a
component is looked up only where prediction and target differ (elsewhere the error is 0).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .alpha import Float, Mask

THRESHOLDS = np.linspace(0, 1, 11, dtype=np.float64).astype(np.float32)
DEAD_ZONE = np.float32(0.15)
"""Differences to the level of connection below this do not count."""

_Indices = npt.NDArray[np.intp]


def _find_runs(padded: npt.NDArray[np.uint8]) -> tuple[_Indices, _Indices]:
    """Return the flat starts and ends (half-open) of the runs of ones, row by row.

    Args:
        padded: `(H, W + 1)` zeros and ones, whose last column is 0 and parts the rows.
    """
    flat = padded.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat[0]:
        edges = np.concatenate((np.zeros(1, dtype=edges.dtype), edges))
    return edges[::2], edges[1::2]


def _label_runs(starts: _Indices, ends: _Indices, stride: int) -> tuple[int, _Indices]:
    """Return the number of 4-connected components, and each run's component.

    Components are numbered in the order of their first pixel.
    """
    # The runs of the next row that share a column with this one are neighbours in the list.
    first = np.searchsorted(ends, starts + stride, side="right")
    last = np.searchsorted(starts, ends + stride, side="left")
    counts = last - first
    above = np.repeat(np.arange(starts.size), counts)
    offsets = np.arange(above.size) - np.repeat(np.cumsum(counts) - counts, counts)
    below = np.repeat(first, counts) + offsets
    graph = coo_array(
        (np.ones(above.size, dtype=np.uint8), (above, below)), shape=(starts.size, starts.size)
    )
    count, labels = connected_components(graph, directed=False)
    return count, labels


def keep_largest_component(padded: npt.NDArray[np.uint8]) -> None:
    """Set to 0, in place, all but the largest 4-connected component (of equals, the first).

    Args:
        padded: `(H, W + 1)` zeros and ones, contiguous, whose last column is 0.
    """
    starts, ends = _find_runs(padded)
    if not starts.size:
        return
    count, labels = _label_runs(starts, ends, padded.shape[1])
    if count == 1:
        return
    lengths = ends - starts
    sizes = np.bincount(labels, weights=lengths)
    is_lost = labels != np.argmax(sizes)
    lost = lengths[is_lost]
    pixels = np.repeat(starts[is_lost] - (np.cumsum(lost) - lost), lost) + np.arange(lost.sum())
    padded.reshape(-1)[pixels] = 0


def connectivity_error_sum(
    prediction: Float,
    target: Float,
    region: Mask,
    thresholds: npt.NDArray[np.floating] = THRESHOLDS,
) -> float:
    """Return the sum over the region of the difference in connectivity.

    A pixel's level is the last threshold at which it still belongs to the largest 4-connected
    component of `{prediction >= t and target >= t}`; connectivity is 1 less what the alpha
    exceeds that level by, where that is `DEAD_ZONE` or more.

    Args:
        prediction: `(H, W)`, 0..1.
        target: `(H, W)`, 0..1.
        region: `(H, W)`, where the error counts.
        thresholds: Ascending, from 0 to 1.

    Source:
        Rhemann et al. 2009 (alphamatting.com), connectivity error.
    """
    height, width = prediction.shape
    differs = np.zeros((height, width + 1), dtype=np.bool_)
    np.logical_and(prediction != target, region, out=differs[:, :width])
    pixels = np.flatnonzero(differs)
    if not pixels.size:
        return 0.0
    levels = np.ones(pixels.size, dtype=thresholds.dtype)
    remaining = np.arange(pixels.size)
    common = np.minimum(prediction, target)
    component = np.zeros((height, width + 1), dtype=np.uint8)
    for below, threshold in pairwise(thresholds):
        np.greater_equal(
            common, threshold, out=component[:, :width].view(np.bool_), casting="unsafe"
        )
        keep_largest_component(component)
        stays = component.reshape(-1)[pixels[remaining]] > 0
        levels[remaining[~stays]] = below
        remaining = remaining[stays]
        if not remaining.size:
            break
    inside = differs[:, :width]
    connectivity = []
    for alpha in (prediction[inside], target[inside]):
        excess = alpha - levels
        connectivity.append(1 - excess * (excess >= DEAD_ZONE))
    return float(np.abs(connectivity[0] - connectivity[1]).sum(dtype=np.float64))
