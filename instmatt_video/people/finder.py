"""Detection and tracking of a clip's people, frame by frame: who is where, and with which mask.

Knows detectors and trackers; knows nothing of mattes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from instmatt_video.trackers import (
    CameraMotionEstimator,
    CutDetector,
    Track,
    Tracker,
    TrackerConfig,
    describe_people,
)

from ..detection.detections import Detections
from ..detection.detector import Detector
from ..frame_record import FrameRecord, TrackedBox
from ..media.frame import Frame, as_eight_bit
from .identities import DRAWN, Cast, cast_of, known_cast
from .kept_masks import KeptMasks

MAX_COAST_FRAMES = 8
"""A person whom the detector misses keeps the last mask, moved along, for so many frames. It goes
where the pictures' flow carries it, as in all frames between two detections."""
MAX_KEY_FRAMES_APART = 250
"""Masks that somebody drew are carried on to the next frame that has some, if it is no farther."""


@dataclass(frozen=True)
class FoundPeople:
    """Who is to be matted in a frame."""

    frame: Frame
    record: FrameRecord
    """Without alphas."""
    people: Detections
    """One for each of `track_ids`."""
    track_ids: tuple[int, ...]
    is_coasted: tuple[bool, ...]
    """Not detected in this frame: the mask is the last one, moved along."""
    is_missed: tuple[bool, ...]
    """Not detected when the detector last looked, in this frame or before."""
    confirmed_ids: frozenset[int]
    """Everybody whom the tracker believes in, up to this frame."""


@dataclass
class _Seen:
    """A living track."""

    score: float
    """Of the last detection."""
    age: int
    """Frames since then."""
    row: int | None
    """Of the detection in the current frame."""


class _Present(NamedTuple):
    """A track in a frame."""

    track_id: int
    row: int | None
    """Of the detection."""
    score: float
    """Of the last detection."""


class PersonTracker(Protocol):
    """Links the detections of successive frames into tracks, as `trackers.Tracker` does."""

    @property
    def confirmed_ids(self) -> frozenset[int]:
        """Ids of all tracks that were ever believed in, up to now."""
        ...

    def finish(self) -> frozenset[int]:
        """End all tracks; return the ids of those ever believed in."""
        ...

    def update(
        self,
        boxes: npt.ArrayLike,
        scores: npt.ArrayLike,
        *,
        masks: npt.ArrayLike | None = None,
        appearance: npt.ArrayLike | None = None,
        camera_motion: npt.ArrayLike | None = None,
        is_cut: bool = False,
        elapsed_frames: int = 1,
    ) -> list[Track]:
        """Return all living tracks after the next frame; see `trackers.Tracker.update`."""
        ...


class PeopleFinder:
    """Finds and follows people; frames must come in order.

    Args:
        detector: Finds people in single frames.
        detect_every: Frames from one detection to the next.
        tracker: Links people, fresh; `None` takes the detector's word for who is who, where it
            knows, and else our tracker, with the detector's own birth score.
        person_names: What the detector calls people, by the identities that it tells.
    """

    def __init__(
        self,
        detector: Detector,
        detect_every: int = 1,
        tracker: PersonTracker | None = None,
        person_names: Mapping[int, str] | None = None,
    ) -> None:
        self.detector = detector
        self.detect_every = detect_every
        self._is_word_taken = tracker is None
        if tracker is None:
            tracker = _our_tracker(detector.confident_score)
        self.tracker: PersonTracker = tracker
        self.names = dict(person_names or {}) if self._is_word_taken else {}
        """What people are called of whom that is known before they are found, by tracklet."""
        self._told: set[int] = set()
        """Everybody of whom the detector itself has told who they are."""
        self._camera = CameraMotionEstimator()
        self._cuts = CutDetector()
        self._seen: dict[int, _Seen] = {}
        self._masks = KeptMasks()
        self._elapsed = 0
        """Frames since the detector last looked."""
        self._missed: frozenset[int] = frozenset()
        """Whom the detector did not find when it last looked."""
        self._is_new_shot = False
        """A cut has come that the tracker has not been told of: nobody has looked since."""

    def find(self, frame: Frame) -> FoundPeople:
        """Return the people of the next frame."""
        image = as_eight_bit(frame.image)
        is_cut = not frame.is_held and self._cuts.update(image)
        if is_cut:
            self._camera.reset()
        self._elapsed += 1
        self._is_new_shot |= is_cut
        due = self._elapsed >= self.detect_every or not self._masks.has_picture or self._is_new_shot
        looks = due and not frame.is_held and self.detector.looks_at(frame.index)
        detections, camera = Detections.empty(), None
        if looks:
            detections = self.detector.detect([frame.image], [frame.index])[0]
            camera = self._camera.estimate(image, detections.boxes)
            looks_like = describe_people(image, detections.boxes, detections.masks)
            detections = replace(detections, features=looks_like.astype(np.float32))
        record = FrameRecord(
            frame.index,
            frame.time,
            is_cut,
            looks,
            camera,
            detections,
            tracks=(),
            alphas=(),
            is_held=frame.is_held,
            shows_scene=not frame.is_held and self._cuts.shows_scene,
        )
        self._track(record)
        awaits = self._awaits_key_frame(frame.index)
        present = [
            _Present(track_id, seen.row, seen.score)
            for track_id, seen in sorted(self._seen.items())
            if awaits or seen.age <= self._max_age
        ]
        return self._found(frame, image, record, present)

    @property
    def warm_up_frames(self) -> int:
        """Stored frames that must be seen again before a resumed run goes on.

        And all since the detector looked for the last time but one: a mask is carried from the last
        detection, with the speed from the one before.
        """
        return 2 * self._max_age + 1

    @property
    def _max_age(self) -> int:
        return MAX_COAST_FRAMES + self.detect_every

    def _awaits_key_frame(self, index: int) -> bool:
        """Say whether masks that somebody drew go on soon after a frame."""
        soon = range(index + 1, index - self._elapsed + MAX_KEY_FRAMES_APART + 1)
        return self.detector.has_exact_masks and any(map(self.detector.looks_at, soon))

    def replay(self, record: FrameRecord) -> None:
        """Take a stored frame's detections as if they had been found now."""
        self._elapsed += 1
        self._track(record)

    def recall_scene(self, frame: Frame) -> None:
        """See again, before `prepare`, one of the `MEMORY_FRAMES` that showed a scene last."""
        self._cuts.update(as_eight_bit(frame.image))

    def prepare(self, frame: Frame, record: FrameRecord) -> FoundPeople:
        """See a frame again before a resumed run goes on: pictures are compared with past ones.

        The last stored frames, in order, bring all to where it was; see `warm_up_frames`.

        Returns:
            The frame's people as they were found.
        """
        image = as_eight_bit(frame.image)
        if not record.is_held:
            self._cuts.update(image)
        if record.is_cut:
            self._camera.reset()
        if record.was_looked_at:
            self._camera.estimate(image, record.detections.boxes)
        present = [_Present(t.track_id, t.row, t.score) for t in record.tracks]
        if record.was_looked_at:
            self._missed = _missed_of(present)
        return self._found(frame, image, record, present)

    def finish(self) -> frozenset[int]:
        """End all tracks after the clip's last frame; return whom there is reason to believe in."""
        return self.tracker.finish() | self._told

    def cast(self, records: Iterable[FrameRecord], believed: frozenset[int]) -> Cast:
        """Return the people of a clip that was followed to its end.

        Masks that somebody drew are of people, however few; and who is who stays as it was told.

        Args:
            records: All its frames, in order.
            believed: What `finish` returned.
        """
        if self._told:
            told = sorted(self._told)
            return known_cast(records, [[n] for n in told], (), [self.names.get(n) for n in told])
        return cast_of(records, believed, DRAWN if self.detector.has_exact_masks else None)

    def _track(self, record: FrameRecord) -> None:
        """Bring the living tracks to a frame."""
        self._is_new_shot |= record.is_cut
        if record.is_cut:
            self._seen.clear()
        if not record.was_looked_at:
            for seen in self._seen.values():
                seen.age, seen.row = seen.age + 1, None
            return
        living = self._linked(record)
        self._missed = _missed_of(living)
        before, self._seen, self._elapsed, self._is_new_shot = self._seen, {}, 0, False
        for track_id, row, score in living:
            if row is not None:
                self._seen[track_id] = _Seen(score, 0, row)
            elif track_id in before and not self.detector.has_exact_masks:
                # Frames in which nobody looked have been counted one by one.
                self._seen[track_id] = _Seen(score, before[track_id].age + 1, None)

    def _linked(self, record: FrameRecord) -> list[_Present]:
        """Return everybody who lives after a look: detected in it, or missed."""
        found = record.detections
        if self._is_word_taken and found.identities is not None:
            rows = {number: row for row, number in enumerate(found.identities.tolist())}
            self._told |= rows.keys()
            seen = [_Present(n, row, float(found.scores[row])) for n, row in rows.items()]
            missed = [_Present(n, None, s.score) for n, s in self._seen.items() if n not in rows]
            return seen + missed
        tracks = self.tracker.update(
            found.boxes,
            found.scores,
            masks=found.masks,
            appearance=found.features,
            camera_motion=record.camera_motion,
            is_cut=self._is_new_shot,
            elapsed_frames=max(1, self._elapsed),
        )
        return [_Present(track.track_id, track.detection, track.score) for track in tracks]

    def _found(
        self,
        frame: Frame,
        image: npt.NDArray[np.uint8],
        record: FrameRecord,
        present: Sequence[_Present],
    ) -> FoundPeople:
        """Return whoever of those present has a mask, and it."""
        carried = self._masks.carry(image, record, {one.track_id: one.row for one in present})
        boxes, masks, scores, ids, coasted, tracked = [], [], [], [], [], []
        for track_id, row, score in present:
            if track_id not in carried:
                continue
            box, mask = carried[track_id].box, carried[track_id].mask
            boxes.append(box)
            masks.append(mask)
            scores.append(score)
            ids.append(track_id)
            coasted.append(row is None)
            tracked.append(TrackedBox(track_id, box, score, row))
        people = (
            Detections(
                np.asarray(boxes, np.float32),
                np.asarray(scores, np.float32),
                np.asarray(np.stack(masks), np.float32),
            )
            if boxes
            else Detections.empty()
        )
        return FoundPeople(
            frame,
            replace(record, tracks=tuple(tracked)),
            people,
            tuple(ids),
            tuple(coasted),
            tuple(track_id in self._missed for track_id in ids),
            self.tracker.confirmed_ids | self._told,
        )


def _missed_of(present: Iterable[_Present]) -> frozenset[int]:
    return frozenset(one.track_id for one in present if one.row is None)


def _our_tracker(birth_score: float) -> Tracker:
    config = TrackerConfig()
    high_score = min(config.high_score, birth_score)
    return Tracker(replace(config, birth_score=birth_score, high_score=high_score))
