"""Everybody's mask from frame to frame: as it was detected, else as the picture moved.

Knows masks and pictures; knows neither who links people nor how long they may be missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..detection.detections import Detections
from ..detection.paste import cell_positions, resample_mask
from ..frame_record import FrameRecord
from .mask_carrying import Box, CarriedMask, EightBit, carry_mask, step_of_centre


@dataclass(frozen=True)
class _Carried:
    """A track's mask, and what is known of its motion."""

    mask: CarriedMask
    box: Box
    """Of the last detection."""
    index: int
    """Frame of the last detection."""
    step: Box
    """Motion of the box's centre a frame, `(4,)` pixels."""

    def step_to(self, box: Box, index: int) -> Box:
        """Return the step that leads from the last detection to a new one."""
        return step_of_centre((box - self.box) / (index - self.index))


class KeptMasks:
    """Keeps the masks of all who are there; frames must come in order."""

    def __init__(self) -> None:
        self._carried: dict[int, _Carried] = {}
        """Everybody's mask in the frame before."""
        self._image: EightBit | None = None
        """The last frame that could be read."""

    @property
    def has_picture(self) -> bool:
        """Whether a frame could be read so far."""
        return self._image is not None

    def carry(
        self, image: EightBit, record: FrameRecord, rows: Mapping[int, int | None]
    ) -> dict[int, CarriedMask]:
        """Bring everybody's mask to a frame.

        Args:
            image: The frame in eight bits, `(H, W, 3)` RGB.
            record: What is known of it.
            rows: Whoever may be there, and the row of their detection; `None` where missed.

        Returns:
            The masks, in the order of `rows` and of the size of the frame's own where it has any.
            Who was missed for long has lost it, and who was added to a stored frame before their
            first detection never had one.
        """
        before, self._carried = {} if record.is_cut else self._carried, {}
        for track_id, row in rows.items():
            last = before.get(track_id)
            if row is not None:
                box = record.detections.boxes[row].astype(np.float64)
                self._carried[track_id] = _Carried(
                    CarriedMask(box, record.detections.masks[row]),
                    box,
                    record.index,
                    np.zeros(4) if last is None else last.step_to(box, record.index),
                )
            elif last is not None and self._image is not None:
                # The box's speed helps where a whole person moves; often it is but an arm's.
                steps = (np.zeros(4), last.step)
                mask = carry_mask(self._image, image, last.mask.box, last.mask.mask, steps)
                self._carried[track_id] = replace(last, mask=mask)
        if not record.is_held:  # before the first picture nobody has looked
            self._image = image
        detections = record.detections
        return {t: _on_grid_of(detections, carried.mask) for t, carried in self._carried.items()}


def _on_grid_of(detections: Detections, carried: CarriedMask) -> CarriedMask:
    """Return a mask on as many cells as those of the detections, if there are any."""
    size = detections.masks.shape[-1]
    if not len(detections) or carried.mask.shape[-1] == size:
        return carried
    positions = cell_positions(size)
    return replace(carried, mask=resample_mask(carried.mask, positions, positions))
