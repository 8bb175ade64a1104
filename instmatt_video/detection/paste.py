"""Lay box-local soft masks on a frame, or resample them to another box; exact to the half pixel."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .detections import Detections

FloatArray = npt.NDArray[np.float32]


def paste_masks(
    detections: Detections,
    height: int,
    width: int,
    region: tuple[int, int, int, int] | None = None,
) -> FloatArray:
    """Return every person's mask on the frame's pixels, `(N, h, w)`, 0..1, 0 outside their box.

    Args:
        detections: People with box-local masks.
        height: Of the frame, pixels.
        width: Of the frame, pixels.
        region: Left, top, right, bottom of the part of the frame that is wanted, whole pixels; it
            may reach past the frame. `None` is the whole frame.

    Raises:
        ValueError: The region is empty.
    """
    left, top, right, bottom = region or (0, 0, width, height)
    if right <= left or bottom <= top:
        raise ValueError(f"region {region} holds no pixel")
    pasted = np.zeros((len(detections), bottom - top, right - left), np.float32)
    for canvas, box, mask in zip(pasted, detections.boxes, detections.masks, strict=True):
        rows = _pixels_inside(box[1], box[3], max(top, 0), min(bottom, height))
        columns = _pixels_inside(box[0], box[2], max(left, 0), min(right, width))
        if not len(rows) or not len(columns):
            continue
        sampled = resample_mask(
            mask,
            (rows + 0.5 - box[1]) / (box[3] - box[1]),
            (columns + 0.5 - box[0]) / (box[2] - box[0]),
        )
        canvas[rows[0] - top : rows[-1] + 1 - top, columns[0] - left : columns[-1] + 1 - left] = (
            sampled
        )
    return pasted


def resample_mask(mask: npt.NDArray[Any], y: npt.NDArray[Any], x: npt.NDArray[Any]) -> FloatArray:
    """Return `mask` interpolated at the crossings of rows `y` and columns `x`, `(len(y), len(x))`.

    Args:
        mask: `(h, w)`.
        y: Positions as shares of the mask's height: 0 its upper edge, 1 its lower edge.
        x: The same along its width.
    """
    rows = _interpolation_matrix(y, mask.shape[0])
    columns = _interpolation_matrix(x, mask.shape[1])
    return np.asarray(rows @ mask.astype(np.float32) @ columns.T, np.float32)


def mask_on_box(
    mask: npt.NDArray[Any],
    box: npt.ArrayLike,
    wanted: npt.ArrayLike,
    rows: int,
    columns: int,
    goes_on: bool = False,
) -> FloatArray:
    """Return a box-local mask on another box, `(rows, columns)`.

    Args:
        mask: `(h, w)` over the box, 0..1.
        box: `(4,)` xyxy in pixels.
        wanted: The other box.
        rows: Cells of the result.
        columns: Cells of the result.
        goes_on: Whether the mask's outer cells go on beyond its box; else it is 0 there.
    """
    left, top, right, bottom = np.asarray(box, np.float64)
    x0, y0, x1, y1 = np.asarray(wanted, np.float64)
    y = (y0 + cell_positions(rows) * (y1 - y0) - top) / (bottom - top)
    x = (x0 + cell_positions(columns) * (x1 - x0) - left) / (right - left)
    moved = resample_mask(mask, y, x)
    if not goes_on:
        moved[(y <= 0) | (y >= 1)] = 0
        moved[:, (x <= 0) | (x >= 1)] = 0
    return moved


def resize_mask(mask: FloatArray, rows: int, columns: int) -> FloatArray:
    """Return a mask at another size, `(rows, columns)`, averaged along a side that shrinks.

    One side at a time: asked to shrink one and enlarge the other, OpenCV averages neither, and the
    mask moves.
    """
    for axis, count in enumerate((rows, columns)):
        if mask.shape[axis] != count:
            size = (mask.shape[1], count) if axis == 0 else (count, mask.shape[0])
            is_shrunk = count < mask.shape[axis]
            interpolation = cv2.INTER_AREA if is_shrunk else cv2.INTER_LINEAR
            mask = cv2.resize(mask, size, interpolation=interpolation)
    return mask


def cell_positions(count: int) -> FloatArray:
    """Return the centres of `count` equal cells as shares of their whole, `(count,)`."""
    return ((np.arange(count) + 0.5) / count).astype(np.float32)


def _pixels_inside(start: float, stop: float, first: int, last: int) -> npt.NDArray[np.intp]:
    """Return the pixels of `first..last` whose centres lie in `start..stop`."""
    begin = max(first, int(np.ceil(start - 0.5)))
    end = min(last, int(np.ceil(stop - 0.5)))
    return np.arange(begin, max(begin, end))


def _interpolation_matrix(positions: npt.NDArray[Any], size: int) -> FloatArray:
    """Return linear weights `(len(positions), size)`; outer cells reach to the edge."""
    cells = np.clip(positions * size - 0.5, 0, size - 1)
    distance = np.abs(cells[:, None] - np.arange(size))
    return np.asarray(np.maximum(0, 1 - distance), np.float32)
