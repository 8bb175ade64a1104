"""Overlap of people by their box-local soft masks. Knows masks laid over boxes; knows no frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .boxes import FloatArray, IntArray, box_areas

MaskArray = npt.NDArray[np.float32]

# Samples per side of the common area of two boxes; a body's outline needs no more to tell it from
# another's.
GRID = 16


def pairwise_mask_iou(
    a_boxes: FloatArray, a_masks: MaskArray, b_boxes: FloatArray, b_masks: MaskArray
) -> FloatArray:
    """Return the soft IoU of every pair of masks, `(len(a), len(b))`, 0..1.

    Args:
        a_boxes: `(A, 4)` xyxy in pixels.
        a_masks: `(A, m, m)`, 0..1; an `m × m` grid of cells laid over each box.
        b_boxes: `(B, 4)`.
        b_masks: `(B, k, k)`.

    Returns:
        Sum of the smaller mask over sum of the larger one; 0 where boxes are apart or a mask is
        empty.
    """
    low = np.maximum(a_boxes[:, None, :2], b_boxes[:, :2])
    high = np.minimum(a_boxes[:, None, 2:], b_boxes[:, 2:])
    rows, columns = np.nonzero((high > low).all(axis=2))
    iou = np.zeros((len(a_boxes), len(b_boxes)))
    if not len(rows):
        return iou
    low, size = low[rows, columns], (high - low)[rows, columns]
    steps = (np.arange(GRID) + 0.5) / GRID
    points = (
        low[:, None] + steps[:, None] * size[:, None]
    )  # (P, GRID, 2): x and y of the sample lines
    smaller = np.minimum(
        _sample(a_boxes, a_masks, rows, points), _sample(b_boxes, b_masks, columns, points)
    )
    common = smaller.mean(axis=(1, 2), dtype=np.float64) * size[:, 0] * size[:, 1]
    a_area = box_areas(a_boxes) * a_masks.mean(axis=(1, 2), dtype=np.float64)
    b_area = box_areas(b_boxes) * b_masks.mean(axis=(1, 2), dtype=np.float64)
    union = a_area[rows] + b_area[columns] - common
    iou[rows, columns] = np.clip(common / np.maximum(union, 1e-9), 0.0, 1.0)
    return iou


def _sample(boxes: FloatArray, masks: MaskArray, index: IntArray, points: FloatArray) -> MaskArray:
    """Return masks `index` on the grids of sample lines `(P, GRID, 2)`, `(P, GRID, GRID)`."""
    m = masks.shape[1]
    box = boxes[index]
    cell = (points - box[:, None, :2]) / (box[:, None, 2:] - box[:, None, :2]) * m
    cell_index = np.clip(cell.astype(np.intp), 0, m - 1)
    sampled: MaskArray = masks[
        index[:, None, None], cell_index[:, :, None, 1], cell_index[:, None, :, 0]
    ]
    return sampled
