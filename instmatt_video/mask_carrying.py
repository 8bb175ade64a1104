"""A person's mask carried from one frame to a neighbouring one by what the two pictures show.

Knows two pictures, a mask and where it should lie; knows no tracks and no networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .detection.paste import cell_positions, resample_mask

FloatImage = npt.NDArray[np.float32]
EightBit = npt.NDArray[np.uint8]
Box = npt.NDArray[np.float64]

CANVAS_PX = 160
"""Longest side of the pictures between which the flow is measured."""
MARGIN = 0.2
"""What is seen around a box, as a share of its sides: how far a limb may leave it in a step."""
_LEAST = 0.5
"""Where a mask is below, there is nobody: the new box ends there."""


@dataclass(frozen=True)
class CarriedMask:
    """A mask that followed the picture."""

    box: Box
    """`(4,)` xyxy in pixels of the new frame."""
    mask: FloatImage
    """`(m, m)` over the box, 0..1."""


def carry_mask(
    before: EightBit, now: EightBit, box: Box, mask: FloatImage, steps: Sequence[Box]
) -> CarriedMask:
    """Return the mask in the next picture.

    Of the steps that the box may have taken, the one that makes the pictures most alike is taken;
    dense optical flow finds what moved against it.

    Args:
        before: RGB, `(H, W, 3)`.
        now: RGB, of the same size.
        box: Where the mask lies in `before`, `(4,)` xyxy in pixels.
        mask: `(m, m)` over the box, 0..1.
        steps: Changes of the box, `(4,)` pixels each, one or more.

    Returns:
        Mask and box; the moved box with the mask as it was, where flow leaves nothing of it.

    Source:
        Kroeger et al. 2016, Fast Optical Flow using Dense Inverse Search (as in OpenCV).
    """
    width, height = box[2] - box[0], box[3] - box[1]
    scale = CANVAS_PX / ((1 + 2 * MARGIN) * max(width, height))
    columns, rows = (max(16, round((1 + 2 * MARGIN) * side * scale)) for side in (width, height))
    on_canvas = mask_on_box(mask, box, _with_margin(box), rows, columns)
    # Both boxes fill the same part of their canvas: flow is 0 where the box's motion says it all.
    old = _view(before, box, columns, rows)
    weight = cv2.blur(on_canvas, (9, 9))  # a little past the edge, which tells most
    views = [(box + step, _view(now, box + step, columns, rows)) for step in steps]
    expected, new = min(views, key=lambda view: float((cv2.absdiff(view[1], old) * weight).sum()))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(new, old, None)
    grid_x, grid_y = np.meshgrid(np.arange(columns), np.arange(rows))
    moved = cv2.remap(
        on_canvas,
        (grid_x + flow[..., 0]).astype(np.float32),
        (grid_y + flow[..., 1]).astype(np.float32),
        cv2.INTER_LINEAR,
    )
    seen_rows, seen_columns = (np.flatnonzero((moved > _LEAST).any(axis)) for axis in (1, 0))
    if not len(seen_rows):
        return CarriedMask(expected, mask)
    left, right = _edges(seen_columns, columns)
    top, bottom = _edges(seen_rows, rows)
    # Shares of the canvas to the pixels that it shows.
    frame = _with_margin(expected)
    size = np.array([frame[2] - frame[0], frame[3] - frame[1]])
    corners = frame[:2] + np.array([[left, top], [right, bottom]]) * size
    cells = mask.shape[0]
    found = corners.reshape(4)
    return CarriedMask(found, mask_on_box(moved, frame, found, cells, cells))


def mask_on_box(mask: FloatImage, box: Box, wanted: Box, rows: int, columns: int) -> FloatImage:
    """Return a box-local mask on another box, `(rows, columns)`, 0 outside its own.

    Args:
        mask: `(h, w)` over the box, 0..1.
        box: `(4,)` xyxy in pixels.
        wanted: The other box.
        rows: Cells of the result.
        columns: Cells of the result.
    """
    x, y = (
        (start + (stop - start) * cell_positions(count) - low) / (high - low)
        for start, stop, low, high, count in (
            (wanted[0], wanted[2], box[0], box[2], columns),
            (wanted[1], wanted[3], box[1], box[3], rows),
        )
    )
    is_inside = ((y > 0) & (y < 1))[:, None] & ((x > 0) & (x < 1))
    return np.where(is_inside, resample_mask(mask, y, x), np.float32(0))


def _with_margin(box: Box) -> Box:
    margin = MARGIN * (box[2:] - box[:2])
    return np.concatenate([box[:2] - margin, box[2:] + margin])


def _view(image: EightBit, box: Box, columns: int, rows: int) -> EightBit:
    """Return a box and its margin in grey; beyond the picture its edge goes on."""
    left, top, right, bottom = _with_margin(box)
    x, y = (right - left) / columns, (bottom - top) / rows
    # Pixels are areas: the centre of the first one lies half a pixel inside.
    to_image = np.array([[x, 0, left + 0.5 * x - 0.5], [0, y, top + 0.5 * y - 0.5]])
    part = cv2.warpAffine(
        image,
        to_image,
        (columns, rows),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), np.uint8)


def _edges(cells: npt.NDArray[np.intp], count: int) -> tuple[float, float]:
    """Return where the outermost cells begin and end, as shares of the canvas."""
    return float(cells[0]) / count, float(cells[-1] + 1) / count
