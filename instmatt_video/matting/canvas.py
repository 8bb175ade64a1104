"""A frame's pixels and masks on the canvas of a cluster.

Knows pixels and where they lie; knows no networks.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from ..detection.paste import resample_mask
from .crops import Cluster

FloatImage = npt.NDArray[np.float32]


def resize_to_canvas(part: FloatImage, cluster: Cluster) -> FloatImage:
    """Return the cluster's part of the frame at the canvas's size.

    Args:
        part: What the frame shows at `cluster.source`, `(h, w)` or `(h, w, C)`, 0..1.
        cluster: Whose canvas.
    """
    size = (cluster.width, cluster.height)
    if part.shape[1::-1] == size:
        return np.ascontiguousarray(part)
    interpolation = cv2.INTER_AREA if cluster.scale[0] < 1 else cv2.INTER_CUBIC
    resized = cv2.resize(part, size, interpolation=interpolation)
    return np.asarray(np.clip(resized, 0, 1, out=resized), np.float32)


def mask_on_canvas(box: FloatImage, mask: FloatImage, cluster: Cluster) -> FloatImage:
    """Return a box-local mask on the canvas, `(height, width)`, 0..1, 0 outside its box.

    Args:
        box: `(4,)` xyxy in pixels of the frame.
        mask: `(m, n)` over the box, 0..1.
        cluster: Whose canvas.
    """
    left, top, right, bottom = (float(v) for v in box)
    rows = (cluster.rows_in_frame() - top) / (bottom - top)
    columns = (cluster.columns_in_frame() - left) / (right - left)
    canvas = np.zeros((cluster.height, cluster.width), np.float32)
    inside_rows = np.flatnonzero((rows > 0) & (rows < 1))
    inside_columns = np.flatnonzero((columns > 0) & (columns < 1))
    if len(inside_rows) and len(inside_columns):
        canvas[np.ix_(inside_rows, inside_columns)] = resample_mask(
            mask, rows[inside_rows], columns[inside_columns]
        )
    return canvas
