"""Who is who in a clip: tracklets joined to people, and the frames in which each is seen.

Knows stored records; knows no pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instmatt_video.trackers import StitchConfig, Tracklet, stitch

from .alpha_store import FrameRecord


@dataclass(frozen=True)
class Identity:
    """One person of the clip."""

    track_id: int
    """From 1, by first frame, then left edge."""
    name: str
    tracklet_ids: frozenset[int]
    visible: npt.NDArray[np.intp]
    """Frames in which the person is seen, rising."""
    mean_score: float
    best_frame: int
    """The frame that shows the person largest and surest."""

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """First and last frame of each stretch in which the person is seen."""
        breaks = np.flatnonzero(np.diff(self.visible) > 1)
        starts = self.visible[np.concatenate(([0], breaks + 1))]
        ends = self.visible[np.concatenate((breaks, [len(self.visible) - 1]))]
        return tuple((int(a), int(b)) for a, b in zip(starts, ends, strict=True))


@dataclass
class _Life:
    """What the records say of one tracklet."""

    shot: int
    detected: list[int]
    boxes: list[npt.NDArray[np.float64]]
    scores: list[float]
    coasted: list[int]
    """Frames of a mask moved along."""
    unseen: list[int]
    """Those of them at which the detector looked and did not see the person."""
    appearance: npt.NDArray[np.float64] | None


@dataclass(frozen=True)
class Cast:
    """Everybody in a clip, and its cuts."""

    identities: tuple[Identity, ...]
    visible_tracklets: dict[int, frozenset[int]]
    """Tracklet → frames in which its alpha counts."""
    cuts: tuple[int, ...]

    def rest(self, chosen: Iterable[int]) -> frozenset[int]:
        """Return the tracklets of nobody whose `track_id` is among `chosen`."""
        ids = set(chosen)
        taken = {t for i in self.identities if i.track_id in ids for t in i.tracklet_ids}
        return frozenset(self.visible_tracklets) - taken


def cast_of(
    records: Iterable[FrameRecord],
    confirmed: frozenset[int],
    config: StitchConfig | None = None,
) -> Cast:
    """Return the people of a clip.

    Args:
        records: All frames of the clip, in order.
        confirmed: Tracklets that the tracker believes in.
        config: What may be joined and what is dropped.
    """
    lives, cuts = _lives_of(records)
    tracklets = [
        Tracklet(
            track_id=track_id,
            frames=np.array(life.detected),
            boxes=np.array(life.boxes),
            scores=np.array(life.scores),
            appearance=life.appearance,
            is_confirmed=track_id in confirmed,
            shot=life.shot,
        )
        for track_id, life in lives.items()
        if life.detected
    ]
    members: dict[int, list[int]] = defaultdict(list)
    for tracklet_id, identity in stitch(tracklets, config).items():
        members[identity].append(tracklet_id)
    visible = {k: frozenset(_counting_frames(life)) for k, life in lives.items() if life.detected}
    identities = tuple(
        _identity(number, tuple(ids), lives, visible) for number, ids in sorted(members.items())
    )
    # A tracklet that was never confirmed counts where it was joined to a person.
    joined = {tracklet for ids in members.values() for tracklet in ids}
    kept = {k: v for k, v in visible.items() if k in confirmed or k in joined}
    return Cast(identities, kept, tuple(cuts))


def _lives_of(records: Iterable[FrameRecord]) -> tuple[dict[int, _Life], list[int]]:
    lives: dict[int, _Life] = {}
    cuts: list[int] = []
    for record in records:
        if record.is_cut:
            cuts.append(record.index)
        features = record.detections.features
        rows = {tuple(box): row for row, box in enumerate(record.detections.boxes.tolist())}
        for track in record.tracks:
            life = lives.setdefault(track.track_id, _Life(len(cuts), [], [], [], [], [], None))
            if not track.is_detected:
                life.coasted.append(record.index)
                if record.was_looked_at:
                    life.unseen.append(record.index)
                continue
            life.detected.append(record.index)
            life.boxes.append(track.box)
            life.scores.append(track.score)
            row = rows.get(tuple(track.box.tolist()))
            if features is not None and row is not None:
                life.appearance = _blend(life.appearance, features[row])
    return lives, cuts


def _blend(
    total: npt.NDArray[np.float64] | None, feature: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64] | None:
    """Return the running mean's direction after one more appearance; zeros are no appearance."""
    if not feature.any():
        return total
    mean = feature.astype(np.float64) if total is None else 0.95 * total + 0.05 * feature
    return np.asarray(mean / np.linalg.norm(mean))


def _counting_frames(life: _Life) -> list[int]:
    """Return the frames in which a tracklet's alpha counts.

    A mask that was moved along counts until the person is detected again, and after the last
    detection for as long as nobody looked; when a look found nobody, the person has left.
    """
    last = life.detected[-1]
    missed = [frame for frame in life.unseen if frame > last]
    end = missed[0] if missed else None
    coasted = [f for f in life.coasted if f < last or (f > last and (end is None or f < end))]
    return sorted([*life.detected, *coasted])


def _identity(
    number: int,
    tracklet_ids: Sequence[int],
    lives: dict[int, _Life],
    visible: dict[int, frozenset[int]],
) -> Identity:
    frames = np.array(sorted(set().union(*(visible[t] for t in tracklet_ids))), np.intp)
    scores: list[float] = []
    sizes: list[float] = []
    detected: list[int] = []
    for tracklet in tracklet_ids:
        life = lives[tracklet]
        scores.extend(life.scores)
        detected.extend(life.detected)
        sizes.extend(float((b[2] - b[0]) * (b[3] - b[1])) for b in life.boxes)
    best = detected[int(np.argmax(np.array(scores) * np.sqrt(sizes)))]
    name = f"person_{number:02d}"
    return Identity(
        number, name, frozenset(tracklet_ids), frames, float(np.mean(scores)), int(best)
    )
