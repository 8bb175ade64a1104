"""Detection and tracking of a clip's people, frame by frame: who is where, and with which mask.

Knows detectors and trackers; knows nothing of mattes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from instmatt_video.trackers import (
    CameraMotionEstimator,
    CutDetector,
    Track,
    Tracker,
    TrackerConfig,
    TrackState,
    describe_people,
)

from .alpha_store import FrameRecord, TrackedBox
from .detection.detections import Detections
from .detection.detector import Detector
from .media.frame import Frame, as_eight_bit

WARM_UP_FRAMES = 24
"""Frames that the detection of cuts remembers, and more."""
MAX_COAST_FRAMES = 8
"""A person whom the detector misses keeps the last mask, moved along, for so many frames."""


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
    confirmed_ids: frozenset[int]
    """Everybody whom the tracker believes in, up to this frame."""


@dataclass
class _LastSeen:
    box: npt.NDArray[np.float64]
    mask: npt.NDArray[np.float32]
    score: float
    velocity: npt.NDArray[np.float64]
    """Change of the box a frame, `(4,)` pixels."""
    age: int
    """Frames since the detection."""
    is_tentative: bool


class PeopleFinder:
    """Finds and follows people; frames must come in order.

    Args:
        detector: Finds people in single frames.
        detect_every: Frames from one detection to the next.
        tracker_config: Settings of the tracker; its birth score is the detector's own.
    """

    def __init__(
        self, detector: Detector, detect_every: int = 1, tracker_config: TrackerConfig | None = None
    ) -> None:
        self.detector = detector
        self.detect_every = detect_every
        config = tracker_config or TrackerConfig()
        birth = detector.confident_score
        self.tracker = Tracker(
            replace(config, birth_score=birth, high_score=min(config.high_score, birth))
        )
        self._camera = CameraMotionEstimator()
        self._cuts = CutDetector()
        self._last: dict[int, _LastSeen] = {}
        self._elapsed = 0
        """Frames since the detector last looked."""

    def find(self, frame: Frame) -> FoundPeople:
        """Return the people of the next frame."""
        image = as_eight_bit(frame.image)
        is_cut = self._cuts.update(image)
        if is_cut:
            self._camera.reset()
        self._elapsed += 1
        due = self._elapsed >= self.detect_every or frame.index == 0 or is_cut
        looks = due and self.detector.looks_at(frame.index)
        detections, camera = Detections.empty(), None
        if looks:
            detections = self.detector.detect([frame.image], [frame.index])[0]
            camera = self._camera.estimate(image, detections.boxes)
            looks_like = describe_people(image, detections.boxes, detections.masks)
            detections = replace(detections, features=looks_like.astype(np.float32))
        record = FrameRecord(
            frame.index, frame.time, is_cut, looks, camera, detections, tracks=(), alphas=()
        )
        return self._follow(frame, record)

    def replay(self, record: FrameRecord) -> None:
        """Take a stored frame's detections as if they had been found now."""
        self._elapsed += 1
        self._track(record)

    def prepare(self, frame: Frame, record: FrameRecord) -> None:
        """See a frame again before a resumed run goes on: camera and cuts compare with the past.

        The last `WARM_UP_FRAMES` stored frames, in order, bring both to where they were.
        """
        image = as_eight_bit(frame.image)
        self._cuts.update(image)
        if record.is_cut:
            self._camera.reset()
        if record.was_looked_at:
            self._camera.estimate(image, record.detections.boxes)

    def _follow(self, frame: Frame, record: FrameRecord) -> FoundPeople:
        tracks = self._track(record)
        detections = record.detections
        mask_size = detections.masks.shape[-1]
        boxes, masks, scores, ids, coasted, tracked = [], [], [], [], [], []
        for track in tracks:
            if track.detection is not None:
                box = detections.boxes[track.detection].astype(np.float64)
                mask = detections.masks[track.detection]
            elif self._last[track.track_id].age <= MAX_COAST_FRAMES + self.detect_every:
                box, mask = track.box, self._last[track.track_id].mask
            else:
                continue
            if box[2] <= box[0] or box[3] <= box[1]:
                continue
            boxes.append(box)
            masks.append(_at_size(mask, mask_size) if len(detections) else mask)
            scores.append(track.score)
            ids.append(track.track_id)
            coasted.append(track.detection is None)
            tracked.append(
                TrackedBox(track.track_id, box, track.score, track.detection is not None)
            )
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
            self.tracker.confirmed_ids,
        )

    def _track(self, record: FrameRecord) -> list[Track]:
        """Move the tracks to a frame: by its detections, or by motion where nobody looked."""
        if record.is_cut:
            self._last.clear()
        if not record.was_looked_at:
            return self._coast()
        detections = record.detections
        tracks = self.tracker.update(
            detections.boxes,
            detections.scores,
            masks=detections.masks,
            appearance=detections.features,
            camera_motion=record.camera_motion,
            is_cut=record.is_cut,
            elapsed_frames=max(1, self._elapsed),
        )
        self._remember(tracks, detections)
        self._elapsed = 0
        return [t for t in tracks if t.detection is not None or t.track_id in self._last]

    def _remember(self, tracks: list[Track], detections: Detections) -> None:
        living = {track.track_id for track in tracks}
        self._last = {k: v for k, v in self._last.items() if k in living}
        for track in tracks:
            before = self._last.get(track.track_id)
            if track.detection is None:
                if before is not None:
                    before.age += self._elapsed
                    before.box = track.box
                continue
            box = detections.boxes[track.detection].astype(np.float64)
            velocity = np.zeros(4) if before is None else (box - before.box) / max(1, self._elapsed)
            self._last[track.track_id] = _LastSeen(
                box,
                detections.masks[track.detection],
                track.score,
                velocity,
                0,
                track.state is TrackState.TENTATIVE,
            )

    def _coast(self) -> list[Track]:
        """Return the tracks of the last look, moved along, for a frame at which nobody looked."""
        moved = []
        for track_id, seen in self._last.items():
            seen.age += 1
            box = seen.box + seen.velocity * self._elapsed
            state = TrackState.TENTATIVE if seen.is_tentative else TrackState.LOST
            moved.append(Track(track_id, state, box, seen.score, None))
        return moved


def _at_size(mask: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """Return a box-local mask on a grid of another size."""
    if mask.shape[-1] == size:
        return mask
    from .detection.paste import cell_positions, resample_mask

    positions = cell_positions(size)
    return resample_mask(mask, positions, positions)
