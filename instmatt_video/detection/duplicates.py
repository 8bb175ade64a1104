"""Tell two people from one person found twice, by what is seen of them; knows masks alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .detections import Detections
from .paste import paste_masks

CANVAS_PX = 128
"""Long side at which masks are compared: people overlap, or they do not, at any size."""
MAX_INSIDE = 0.9
"""Share of a mask that may lie in a better one's: beyond it is a part of that person …"""
MIN_PART = 0.4
"""… if it is at least this share of them; a smaller one may be somebody in front."""
MIN_EXPLAINED = 0.75
"""Share of a mask that a better one, which lies in it, explains: it shows that person again, and
some of what is beside them."""
MIN_MEMBER_INSIDE = 0.6
"""Share of a person's mask that lies in a group's."""
MIN_GROUP_EXPLAINED = 0.7
"""Share of a group's mask that its people explain."""


def without_duplicates(
    detections: Detections, height: int, width: int, max_mask_iou: float
) -> Detections:
    """Return the detections less those whose mask is nearly that of a better one, or of several.

    Visible people never share a pixel, however much their boxes overlap; a person found once with
    and once without an outstretched arm has two boxes, and one mask. A loose box around two people
    who are found each alone is nobody: matted with them, it would take half of their alpha.

    Args:
        detections: Best first.
        height: Of the frame, pixels.
        width: Of the frame, pixels.
        max_mask_iou: Of two masks that overlap more, in 0..1, the better is kept.
    """
    if len(detections) < 2:
        return detections
    scale = CANVAS_PX / max(height, width)
    small = Detections(detections.boxes * np.float32(scale), detections.scores, detections.masks)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    masks = (paste_masks(small, *size) > 0.5).reshape(len(detections), -1).astype(np.float32)
    intersection = masks @ masks.T
    area = masks.sum(axis=1)
    union = area[:, None] + area[None, :] - intersection
    is_part = (intersection > MAX_INSIDE * area[:, None]) & (intersection > MIN_PART * area)
    is_more = (intersection > MAX_INSIDE * area) & (intersection > MIN_EXPLAINED * area[:, None])
    is_same: npt.NDArray[np.bool_] = (intersection > max_mask_iou * union) | is_part | is_more
    kept: list[int] = []
    for index in range(len(detections)):
        inside = [k for k in kept if intersection[index, k] > MIN_MEMBER_INSIDE * area[k] > 0]
        explained = float((masks[inside].max(0) * masks[index]).sum()) if len(inside) > 1 else 0.0
        is_group = explained > MIN_GROUP_EXPLAINED * area[index]
        if not is_group and not is_same[index, kept].any():
            kept.append(index)
    return detections.select(np.array(kept, np.intp))
