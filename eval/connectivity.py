"""The connectivity error of mattes, on runs of pixels instead of labelled frames.

The largest component is wanted at ten thresholds of every pair. A person's mask has a few runs of
pixels in each row, so the components of all ten are found at once on a graph of some thousand
runs, and connectivity is looked up only where prediction and target differ (elsewhere its error
is 0).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .alpha import Alpha, Mask, to_unit

THRESHOLDS = np.linspace(0, 1, 11, dtype=np.float64).astype(np.float32)
"""Levels of alpha, ascending (Rhemann et al. 2009, connectivity error)."""
DEAD_ZONE = np.float32(0.15)
"""Differences to the level of connection below this do not count (likewise)."""

_Bytes = npt.NDArray[np.uint8]
_Indices = npt.NDArray[np.int32]
"""32 bits: the arrays stay in the cache, and scipy's graphs take them as they are."""


def _find_runs(steps: _Bytes) -> list[_Indices]:
    """Return the runs of pixels `>= i`, for each step i from 1 to the highest.

    Args:
        steps: `(H, W + 1)`, whose last column is 0 and parts the rows.

    Returns:
        Of each step flat starts and ends (half-open), `(R, 2)`, row by row.
    """
    flat = steps.reshape(-1)
    before = np.flatnonzero(flat[1:] != flat[:-1]).astype(np.int32)
    sides = flat[before], flat[before + 1]
    edges = before + np.int32(1)
    low, high = np.minimum(*sides), np.maximum(*sides)
    if flat[0]:
        edges = np.concatenate((np.zeros(1, dtype=edges.dtype), edges))
        low = np.concatenate((np.zeros(1, dtype=low.dtype), low))
        high = np.concatenate((flat[:1], high))
    if not edges.size:
        return []
    # An edge stands for as many ends of runs as steps that it crosses: all are listed, then sorted
    # by step. Sorting bytes takes no comparisons.
    crossed: _Bytes = high - low
    listed: _Indices = np.cumsum(crossed, dtype=np.int32)
    # Those listed for earlier edges, less the step below the first.
    offset: _Indices = listed - high.astype(np.int32)
    step = (np.arange(listed[-1], dtype=np.int32) - np.repeat(offset, crossed)).astype(np.uint8)
    ends = np.repeat(edges, crossed)[np.argsort(step, kind="stable")].reshape(-1, 2)
    return np.split(ends, np.cumsum(np.bincount(step) // 2)[:-1])


def _label_runs(runs: _Indices, stride: int) -> _Indices:
    """Return each run's 4-connected component, numbered in the order of their first pixels."""
    count = len(runs)
    ends = runs.reshape(-1)
    # The runs of the next row that share a column with a run are neighbours in the list: those from
    # the first that ends behind its start to the last that starts before its end. Starts and ends
    # alternate, so half the number of both before a pixel is the number of runs.
    sought = ends + np.int32(stride)
    sought[::2] += 1
    order = np.argsort(np.concatenate((sought, ends)), kind="stable")
    rank = np.empty(order.size, dtype=np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    passed = rank[: 2 * count]
    passed -= np.arange(2 * count, dtype=np.int32)
    first, last = passed[::2] >> 1, (passed[1::2] + 1) >> 1
    counts = last - first
    rows = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(counts, out=rows[1:])
    below = np.arange(rows[-1], dtype=np.int32) + np.repeat(first - rows[:-1], counts)
    graph = csr_array((np.ones(below.size), below, rows), shape=(count, count))
    labels: _Indices = connected_components(graph, directed=False)[1]
    return labels


def _find_lost_runs(runs: list[_Indices], plane: int, stride: int) -> list[_Indices]:
    """Return, for each step, the runs outside of its largest component (of equals, the first).

    Args:
        runs: Of each step, `(R, 2)`, at least one.
        plane: Pixels of a padded frame and an empty row, which keeps the steps apart.
        stride: Pixels of a padded row.
    """
    stacked = np.concatenate([own_runs + i * plane for i, own_runs in enumerate(runs)])
    labels = _label_runs(stacked, stride)
    sizes = np.bincount(labels, weights=stacked[:, 1] - stacked[:, 0])
    lost = []
    begin = 0
    for own_runs in runs:
        own_labels = labels[begin : begin + len(own_runs)]
        begin += len(own_runs)
        first, last = own_labels[0], own_labels.max()
        largest = first + sizes[first : last + 1].argmax()
        lost.append(own_runs[own_labels != largest])
    return lost


def _list_pixels(runs: _Indices) -> _Indices:
    """Return the flat indices of all pixels of the runs."""
    lengths = runs[:, 1] - runs[:, 0]
    before = np.cumsum(lengths) - lengths
    pixels = np.arange(lengths.sum(), dtype=np.int32)
    pixels += np.repeat(runs[:, 0] - before.astype(np.int32), lengths)
    return pixels


def _count_passed(common: Alpha) -> _Bytes:
    """Return how many of the thresholds, from the second on, each pixel reaches.

    Returns:
        `(H, W + 1)`, the last column 0.
    """
    height, width = common.shape
    steps = np.zeros((height, width + 1), dtype=np.uint8)
    inner = steps[:, :width]
    if np.issubdtype(common.dtype, np.integer):
        values = to_unit(np.arange(np.iinfo(common.dtype).max + 1, dtype=common.dtype))
        table = np.searchsorted(THRESHOLDS[1:], values, side="right").astype(np.uint8)
        np.take(table, common, out=inner, mode="clip")
    else:
        for threshold in THRESHOLDS[1:]:
            inner += common >= threshold
    return steps


def count_connected(prediction: Alpha, target: Alpha) -> _Bytes:
    """Return through how many thresholds, from the second on, each pixel stays connected.

    Args:
        prediction: `(H, W)` alpha.
        target: `(H, W)` alpha of the same type.

    Returns:
        `(H, W)`: a pixel with `n` belongs to the largest 4-connected component of
        `{prediction >= t and target >= t}` for the thresholds 1 to n (without a gap), and has
        left it at n + 1.
    """
    steps = _count_passed(np.minimum(prediction, target))
    height, stride = steps.shape
    runs = _find_runs(steps)
    if runs:
        lost = _find_lost_runs(runs, (height + 1) * stride, stride)
        # From the top, so that the first loss of a pixel is what remains.
        for i in range(len(runs) - 1, -1, -1):
            if len(lost[i]):
                steps.reshape(-1)[_list_pixels(lost[i])] = i
    return steps[:, :-1]


def connectivity_error_sum(prediction: Alpha, target: Alpha, region: Mask) -> float:
    """Return the sum over the region of the difference in connectivity.

    A pixel's level is the last threshold at which it still belongs to the largest 4-connected
    component of `{prediction >= t and target >= t}`; connectivity is 1 less what the alpha
    exceeds that level by, where that is `DEAD_ZONE` or more.

    Args:
        prediction: `(H, W)` alpha.
        target: `(H, W)` alpha.
        region: `(H, W)`, where the error counts.

    Source:
        Rhemann et al. 2009 (alphamatting.com), connectivity error.
    """
    if prediction.dtype != target.dtype or not np.issubdtype(prediction.dtype, np.integer):
        prediction, target = to_unit(prediction), to_unit(target)
    pixels = np.flatnonzero((prediction != target) & region)
    if not pixels.size:
        return 0.0
    levels = THRESHOLDS[count_connected(prediction, target).reshape(-1)[pixels]]
    connectivity = []
    for alpha in (prediction, target):
        excess = to_unit(alpha.reshape(-1)[pixels]) - levels
        connectivity.append(1 - excess * (excess >= DEAD_ZONE))
    return float(np.abs(connectivity[0] - connectivity[1]).sum(dtype=np.float64))
