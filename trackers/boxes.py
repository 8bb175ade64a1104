"""Boxes as plain arrays: overlap, growth, and the change of form the motion model needs.

Knows boxes; knows no time and no pixels. A box is always xyxy in pixels, half-open.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]


def as_boxes(boxes: npt.ArrayLike) -> FloatArray:
    """Return boxes as `(n, 4)` float64; an empty list becomes `(0, 4)`.

    Raises:
        ValueError: Not `(n, 4)`, a number is not finite, or a box has no area.
    """
    array = np.asarray(boxes, np.float64)
    if array.size == 0:
        return np.zeros((0, 4))
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes must be (n, 4) xyxy, not {array.shape}")
    # The comparison finds NaN and boxes without area; an infinite corner makes the sum so.
    if not (array[:, 2:] > array[:, :2]).all() or not np.isfinite(array.sum()):
        raise ValueError("boxes must be finite, with right > left and bottom > top")
    return array


def xyxy_to_cxcywh(boxes: FloatArray) -> FloatArray:
    """Return centre, width and height, `(n, 4)`, of xyxy boxes."""
    out = np.empty_like(boxes)
    out[:, 2:] = boxes[:, 2:] - boxes[:, :2]
    out[:, :2] = boxes[:, :2] + 0.5 * out[:, 2:]
    return out


def cxcywh_to_xyxy(boxes: FloatArray) -> FloatArray:
    """Return xyxy boxes of centre, width and height, `(n, 4)`."""
    out = np.empty_like(boxes)
    half = 0.5 * boxes[:, 2:]
    out[:, :2] = boxes[:, :2] - half
    out[:, 2:] = boxes[:, :2] + half
    return out


def expand_boxes(boxes: FloatArray, fraction: float) -> FloatArray:
    """Return boxes grown on each side by `fraction` of their own width and height.

    Source:
        Yang et al. 2023 (C-BIoU), section 3.1: buffered boxes match people who moved past their own
        width.
    """
    margin = fraction * (boxes[:, 2:] - boxes[:, :2])
    out = boxes.copy()
    out[:, :2] -= margin
    out[:, 2:] += margin
    return out


def box_areas(boxes: FloatArray) -> FloatArray:
    """Return areas in px², `(n,)`."""
    size = boxes[:, 2:] - boxes[:, :2]
    return size[:, 0] * size[:, 1]


def pairwise_intersection(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the common area in px² of every pair, `(len(a), len(b))`."""
    size = np.minimum(a[:, None, 2:], b[:, 2:])
    size -= np.maximum(a[:, None, :2], b[:, :2])
    np.maximum(size, 0.0, out=size)
    return size[..., 0] * size[..., 1]


def pairwise_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the IoU of every pair, `(len(a), len(b))`, 0..1."""
    common = pairwise_intersection(a, b)
    return common / (box_areas(a)[:, None] + box_areas(b) - common)
