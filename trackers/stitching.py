"""The offline pass: tracklets of a clip → people. Knows boxes, time, appearance; no pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .assignment import match_listed_pairs
from .boxes import FloatArray, IntArray, xyxy_to_cxcywh
from .config import StitchConfig
from .reentry import match_by_appearance, pair_cosines


@dataclass(frozen=True)
class Tracklet:
    """What the tracker made of one stretch of a person's life."""

    track_id: int
    """From 1."""
    frames: IntArray
    """`(F,)`, rising; frames with a detection."""
    boxes: FloatArray
    """`(F, 4)` xyxy in pixels."""
    scores: FloatArray
    """`(F,)`, 0..1."""
    appearance: FloatArray | None = None
    """`(D,)` unit vector, the mean over the tracklet; `None` where nothing is known."""
    is_confirmed: bool = True
    shot: int = 0
    """Number of the shot it lies in, counted by cuts."""

    def __post_init__(self) -> None:
        count = len(self.frames)
        if not count or self.boxes.shape != (count, 4) or self.scores.shape != (count,):
            raise ValueError(
                f"tracklet {self.track_id}: frames {self.frames.shape}, boxes {self.boxes.shape} "
                f"and scores {self.scores.shape} do not describe the same frames"
            )


def stitch(
    tracklets: Sequence[Tracklet],
    config: StitchConfig | None = None,
    looked_at: Mapping[int, IntArray] | None = None,
) -> dict[int, int]:
    """Return the identity of each tracklet; tracklets that are no lasting person are left out.

    Every tracklet gets at most one successor and one predecessor, all chosen at once so that the
    evidence summed over the clip is highest. Within a shot, motion joins (with appearance where
    there is one); what is then still apart, cuts included, only strong appearance joins.

    Args:
        tracklets: In any order, with distinct ids. May be empty.
        config: What may be joined and what is dropped.
        looked_at: By shot its frames in which anybody could be detected, `(L,)`, rising; `None`:
            all from the first tracklet of a shot to its last.

    Returns:
        Tracklet id → identity, both from 1; identities are numbered by first frame, then left edge.
        Whoever is seen in fewer frames than the config asks for is somebody all the same where a
        shot allowed no more: seen in most of the looks of a short one, or, where a tracklet is
        confirmed, in most of those from its beginning until they left, or since they came.

    Source:
        Zhang, Li and Nevatia 2008 for data association as one optimum over the clip.
    """
    config = config or StitchConfig()
    parts = sorted(tracklets, key=lambda part: (part.frames[0], part.boxes[0, 0], part.track_id))
    if len({part.track_id for part in parts}) != len(parts):
        raise ValueError("two tracklets bear one track_id")
    if not parts:
        return {}
    earlier, later = match_listed_pairs(*_motion_values(parts, config))
    chains = _chains(len(parts), earlier, later)
    chains = _join_by_appearance(parts, chains, config)
    looked_at = _frames_by_shot(parts) if looked_at is None else looked_at
    identities: dict[int, int] = {}
    number = 0
    for chain in sorted(chains, key=lambda chain: chain[0]):
        members = [parts[index] for index in chain]
        if _is_person(members, looked_at, config):
            number += 1
            identities |= {part.track_id: number for part in members}
    return identities


def is_certain(scores: FloatArray, config: StitchConfig | None = None) -> bool:
    """Return whether somebody's detections are certain enough for a person.

    The better half of them counts: somebody who is partly hidden for a while is detected with low
    scores then, and is no less a person. A short stay must be certain as a whole: what is false
    comes and goes as light changes.

    Args:
        scores: `(F,)`, 0..1, at least one.
        config: What is dropped.
    """
    config = config or StitchConfig()
    count = max(2 * config.min_identity_frames, (len(scores) + 1) // 2)
    return float(np.sort(scores)[-count:].mean()) >= config.min_mean_score


def _frames_by_shot(parts: Sequence[Tracklet]) -> dict[int, IntArray]:
    """Return all frames from the first tracklet of each shot to its last."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for part in parts:
        start, end = int(part.frames[0]), int(part.frames[-1])
        first[part.shot] = min(start, first.get(part.shot, start))
        last[part.shot] = max(end, last.get(part.shot, end))
    return {shot: np.arange(first[shot], last[shot] + 1) for shot in first}


def _is_person(
    members: Sequence[Tracklet], looked_at: Mapping[int, IntArray], config: StitchConfig
) -> bool:
    scores = np.concatenate([part.scores for part in members])
    if not is_certain(scores, config):
        return False
    needed = config.min_identity_frames
    if not any(part.is_confirmed for part in members):
        needed = max(needed, config.min_unconfirmed_frames)
    return len(scores) >= needed or any(
        _is_mostly_seen([part for part in members if part.shot == shot], looked_at[shot], config)
        for shot in {part.shot for part in members}
    )


def _is_mostly_seen(parts: Sequence[Tracklet], looks: IntArray, config: StitchConfig) -> bool:
    """Return whether somebody was seen in most of the looks that a shot allowed.

    Args:
        parts: The person's tracklets in the shot, in time.
        looks: The shot's frames in which anybody could be detected.
        config: From how many sightings on the shot may have cut off the rest of a stay: then
            only the looks since the person came count, or those until they left.
    """
    seen, possible = sum(len(part.frames) for part in parts), len(looks)
    if seen >= config.min_cut_off_frames and any(part.is_confirmed for part in parts):
        before = int(np.searchsorted(looks, parts[0].frames[0]))
        after = possible - int(np.searchsorted(looks, parts[-1].frames[-1], "right"))
        possible -= max(before, after)
    return 2 * seen > possible


def _motion_values(
    parts: Sequence[Tracklet], config: StitchConfig
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return pairs that may be joined, the earlier ones and the later ones, and their worth."""
    first = np.array([part.frames[0] for part in parts])
    last = np.array([part.frames[-1] for part in parts])
    shot = np.array([part.shot for part in parts])
    head, head_speed = _ends(parts, config.velocity_frames, is_head=True)
    tail, tail_speed = _ends(parts, config.velocity_frames, is_head=False)
    rows, columns = _pairs_within(first, last, config.max_gap_frames)
    is_same_shot = shot[rows] == shot[columns]
    rows, columns = rows[is_same_shot], columns[is_same_shot]
    span = (first[columns] - last[rows]).astype(np.float64)
    # A person out of sight rarely keeps walking straight on: the travelled way levels off with the
    # gap.
    way = config.coast_frames * (1.0 - np.exp(-span / config.coast_frames))
    height = np.sqrt(tail[rows, 3] * head[columns, 3])
    ahead = tail[rows, :2] + tail_speed[rows] * way[:, None] - head[columns, :2]
    back = head[columns, :2] - head_speed[columns] * way[:, None] - tail[rows, :2]
    miss = 0.5 * (np.linalg.norm(ahead, axis=1) + np.linalg.norm(back, axis=1)) / height
    expected = config.position_std + config.drift_std * (span - 1.0)
    growth = np.log(head[columns, 3] / tail[rows, 3]) / config.size_std
    cost = (miss / expected) ** 2 + growth**2
    cost += config.appearance_weight * _dissimilarity(parts, rows, columns, config)
    return rows, columns, config.max_cost - cost


def _pairs_within(first: IntArray, last: IntArray, max_gap: int) -> tuple[IntArray, IntArray]:
    """Return all `(i, j)` where `j` begins from 1 to `max_gap` frames after `i` has ended.

    Args:
        first: First frames, rising.
        last: Last frames.
        max_gap: From 0.
    """
    start = np.searchsorted(first, last + 1)
    count = np.searchsorted(first, last + max_gap, side="right") - start
    rows = np.repeat(np.arange(len(first)), count)
    # The columns of a row follow each other from its `start` on.
    skipped = np.repeat(np.cumsum(count) - count, count)
    return rows, start[rows] + np.arange(len(rows)) - skipped


def _ends(
    parts: Sequence[Tracklet], num_frames: int, *, is_head: bool
) -> tuple[FloatArray, FloatArray]:
    """Return centre and size `(n, 4)` and speed `(n, 2)` at each tracklet's head or tail.

    Speed is in pixels per frame. Both are of the straight line through the outermost frames, so
    one bad box counts little.
    """
    states = np.zeros((len(parts), 4))
    speeds = np.zeros((len(parts), 2))
    for index, part in enumerate(parts):
        end = slice(None, num_frames) if is_head else slice(-num_frames, None)
        frames, states_of_part = part.frames[end], xyxy_to_cxcywh(part.boxes[end])
        outermost = frames[0] if is_head else frames[-1]
        time = frames - frames.mean()
        mean = states_of_part.mean(axis=0)
        variance = float(time @ time)
        # The ridge of a few frames² keeps the speed of a tracklet of two or three boxes near zero.
        slope = time @ (states_of_part - mean) / (variance + num_frames)
        states[index] = mean + slope * (outermost - frames.mean())
        speeds[index] = slope[:2]
    states[:, 2:] = np.maximum(states[:, 2:], 1.0)
    return states, speeds


def _dissimilarity(
    parts: Sequence[Tracklet], rows: IntArray, columns: IntArray, config: StitchConfig
) -> FloatArray:
    """Return `neutral - cosine` of each pair; 0 where one of them has no appearance."""
    vectors = _as_rows([part.appearance for part in parts])
    is_known = np.array([part.appearance is not None for part in parts])
    unlike = config.neutral_similarity - pair_cosines(vectors, vectors, rows, columns)
    return np.where(is_known[rows] & is_known[columns], unlike, 0.0)


def _as_rows(looks: Sequence[FloatArray | None]) -> FloatArray:
    """Return unit vectors as rows `(n, D)`, zeros for the unknown; D is 0 where all are."""
    length = next((len(look) for look in looks if look is not None), 0)
    return np.stack([np.zeros(length) if look is None else look for look in looks])


def _chains(count: int, earlier: IntArray, later: IntArray) -> list[list[int]]:
    """Return the tracklets of each person, in time, from successors chosen pairwise."""
    successor = dict(zip(earlier.tolist(), later.tolist(), strict=True))
    starts = set(range(count)) - set(successor.values())
    chains = []
    for start in sorted(starts):
        chain = [start]
        while chain[-1] in successor:
            chain.append(successor[chain[-1]])
        chains.append(chain)
    return chains


def _join_by_appearance(
    parts: Sequence[Tracklet], chains: list[list[int]], config: StitchConfig
) -> list[list[int]]:
    """Return chains, those that end before another begins joined where they surely look alike."""
    vectors = _as_rows([_mean_appearance([parts[index] for index in chain]) for chain in chains])
    first = np.array([parts[chain[0]].frames[0] for chain in chains])
    last = np.array([parts[chain[-1]].frames[-1] for chain in chains])
    earlier, later = match_by_appearance(
        vectors,
        vectors,
        *_pairs_within(first, last, config.max_absence_frames),
        config.strong_similarity,
        config.strong_margin,
    )
    return [
        [index for link in joined for index in chains[link]]
        for joined in _chains(len(chains), earlier, later)
    ]


def _mean_appearance(members: Sequence[Tracklet]) -> FloatArray | None:
    """Return the unit mean of the members' appearance, weighted by their frames."""
    total = sum(
        (len(part.frames) * part.appearance for part in members if part.appearance is not None),
        start=np.float64(0.0),
    )
    length = float(np.linalg.norm(total))
    return np.asarray(total) / length if length > 0.0 else None
