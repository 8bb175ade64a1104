"""What tracks remember beside their boxes: the last mask and a running average of appearance.

Both are optional, for a whole run or for single frames. They re-rank the pairs that boxes allow;
of a track that was seen in the last frame they never forbid one, so a poor mask or a change of
light cannot end a track that its box would have kept.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from .boxes import BoolArray, FloatArray, IntArray
from .config import TrackerConfig
from .masks import MaskArray, pairwise_mask_iou

F = TypeVar("F", bound=np.floating[Any])


class Cues:
    """Masks and appearance of `T` tracks; a track without one has zeros there."""

    def __init__(self, config: TrackerConfig) -> None:
        self.config = config
        self.masks: MaskArray | None = None
        self.appearance: FloatArray | None = None
        self._count = 0

    def refuse_other_shapes(self, masks: MaskArray | None, appearance: FloatArray | None) -> None:
        """Raise `ValueError` where detections' masks or appearance are not shaped like the tracks'.

        Nobody's may be of any shape.
        """
        for kept, new in ((self.masks, masks), (self.appearance, appearance)):
            if kept is None or new is None or not len(new) or kept.shape[1:] == new.shape[1:]:
                continue
            raise ValueError(f"cues changed their shape from {kept.shape[1:]} to {new.shape[1:]}")

    def add(self, count: int, masks: MaskArray | None, appearance: FloatArray | None) -> None:
        """Append `count` tracks with what their first detections show."""
        self.masks = _append(self.masks, self._count, count, masks)
        self.appearance = _append(self.appearance, self._count, count, appearance)
        self._count += count

    def keep(self, index: BoolArray) -> None:
        """Drop every track that `index` does not name."""
        self._count = int(np.count_nonzero(index))
        self.masks = None if self.masks is None else self.masks[index]
        self.appearance = None if self.appearance is None else self.appearance[index]

    def update(
        self, rows: IntArray, masks: MaskArray | None, appearance: FloatArray | None
    ) -> None:
        """Take over the masks of the tracks `rows`, and blend their appearance into the average."""
        if masks is not None and self.masks is None:
            self.masks = np.zeros((self._count, *masks.shape[1:]), np.float32)
        if self.masks is not None:
            # Without a new mask the old one no longer fits the new box.
            self.masks[rows] = 0.0 if masks is None else masks
        if appearance is not None:
            if self.appearance is None:
                self.appearance = np.zeros((self._count, appearance.shape[1]))
            self.appearance[rows] = blend_unit_vectors(
                self.appearance[rows], appearance, self.config.appearance_memory
            )

    def pair_values(
        self,
        overlap: FloatArray,
        track_boxes: FloatArray,
        boxes: FloatArray,
        masks: MaskArray | None,
        appearance: FloatArray | None,
    ) -> FloatArray:
        """Return what each (track, detection) pair is worth in one number, `(T, D)`, from 0.

        Args:
            overlap: IoU of (grown) boxes, `(T, D)`.
            track_boxes: Predicted boxes, `(T, 4)`.
            boxes: Detected boxes, `(D, 4)`.
            masks: Of the detections, `(D, m, m)`.
            appearance: Of the detections, `(D, A)` unit vectors.
        """
        value = overlap
        if masks is not None and self.masks is not None:
            has_mask = np.logical_and.outer(
                np.any(self.masks, axis=(1, 2)), np.any(masks, axis=(1, 2))
            )
            mask_iou = pairwise_mask_iou(track_boxes, self.masks, boxes, masks)
            share = self.config.mask_weight
            value = np.where(has_mask, (1.0 - share) * overlap + share * mask_iou, overlap)
        if appearance is not None and self.appearance is not None:
            likeness = np.maximum(self.appearance @ appearance.T, 0.0)
            value = value + self.config.appearance_weight * likeness
        return value

    def are_strangers(self, appearance: FloatArray) -> BoolArray:
        """Return which pairs surely are two people by appearance, `(T, D)`; never the unknown."""
        if self.appearance is None:
            return np.zeros((self._count, len(appearance)), np.bool_)
        is_known = np.logical_and.outer(np.any(self.appearance, axis=1), np.any(appearance, axis=1))
        is_unlike: BoolArray = self.appearance @ appearance.T < self.config.min_lost_similarity
        is_unlike &= is_known
        return is_unlike


def blend_unit_vectors(old: FloatArray, new: FloatArray, memory: float) -> FloatArray:
    """Return `memory · old + (1 - memory) · new` at unit length; a row of zeros gives way.

    Source:
        Zhang et al. 2021 (FairMOT), section 3.4, and Aharon et al. 2022 (BoT-SORT), eq. 8.
    """
    share = np.where(np.any(old, axis=1, keepdims=True), memory, 0.0)
    share = np.where(np.any(new, axis=1, keepdims=True), share, 1.0)
    blend = share * old + (1.0 - share) * new
    length = np.linalg.norm(blend, axis=1, keepdims=True)
    return blend / np.where(length > 0.0, length, 1.0)


def _append(
    kept: npt.NDArray[F] | None, count: int, num_new: int, new: npt.NDArray[F] | None
) -> npt.NDArray[F] | None:
    """Return the rows of `kept` and then of `new`; zeros stand in for either."""
    if new is not None:
        old = np.zeros((count, *new.shape[1:]), new.dtype) if kept is None else kept
        return np.concatenate([old, new])
    if kept is None:
        return None
    return np.concatenate([kept, np.zeros((num_new, *kept.shape[1:]), kept.dtype)])
