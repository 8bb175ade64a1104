"""Everybody's masks, made to agree with those of the frames before and after.

A detector errs anew in every frame: an arm is there, gone, and there again, and the matte with it.
What the neighbouring frames saw is carried to each frame by optical flow and averaged with what it
saw itself, wherever the flow explains the picture. So a frame is given out some frames late. Knows
people in the order of time; knows no networks.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..detection.detector import Detector
from ..detection.paste import mask_on_box
from ..media.frame import as_eight_bit
from .finder import FoundPeople
from .mask_carrying import (
    CarriedMask,
    EightBit,
    FloatImage,
    PersonMotion,
    box_of_mask,
    enclosing_box,
    follow_person,
    step_of_centre,
    surroundings,
)

CELLS = 96
"""Along a side of the canvas on which masks meet: a detector's 64 over the box, and the margin."""


@dataclass
class _Moment:
    """A frame's people, and how they move to the frames beside it."""

    people: dict[int, CarriedMask]
    """By track."""
    is_seen: dict[int, bool]
    """Whether the detector saw them here: else the mask is another frame's."""
    to_next: dict[int, PersonMotion] = field(default_factory=dict)
    to_last: dict[int, PersonMotion] = field(default_factory=dict)


class MaskSteadier:
    """Steadies the masks of a clip's people; frames must come in order.

    Args:
        reach: Frames on either side whose masks count; 0 gives every frame out as it is.
    """

    def __init__(self, reach: int) -> None:
        self.reach = reach
        self._waiting: deque[FoundPeople] = deque()
        """Frames that were not given out yet."""
        self._moments: deque[_Moment] = deque(maxlen=2 * reach + 1)
        """Those frames', and of some before."""
        self._image: EightBit | None = None
        """The last one."""

    @classmethod
    def of(cls, detector: Detector, reach: int) -> MaskSteadier:
        """Return one for a detector's masks; exact ones stay as they are."""
        return cls(0 if detector.has_exact_masks else reach)

    def take(self, found: FoundPeople) -> list[FoundPeople]:
        """Take the next frame; return those that no later frame can change any more."""
        self.recall(found)
        self._waiting.append(found)
        return [self._give_out()] if len(self._waiting) > self.reach else []

    def finish(self) -> list[FoundPeople]:
        """Return the frames that still wait, after the last one."""
        return [self._give_out() for _ in range(len(self._waiting))]

    def recall(self, found: FoundPeople) -> None:
        """Take a frame that is not to be given out: it was, in an earlier run."""
        if not self.reach:
            return
        rows = zip(found.people.boxes.astype(np.float64), found.people.masks, strict=True)
        people = dict(zip(found.track_ids, itertools.starmap(CarriedMask, rows), strict=True))
        is_seen = {t: not c for t, c in zip(found.track_ids, found.is_coasted, strict=True)}
        now, image = _Moment(people, is_seen), as_eight_bit(found.frame.image)
        if self._image is not None and not found.record.is_cut:
            last = self._moments[-1]
            for track_id in last.people.keys() & people.keys():
                before, after = last.people[track_id], people[track_id]
                last.to_next[track_id] = _motion(self._image, image, before, after)
                now.to_last[track_id] = _motion(image, self._image, after, before)
        self._image = image
        self._moments.append(now)

    def _give_out(self) -> FoundPeople:
        position = len(self._moments) - len(self._waiting)
        found = self._waiting.popleft()
        if not self.reach or not found.track_ids:
            return found
        size = found.frame.image.shape[1::-1]
        steadied = [self._steadied(position, track_id, size) for track_id in found.track_ids]
        people = replace(
            found.people,
            boxes=np.stack([person.box for person in steadied]).astype(np.float32),
            masks=np.stack([person.mask for person in steadied]),
        )
        return replace(found, people=people)

    def _steadied(self, position: int, track_id: int, size: tuple[int, int]) -> CarriedMask:
        own = self._moments[position].people[track_id]
        canvas = surroundings(own.box)
        mine = mask_on_box(own.mask, own.box, canvas, CELLS, CELLS)
        total, weight = mine.copy(), np.ones_like(mine)
        for mask, likeness, frame in self._neighbours(position, track_id):
            share = mask_on_box(likeness, frame, canvas, CELLS, CELLS)
            total += share * mask_on_box(mask, frame, canvas, CELLS, CELLS)
            weight += share
        mean = total / weight
        found = box_of_mask(mean, canvas)
        if found is None:
            return own
        found = found.clip(0, [*size, *size])
        box = enclosing_box(own.box, found)
        # The change alone goes through the canvas: the mask's own detail stays.
        cells = own.mask.shape[0]
        change = mask_on_box(mean - mine, canvas, box, cells, cells)
        mask = mask_on_box(own.mask, own.box, box, cells, cells) + change
        return CarriedMask(box, mask.clip(0, 1))

    def _neighbours(
        self, position: int, track_id: int
    ) -> Iterator[tuple[FloatImage, FloatImage, npt.NDArray[np.float64]]]:
        """Yield masks of the frames around, carried here: mask, likeness 0..1, and where they lie.

        Likeness is how well the motion explains the picture, on every step of the way.
        """
        for direction in (-1, 1):
            motions: list[PersonMotion] = []
            for distance in range(1, self.reach + 1):
                source = position + direction * distance
                if not 0 <= source < len(self._moments):
                    break
                moment = self._moments[source]
                motion = (moment.to_next if direction < 0 else moment.to_last).get(track_id)
                if motion is None:
                    break
                motions.insert(0, motion)
                if moment.is_seen[track_id]:
                    yield _carried(moment.people[track_id], motions)


def _motion(
    before: EightBit, now: EightBit, person: CarriedMask, moved: CarriedMask
) -> PersonMotion:
    steps = (np.zeros(4), step_of_centre(moved.box - person.box))
    return follow_person(before, now, person.box, person.mask, steps)


def _carried(
    person: CarriedMask, motions: list[PersonMotion]
) -> tuple[FloatImage, FloatImage, npt.NDArray[np.float64]]:
    """Return a mask after some motions, its likeness, and where both lie."""
    mask, likeness, frame = person.mask, None, person.box
    for motion in motions:
        mask = motion.move(mask, frame)
        so_far = 1 if likeness is None else motion.move(likeness, frame)
        likeness = motion.likeness * so_far
        frame = motion.end
    assert likeness is not None
    return mask, likeness, frame
