"""The detections of one frame that count: checked, best first, without copies. Knows no tracks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .boxes import BoolArray, FloatArray, IntArray, as_boxes, pairwise_iou
from .config import TrackerConfig
from .masks import MaskArray, pairwise_mask_iou


@dataclass(frozen=True)
class FrameDetections:
    """The detections of one call that count, with the rows that they had in the call."""

    rows: IntArray
    boxes: FloatArray
    scores: FloatArray
    masks: MaskArray | None
    appearance: FloatArray | None

    @cached_property
    def centers(self) -> FloatArray:
        """`(N, 2)` in pixels."""
        return 0.5 * (self.boxes[:, :2] + self.boxes[:, 2:])


def take_in(
    boxes: npt.ArrayLike,
    scores: npt.ArrayLike,
    masks: npt.ArrayLike | None,
    appearance: npt.ArrayLike | None,
    config: TrackerConfig,
) -> FrameDetections:
    """Return the detections that count: score high enough, and no weaker copy of another.

    Args:
        boxes: `(N, 4)` xyxy in pixels, in any order. May be empty.
        scores: `(N,)`, 0..1.
        masks: `(N, m, m)`, 0..1; an `m × m` grid of cells laid over each box.
        appearance: `(N, D)` unit vectors.
        config: Says which scores count, and what is a copy.

    Raises:
        ValueError: Shapes do not fit together, a box has no area, or numbers are not finite.
    """
    box = as_boxes(boxes)
    score = np.asarray(scores, np.float64).reshape(-1)
    mask = None if masks is None else np.asarray(masks, np.float32)
    look = None if appearance is None else np.asarray(appearance, np.float64)
    for name, cue, rank in (("scores", score, 1), ("masks", mask, 3), ("appearance", look, 2)):
        if cue is not None and (cue.ndim != rank or len(cue) != len(box)):
            raise ValueError(f"{name} of shape {cue.shape} do not fit {len(box)} boxes")
        if cue is not None and not np.isfinite(cue).all():
            raise ValueError(f"{name} must be finite numbers")
    if mask is not None and len(mask) and not 1 <= mask.shape[1] == mask.shape[2]:
        raise ValueError(f"masks must be (N, m, m), not {mask.shape}")
    rows = np.flatnonzero(score >= config.low_score)
    # An order of our own, so that the caller's order changes nothing: best first, then from the
    # left.
    rows = rows[np.lexsort((box[rows, 1], box[rows, 0], -score[rows]))]
    if config.duplicate_iou < 1.0 and len(rows) > 1:
        rows = rows[_are_originals(box[rows], None if mask is None else mask[rows], config)]
    return FrameDetections(
        rows,
        box[rows],
        score[rows],
        None if mask is None else mask[rows],
        None if look is None else look[rows],
    )


def _are_originals(boxes: FloatArray, masks: MaskArray | None, config: TrackerConfig) -> BoolArray:
    """Return which detections, best first, are no copy of a better one."""
    is_kept = np.ones(len(boxes), np.bool_)
    is_copy = pairwise_iou(boxes, boxes) > config.duplicate_iou
    if np.count_nonzero(is_copy) == len(boxes):  # each is like itself only
        return is_kept
    if masks is not None:
        # Two people may fill one box; they never fill one outline.
        is_copy &= pairwise_mask_iou(boxes, masks, boxes, masks) > config.duplicate_iou
    for better, weaker in np.argwhere(np.triu(is_copy, 1)):
        is_kept[weaker] &= not is_kept[better]
    return is_kept
