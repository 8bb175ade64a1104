"""A captured frame in, everybody's alpha out, within the time that a live picture has.

Knows frames one after the other and what they cost; knows nothing of how they are shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..alpha_frame import AlphaFrame
from ..analysis import with_alphas
from ..detection.detections import Detections
from ..detection.paste import resize_mask
from ..matting.claims import yield_to_seen
from ..matting.matter import Matter
from ..media.frame import Frame, as_eight_bit
from ..people.finder import FoundPeople, PeopleFinder
from .alpha_steadying import LiveAlphaSteadier
from .capture import Captured
from .work_level import PaceKeeper, WorkLevel

SURE_SCORE = 0.7
"""A new person is shown at once from this score on, others when the tracker believes in them: who
walks in shall not be cut away, and a coat on a chair shall not flash up."""
QUICK_LOOK = 2
"""While somebody is not yet confirmed, the detector looks in every second frame at least."""


@dataclass(frozen=True)
class LivePerson:
    """One person of a live frame."""

    number: int
    """From 1, in the order of first showing; never reused."""
    alpha: AlphaFrame


@dataclass(frozen=True)
class LiveFrame:
    """A matted frame on its way to be shown."""

    frame: Frame
    captured_s: float
    people: tuple[LivePerson, ...]
    """Those who are to be shown."""
    level: WorkLevel
    work_s: float
    """What finding and matting took."""


class LiveMatter:
    """Finds, follows and mattes the people of frames in the order of their capture.

    Args:
        finder: Detection and tracking, fresh; its interval is set frame by frame.
        matter: Masks to alphas; its size and its refinements are set frame by frame.
        pace: Chooses the work of each frame.
        record: Takes every frame's people with their alphas, to be written.
        clock: Seconds, of any origin.
    """

    def __init__(
        self,
        finder: PeopleFinder,
        matter: Matter,
        pace: PaceKeeper,
        record: Callable[[FoundPeople], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._finder, self._matter, self.pace = finder, matter, pace
        self._record, self._clock = record, clock
        self._steadier = LiveAlphaSteadier()
        self._centers: dict[int, np.ndarray[tuple[int], np.dtype[np.float32]]] = {}
        self._numbers: dict[int, int] = {}
        self._has_newcomers = False
        self._count = 0

    def process(self, captured: Captured) -> LiveFrame:
        """Return the next frame with its people matted."""
        began_s = self._clock()
        level = self.pace.level
        self._matter.matte_size = level.matte_size
        self._matter.has_refinement = level.has_refinement
        self._matter.has_solved_edges = level.has_solved_edges
        self._matter.has_second_look = level.has_second_look
        every = min(level.detect_every, QUICK_LOOK) if self._has_newcomers else level.detect_every
        self._finder.detect_every = every
        # What was overtaken is no gap: frames count as they are matted.
        found = self._finder.find(replace(captured.frame, index=self._count))
        self._count += 1
        people = found.people if found.record.was_looked_at else self._carried(found)
        people = yield_to_seen(people, found.is_missed)
        image = as_eight_bit(captured.frame.image)
        alphas = self._matter.matte(image, people)
        alphas = self._steadier.steady(image, found.track_ids, alphas)
        centers = _centers(found.people)
        self._centers = dict(zip(found.track_ids, centers, strict=True))
        if self._record is not None:
            self._record(with_alphas(found, alphas))
        shown = self._shown(found, alphas)
        work_s = self._clock() - began_s
        self.pace.note(work_s)
        return LiveFrame(captured.frame, captured.captured_s, shown, level, work_s)

    def _carried(self, found: FoundPeople) -> Detections:
        """Return the people of a frame at which nobody looked, their masks from the last alphas.

        They lie closer than the last detection's masks: limbs move where boxes do not.
        """
        people = found.people
        boxes, masks = people.boxes.copy(), people.masks.copy()
        for row, (track_id, center) in enumerate(
            zip(found.track_ids, _centers(people), strict=True)
        ):
            last = self._steadier.last(track_id)
            if last is None or track_id not in self._centers or not (last.alpha > 0.5).any():
                continue
            h, w = last.alpha.shape
            dx, dy = center - self._centers[track_id]
            corner = (last.left + dx, last.top + dy)
            boxes[row] = (*corner, corner[0] + w, corner[1] + h)
            masks[row] = resize_mask(last.alpha, *masks.shape[1:])
        return replace(people, boxes=boxes, masks=masks)

    def _shown(self, found: FoundPeople, alphas: list[AlphaFrame]) -> tuple[LivePerson, ...]:
        """Return those who are to be shown, and number whoever is new, from left to right."""
        self._has_newcomers = not found.confirmed_ids.issuperset(found.track_ids)
        scores = found.people.scores
        rows = [
            row
            for row, track_id in enumerate(found.track_ids)
            if alphas[row].alpha.size
            and (
                track_id in self._numbers
                or track_id in found.confirmed_ids
                or scores[row] >= SURE_SCORE
            )
        ]
        for row in sorted(rows, key=lambda row: alphas[row].left):
            self._numbers.setdefault(found.track_ids[row], len(self._numbers) + 1)
        return tuple(LivePerson(self._numbers[found.track_ids[r]], alphas[r]) for r in rows)


def _centers(people: Detections) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return the boxes' centres, `(N, 2)` in pixels."""
    return np.asarray((people.boxes[:, :2] + people.boxes[:, 2:]) / 2, np.float32)
