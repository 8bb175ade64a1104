"""Births, lives and deaths of tracks, frame by frame. Knows detections; knows no pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .assignment import match_pairs
from .boxes import BoolArray, FloatArray, IntArray, expand_boxes, pairwise_iou
from .config import TrackerConfig
from .cues import Cues
from .frame_detections import FrameDetections, take_in
from .kalman import BoxFilter
from .reentry import NOBODY, AbsentTracks, match_by_appearance
from .track import Track, TrackState

# What the tracker keeps of a track beside motion and cues.
_LIFE = np.dtype(
    [
        ("track_id", np.intp),
        ("hits", np.intp),
        ("missed", np.intp),
        ("score", np.float64),
        ("is_confirmed", np.bool_),
        ("seen_at", np.float64, (2,)),
    ]
)


class Tracker:
    """Links the detections of successive frames into tracks.

    Every frame: move all tracks on; give detections of high score to confirmed tracks, those of low
    score to the confirmed tracks still seen in the last frame, the rest of high score to tentative
    tracks; what is left starts new tracks.

    Source:
        Bewley et al. 2016 (SORT) for the loop; Zhang et al. 2022 (ByteTrack), algorithm 1, for the
        second association; Yang et al. 2023 (C-BIoU) for grown boxes; Aharon et al. 2022 (BoT-SORT)
        for camera motion.
    """

    _ended: AbsentTracks

    def __init__(self, config: TrackerConfig | None = None) -> None:
        self.config = config or TrackerConfig()
        self._frame = -1
        self._next_id = 1
        self._confirmed_ids: set[int] = set()
        self._start_shot()

    @property
    def confirmed_ids(self) -> frozenset[int]:
        """Ids of all tracks that were ever confirmed, up to now."""
        return frozenset(self._confirmed_ids)

    def finish(self) -> frozenset[int]:
        """End all tracks; return the ids of those ever confirmed.

        The others were no people, unless `stitch` finds enough of them to be one.
        """
        self._end_shot()
        return self.confirmed_ids

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
        """Return all living tracks after the next frame, by id.

        Args:
            boxes: `(N, 4)` xyxy in pixels, in any order. May be empty.
            scores: `(N,)`, 0..1.
            masks: `(N, m, m)`, 0..1; an `m × m` grid of cells laid over each box.
            appearance: `(N, D)` unit vectors; a row of zeros is unknown.
            camera_motion: `(2, 3)`, from the previous frame's pixels to this one's; `None` for a
                still camera.
            is_cut: The frame begins a new shot: every track ends before it.
            elapsed_frames: Frames since the last call, from 1.

        Raises:
            ValueError: Shapes do not fit together, or cues are not shaped as before in the shot; a
                box has no area; a number is not finite. The tracker is as it was before the call.
        """
        # Whatever is refused must leave the tracker as it was.
        found = take_in(boxes, scores, masks, appearance, self.config)
        if elapsed_frames < 1:
            raise ValueError(f"elapsed_frames is {elapsed_frames}; time runs forward by 1 or more")
        camera = None if camera_motion is None else _as_affine(camera_motion)
        if not is_cut:
            self._cues.refuse_other_shapes(found.masks, found.appearance)
        self._frame += elapsed_frames
        if is_cut:
            self._end_shot()
        elif camera is not None:
            self._motion.warp(camera)
            self._life["seen_at"] = self._life["seen_at"] @ camera[:, :2].T + camera[:, 2]
            self._ended = self._ended.warp(camera)
        self._shot_calls += 1
        for _ in range(elapsed_frames):
            self._motion.predict()

        detection_of = self._associate(found)
        self._correct(detection_of, found, elapsed_frames)
        is_claimed = np.zeros(len(found.rows), np.bool_)
        is_claimed[detection_of[detection_of >= 0]] = True
        born = self._choose_births(found, is_claimed)
        recalled = self._recall(found, born)
        detection_of = detection_of[self._end_tracks(recalled)]
        self._give_birth(found, born, recalled)
        return self._report(found, np.concatenate([detection_of, born]))

    def _end_shot(self) -> None:
        """End all tracks; in a shot too short to confirm anybody, believe those never missed."""
        if self._shot_calls < self.config.confirm_frames:
            is_constant = self._life["hits"] == self._shot_calls
            self._confirmed_ids.update(self._life["track_id"][is_constant].tolist())
        self._start_shot()

    def _start_shot(self) -> None:
        self._shot_calls = 0
        self._life = np.zeros(0, _LIFE)
        self._motion = BoxFilter(self.config.motion)
        self._cues = Cues(self.config)
        self._ended = NOBODY

    def _associate(self, found: FrameDetections) -> IntArray:
        """Return the detection of each track, `(T,)`, or -1."""
        config, life = self.config, self._life
        detection_of = np.full(len(life), -1, np.intp)
        if not len(life) or not len(found.rows):
            return detection_of
        predicted = self._motion.boxes
        overlap = pairwise_iou(
            expand_boxes(predicted, config.buffer_fraction),
            expand_boxes(found.boxes, config.buffer_fraction),
        )
        value = self._cues.pair_values(
            overlap, predicted, found.boxes, found.masks, found.appearance
        )
        value = value + config.direction_weight * self._motion.direction_agreement(
            life["seen_at"], found.centers
        )
        is_lost = life["missed"] > 0
        if found.appearance is not None and is_lost.any():
            # Whoever walks by where somebody was lost is not that person for it.
            overlap[is_lost[:, None] & self._cues.are_strangers(found.appearance)] = 0.0
        is_high = found.scores >= config.high_score
        is_free = np.ones(len(found.rows), np.bool_)
        is_confirmed = life["is_confirmed"]
        # A certain detection is worth more than an uncertain one, so the certain one is taken
        # first.
        scored = value * found.scores
        for tracks, detections, worth, least in (
            (is_confirmed, is_high, scored, config.min_iou),
            (is_confirmed & ~is_lost, ~is_high, value, config.min_iou_low_score),
            (~is_confirmed, is_high, scored, config.min_iou_tentative),
        ):
            tracks, detections = tracks & (detection_of < 0), detections & is_free
            if not tracks.any() or not detections.any():
                continue
            is_allowed = (overlap >= least) & detections & tracks[:, None]
            if is_allowed.any():
                rows, columns = match_pairs(worth, is_allowed)
                detection_of[rows] = columns
                is_free[columns] = False
        self._match_undisputed(found, detection_of, ~is_confirmed, is_high & is_free)
        return detection_of

    def _match_undisputed(
        self,
        found: FrameDetections,
        detection_of: IntArray,
        tracks: BoolArray,
        detections: BoolArray,
    ) -> None:
        """Give to each newborn the one detection that it can have come to, if no other can have.

        Its speed is not known yet: between two looks it may go farther than boxes overlap.

        Args:
            found: All detections.
            detection_of: Changed in place.
            tracks: `(T,)`; those not yet confirmed.
            detections: `(D,)`; those that may be given.
        """
        rows, columns = np.flatnonzero(tracks & (detection_of < 0)), np.flatnonzero(detections)
        if not len(rows) or not len(columns):
            return
        misses = self._motion.squared_misses(rows, found.boxes[columns])
        is_near = misses <= self.config.max_newborn_miss**2
        if found.appearance is not None:
            is_near &= ~self._cues.are_strangers(found.appearance)[np.ix_(rows, columns)]
        is_only = np.count_nonzero(is_near, axis=0) == 1
        is_only = is_only & (np.count_nonzero(is_near, axis=1, keepdims=True) == 1)
        near_rows, near_columns = np.nonzero(is_near & is_only)
        detection_of[rows[near_rows]] = columns[near_columns]

    def _correct(self, detection_of: IntArray, found: FrameDetections, elapsed_frames: int) -> None:
        """Bring the matched tracks up to their detections; the others age."""
        life = self._life
        rows = np.flatnonzero(detection_of >= 0)
        life["missed"] += elapsed_frames
        life["hits"][(detection_of < 0) & ~life["is_confirmed"]] -= self.config.miss_cost
        if not len(rows):
            return
        columns = detection_of[rows]
        self._motion.update(rows, found.boxes[columns])
        self._cues.update(
            rows,
            None if found.masks is None else found.masks[columns],
            None if found.appearance is None else found.appearance[columns],
        )
        life["missed"][rows] = 0
        life["hits"][rows] += 1
        life["score"][rows] = found.scores[columns]
        life["seen_at"][rows] = found.centers[columns]
        is_confirmed = life["is_confirmed"]
        is_new = ~is_confirmed & (life["hits"] >= self._looks_to_confirm(elapsed_frames))
        if is_new.any():
            is_confirmed |= is_new
            self._confirmed_ids.update(life["track_id"][is_new].tolist())

    def _looks_to_confirm(self, elapsed_frames: int) -> int:
        """Return how many detections make a track real, so many frames from one to the next."""
        # From the first to the last lies the time that `confirm_frames` in a row take.
        return 1 + -(-(self.config.confirm_frames - 1) // elapsed_frames)

    def _choose_births(self, found: FrameDetections, is_claimed: BoolArray) -> IntArray:
        """Return the detections that start tracks, from the left."""
        born = np.flatnonzero(~is_claimed & (found.scores >= self.config.birth_score))
        return born[np.lexsort((found.boxes[born, 1], found.boxes[born, 0]))]

    def _recall(self, found: FrameDetections, born: IntArray) -> IntArray:
        """Return the id of the absent track that each newborn surely is, or 0.

        It looks like that person, and can have walked here since that person was last seen.
        """
        recalled = np.zeros(len(born), np.intp)
        if not len(born) or found.appearance is None or not self.config.max_reentry_frames:
            return recalled
        oldest = self._frame - self.config.max_reentry_frames
        self._ended = self._ended.keep(self._ended.last_seen >= oldest)
        is_coasting = self._life["is_confirmed"] & (self._life["missed"] > 0)
        absent = self._ended + self._as_absent(is_coasting)
        if len(absent):
            speed = self.config.max_reentry_speed
            near, near_born = np.nonzero(absent.can_reach(found.centers[born], self._frame, speed))
            rows, columns = match_by_appearance(
                absent.appearance,
                found.appearance[born],
                near,
                near_born,
                self.config.min_reentry_similarity,
                self.config.min_reentry_margin,
            )
            recalled[columns] = absent.track_ids[rows]
            self._ended = self._ended.keep(~np.isin(self._ended.track_ids, recalled))
        return recalled

    def _as_absent(self, index: BoolArray) -> AbsentTracks:
        """Return living tracks as those of absent people; none where no appearance is known."""
        looks, life = self._cues.appearance, self._life[index]
        if looks is None:
            return NOBODY
        return AbsentTracks(
            life["track_id"],
            looks[index],
            self._frame - life["missed"],
            life["seen_at"],
            self._motion.heights[index],
        )

    def _end_tracks(self, recalled: IntArray) -> BoolArray:
        """Drop tracks absent too long and those that go on as newborns; return which stay."""
        life = self._life
        if not recalled.any() and not life["missed"].any():
            return np.ones(len(life), np.bool_)
        is_recalled = np.isin(life["track_id"], recalled)
        is_over = np.where(
            life["is_confirmed"], life["missed"] > self.config.max_lost_frames, life["hits"] <= 0
        )
        is_kept: BoolArray = ~(is_over | is_recalled)
        if not is_kept.all():
            self._ended += self._as_absent(is_over & ~is_recalled & life["is_confirmed"])
            self._life = life[is_kept]
            self._motion.keep(is_kept)
            self._cues.keep(is_kept)
        return is_kept

    def _give_birth(self, found: FrameDetections, born: IntArray, recalled: IntArray) -> None:
        """Start a track at each newborn detection, under its recalled id or the next new one."""
        if not len(born):
            return
        is_new = recalled == 0
        life = np.zeros(len(born), _LIFE)
        life["track_id"] = np.where(is_new, self._next_id + np.cumsum(is_new) - 1, recalled)
        life["hits"] = np.where(is_new, 1, self.config.confirm_frames)
        life["score"] = found.scores[born]
        life["seen_at"] = found.centers[born]
        life["is_confirmed"] = life["hits"] >= self.config.confirm_frames
        self._confirmed_ids.update(life["track_id"][life["is_confirmed"]].tolist())
        self._next_id += int(np.count_nonzero(is_new))
        self._life = np.concatenate([self._life, life])
        self._motion.add(found.boxes[born])
        self._cues.add(
            len(born),
            None if found.masks is None else found.masks[born],
            None if found.appearance is None else found.appearance[born],
        )

    def _report(self, found: FrameDetections, detection_of: IntArray) -> list[Track]:
        """Return the living tracks by id; `detection_of` is `(T,)`, -1 for none."""
        life, boxes = self._life, self._motion.boxes
        rows = np.where(detection_of >= 0, np.append(found.rows, -1)[detection_of], -1).tolist()
        tracks = []
        for track_id, is_confirmed, score, box, row in zip(
            life["track_id"].tolist(),
            life["is_confirmed"].tolist(),
            life["score"].tolist(),
            boxes,
            rows,
            strict=True,
        ):
            state = TrackState.TENTATIVE
            if is_confirmed:
                state = TrackState.LOST if row < 0 else TrackState.CONFIRMED
            tracks.append(Track(track_id, state, box, score, None if row < 0 else row))
        return sorted(tracks, key=lambda track: track.track_id)


def _as_affine(motion: npt.ArrayLike) -> FloatArray:
    """Return a camera's motion as `(2, 3)` float64."""
    affine = np.asarray(motion, np.float64)
    if affine.shape != (2, 3):
        raise ValueError(f"camera_motion must be (2, 3), not {affine.shape}")
    if not np.isfinite(affine).all():
        raise ValueError("camera_motion must be finite numbers")
    return affine
