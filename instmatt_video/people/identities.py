"""Who is who in a clip: tracklets joined to people, and the frames in which each is seen.

Knows stored records; knows no pixels.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from math import ceil, sqrt
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from instmatt_video.trackers import StitchConfig, Tracklet, stitch

from ..frame_record import FrameRecord, TrackedBox

DRAWN = StitchConfig(min_identity_frames=1, min_unconfirmed_frames=1, min_mean_score=0)
"""Nobody is dropped: of people whom somebody has drawn."""


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
        return stretches(self.visible)


class Sighting(NamedTuple):
    """One detection of a tracklet."""

    score: float
    size_px: float
    """Area of the box."""

    @classmethod
    def of(cls, track: TrackedBox) -> Self:
        """Return what a frame says of a tracklet that is detected in it."""
        left, top, right, bottom = track.box.tolist()
        return cls(track.score, (right - left) * (bottom - top))

    @property
    def quality(self) -> float:
        """How well it shows the person: large and surely."""
        return self.score * sqrt(self.size_px)


@dataclass
class _Life:
    """What the records say of one tracklet."""

    shot: int
    detected: list[int]
    boxes: list[npt.NDArray[np.float64]]
    sightings: dict[int, Sighting]
    """By frame."""
    coasted: list[int]
    """Frames of a mask moved along."""
    unseen: list[int]
    """Those of them at which the detector looked and did not see the person."""
    appearance: npt.NDArray[np.float64] | None


@dataclass(frozen=True)
class Cast:
    """Everybody in a clip, and its cuts.

    A tracklet that changes hands in the middle of its life counts as several from then on, each
    with frames of its own: the first keeps the number, `origins` tells where the others come from.
    """

    identities: tuple[Identity, ...]
    visible_tracklets: dict[int, frozenset[int]]
    """Tracklet → frames in which its alpha counts."""
    cuts: tuple[int, ...]
    origins: dict[int, int] = field(default_factory=dict)
    """Part of a tracklet → the tracklet under whose number it is stored."""
    sightings: dict[int, dict[int, Sighting]] = field(default_factory=dict)
    """Stored tracklet → its detections by frame."""

    def rest(self, chosen: Iterable[int]) -> frozenset[int]:
        """Return the tracklets of nobody whose `track_id` is among `chosen`."""
        ids = set(chosen)
        taken = {t for i in self.identities if i.track_id in ids for t in i.tracklet_ids}
        return frozenset(self.visible_tracklets) - taken

    def origin_of(self, tracklet_id: int) -> int:
        """Return the number under which a tracklet is stored."""
        return self.origins.get(tracklet_id, tracklet_id)

    def counting_part(self, stored_id: int, frame: int) -> int | None:
        """Return which tracklet a stored one counts as in a frame; `None` where it does not."""
        parts = self._parts.get(stored_id, ())
        return next((p for p in parts if frame in self.visible_tracklets[p]), None)

    @cached_property
    def _parts(self) -> dict[int, list[int]]:
        parts: dict[int, list[int]] = defaultdict(list)
        for tracklet_id in self.visible_tracklets:
            parts[self.origin_of(tracklet_id)].append(tracklet_id)
        return parts


def stretches(frames: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return the first and last frame of each stretch without a gap.

    Args:
        frames: Rising.
    """
    found: list[tuple[int, int]] = []
    for frame in map(int, frames):
        if found and found[-1][1] == frame - 1:
            found[-1] = (found[-1][0], frame)
        else:
            found.append((frame, frame))
    return tuple(found)


def cast_of(
    records: Iterable[FrameRecord],
    confirmed: frozenset[int],
    config: StitchConfig | None = None,
) -> Cast:
    """Return the people of a clip.

    Args:
        records: All frames of the clip, in order.
        confirmed: Tracklets that the tracker believes in.
        config: What may be joined and what is dropped; the detections that a person needs of whom a
            tracklet is believed in are fewer by the share of frames at which the detector looked.
    """
    config = config or StitchConfig()
    looks = _Looks()
    lives, cuts = _lives_of(looks.noted(records))
    config = replace(
        config,
        min_identity_frames=max(1, round(config.min_identity_frames * looks.share)),
        min_cut_off_frames=max(1, ceil(config.min_cut_off_frames * looks.share)),
    )
    tracklets = [
        Tracklet(
            track_id=track_id,
            frames=np.array(life.detected),
            boxes=np.array(life.boxes),
            scores=np.array([sighting.score for sighting in life.sightings.values()]),
            appearance=life.appearance,
            is_confirmed=track_id in confirmed,
            shot=life.shot,
        )
        for track_id, life in lives.items()
    ]
    members: dict[int, list[int]] = defaultdict(list)
    for tracklet_id, identity in stitch(tracklets, config, looks.by_shot()).items():
        members[identity].append(tracklet_id)
    return _cast(lives, cuts, members, confirmed & lives.keys(), {})


class _Looks:
    """Where the detector looked."""

    def __init__(self) -> None:
        self._num_frames = 0
        self._by_shot: list[list[int]] = [[]]

    def noted(self, records: Iterable[FrameRecord]) -> Iterator[FrameRecord]:
        """Yield records as they are."""
        for record in records:
            self._num_frames += 1
            if record.is_cut:
                self._by_shot.append([])
            if record.was_looked_at:
                self._by_shot[-1].append(record.index)
            yield record

    @property
    def share(self) -> float:
        """Of all frames."""
        return sum(map(len, self._by_shot)) / max(1, self._num_frames)

    def by_shot(self) -> dict[int, npt.NDArray[np.intp]]:
        """Return the frames of each shot, rising."""
        return {shot: np.array(looks, np.intp) for shot, looks in enumerate(self._by_shot)}


def known_cast(
    records: Iterable[FrameRecord],
    people: Sequence[Iterable[int]],
    others: Iterable[int],
    names: Sequence[str | None] = (),
) -> Cast:
    """Return the people of a clip that was stitched before.

    Args:
        records: All frames of the clip, in order.
        people: The tracklets of each person, from number 1 on.
        others: Tracklets that count, but are nobody's.
        names: What each person is called; by their number those whom nobody has named.

    Raises:
        KeyError: The records hold no such tracklet.
    """
    lives, cuts = _lives_of(records)
    named = {number: name for number, name in enumerate(names, 1) if name is not None}
    return _cast(lives, cuts, dict(enumerate(people, 1)), others, named)


def _cast(
    lives: Mapping[int, _Life],
    cuts: Iterable[int],
    members: Mapping[int, Iterable[int]],
    confirmed: Iterable[int],
    names: Mapping[int, str],
) -> Cast:
    # A tracklet that was never confirmed counts where it was joined to a person.
    counting = set(confirmed).union(*members.values())
    visible = {k: frozenset(_counting_frames(lives[k])) for k in sorted(counting)}
    sightings = {k: lives[k].sightings for k in visible}
    identities = tuple(
        make_identity(
            number,
            names.get(number) or default_name(number),
            frozenset(ids),
            [(t, visible[t]) for t in ids],
            sightings,
        )
        for number, ids in sorted(members.items())
    )
    return Cast(identities, visible, tuple(cuts), sightings=sightings)


def default_name(number: int) -> str:
    """Return what a person is called whom nobody has named."""
    return f"person_{number:02d}"


def _lives_of(records: Iterable[FrameRecord]) -> tuple[dict[int, _Life], list[int]]:
    lives: dict[int, _Life] = {}
    cuts: list[int] = []
    for record in records:
        if record.is_cut:
            cuts.append(record.index)
        features = record.detections.features
        for track in record.tracks:
            life = lives.setdefault(track.track_id, _Life(len(cuts), [], [], {}, [], [], None))
            if track.row is None:
                life.coasted.append(record.index)
                if record.was_looked_at:
                    life.unseen.append(record.index)
                continue
            life.detected.append(record.index)
            life.boxes.append(track.box)
            life.sightings[record.index] = Sighting.of(track)
            if features is not None:
                life.appearance = _blend(life.appearance, features[track.row])
    return {number: life for number, life in lives.items() if life.detected}, cuts


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

    A mask that was moved along counts where it lasted until the person was detected again, and
    else for as long as nobody looked: when a look found nobody, the person was hidden or has left.
    Whatever comes before the first detection was found later, and counts.
    """
    counting = [frame for frame in life.coasted if frame < life.detected[0]]
    for before, after in pairwise([*life.detected, None]):
        assert before is not None
        moved = _between(life.coasted, before, after)
        unseen = _between(life.unseen, before, after)
        is_found_again = bool(moved) and after is not None and moved[-1] == after - 1
        end = after if is_found_again or not unseen else unseen[0]
        counting += [before, *_between(moved, before, end)]
    return counting


def _between(frames: list[int], before: int, after: int | None) -> list[int]:
    """Return those of the rising frames that lie between two, or after one."""
    start = bisect_right(frames, before)
    return frames[start:] if after is None else frames[start : bisect_left(frames, after)]


def make_identity(
    number: int,
    name: str,
    tracklet_ids: frozenset[int],
    parts: Sequence[tuple[int, frozenset[int]]],
    sightings: Mapping[int, Mapping[int, Sighting]],
) -> Identity:
    """Return a person.

    Args:
        number: The `track_id`.
        name: What the person is called.
        tracklet_ids: As the cast counts them.
        parts: Each one's stored number, and the frames in which it counts; not empty.
        sightings: Detections by stored number and frame.
    """
    frames = frozenset[int]().union(*(counting for _, counting in parts))
    seen = {
        (frame, stored): sighting
        for stored, counting in parts
        for frame, sighting in sightings.get(stored, {}).items()
        if frame in counting
    }
    # A part may be made of moved masks alone: then no frame is better than another.
    best = min(frames)
    if seen:
        best = max(sorted(seen), key=lambda at: seen[at].quality)[0]
    mean_score = float(np.mean([sighting.score for sighting in seen.values()])) if seen else 0.0
    return Identity(number, name, tracklet_ids, np.array(sorted(frames), np.intp), mean_score, best)
