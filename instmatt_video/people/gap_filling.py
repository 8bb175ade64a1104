"""The short gaps in a person's life, matted after the fact: the detector lost sight of them there.

Knows the store, the cast and the matter; runs once, between stitching and rendering. Both sides of
a gap are known by then, so the mask is carried into it from both. A filled frame is stored as one
of the tracklet after the gap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from instmatt_video.trackers import describe_people

from ..alpha_store import AlphaStore
from ..detection.paste import mask_on_box
from ..frame_record import FrameRecord
from ..matting.frame_matter import FrameMatter
from ..media.frame import Frame, as_eight_bit
from ..media.frame_source import FrameSource
from .identities import Cast
from .late_matting import LateMatting
from .mask_carrying import CarriedMask, carry_mask, enclosing_box

MAX_GAP_FRAMES = 8
"""Longest stretch without a detection that is filled."""
MIN_LIKENESS = 0.93
"""Cosine of appearance below which somebody or something else stands where the person should."""


@dataclass(frozen=True)
class Gap:
    """A stretch in which a person is not seen, between two detections."""

    before: int
    """Frame of the detection before."""
    after: int
    tracklet_before: int
    tracklet_after: int
    missing: frozenset[int]
    """Frames between them in which no alpha of the person counts."""
    score: float
    """The lower one of both detections'."""


def fill_gaps(source: FrameSource, store: AlphaStore, cast: Cast, matter: FrameMatter) -> int:
    """Matte the people of a clip where they were lost for a moment; return the filled frames.

    What is filled follows from the store alone, so that a second call finds nothing to do.

    Args:
        source: The clip.
        store: Its complete records.
        cast: Who is who, from these records.
        matter: Masks to alphas.

    Raises:
        VideoOpenError: The clip has changed since it was opened.
        AlphaWriteError: The store cannot be written.
    """
    count = 0
    late = LateMatting(cast, matter)
    for gap in find_gaps(cast):
        fills = _fill(source, store, gap, late)
        if fills:
            source.refuse_changed(gap.before, gap.after + 1)
            store.amend(fills)
        count += len(fills)
    return count


def find_gaps(cast: Cast) -> list[Gap]:
    """Return the gaps short enough to be filled, in time."""
    gaps = []
    for identity in cast.identities:
        detections = sorted(
            (frame, tracklet)
            for tracklet in identity.tracklet_ids
            for frame in cast.sightings[tracklet]
        )
        for (before, first), (after, second) in pairwise(detections):
            is_cut = bisect_right(cast.cuts, before) < bisect_right(cast.cuts, after)
            if is_cut or not 1 < after - before <= MAX_GAP_FRAMES + 1:
                continue
            start, stop = (bisect_left(identity.visible, k) for k in (before + 1, after))
            missing = set(range(before + 1, after)) - set(identity.visible[start:stop].tolist())
            if missing:
                score = min(
                    cast.sightings[t][k].score for t, k in ((first, before), (second, after))
                )
                gaps.append(Gap(before, after, first, second, frozenset(missing), score))
    return sorted(gaps, key=lambda gap: (gap.before, gap.after, gap.tracklet_after))


def _fill(
    source: FrameSource, store: AlphaStore, gap: Gap, late: LateMatting
) -> dict[int, FrameRecord]:
    """Return the records of a gap's frames with the person in them."""
    records = {r.index: r for r in store.records_between(gap.before, gap.after)}
    frames = list(_frames_between(source, gap.before, gap.after))
    if not {gap.before, gap.after} <= records.keys() or {f.index for f in frames} != records.keys():
        return {}
    images = [as_eight_bit(frame.image) for frame in frames]
    ends = (
        _sighting(records[gap.before], gap.tracklet_before),
        _sighting(records[gap.after], gap.tracklet_after),
    )
    step = (ends[1].box - ends[0].box) / (len(frames) - 1)
    forward = _carried(images, ends[0], step)
    backward = _carried(images[::-1], ends[1], -step)[::-1]
    looks = _looks(images[0], [ends[0]])[0], _looks(images[-1], [ends[1]])[0]
    fills = {}
    for position, frame in enumerate(frames):
        if frame.index not in gap.missing:
            continue
        share = position / (len(frames) - 1)
        person = _blended(forward[position], backward[position], share)
        (look,) = _looks(images[position], [person])
        if max(float(look @ side) for side in looks) < MIN_LIKENESS:
            continue
        record = records[frame.index]
        fills[frame.index] = late.add(frame, record, gap.tracklet_after, person, gap.score)
    return fills


def _frames_between(source: FrameSource, first: int, last: int) -> Iterator[Frame]:
    for frame in source.frames(first):
        if frame.index > last:
            return
        yield frame


def _sighting(record: FrameRecord, tracklet: int) -> CarriedMask:
    """Return box and mask of a tracklet that is detected in a frame."""
    (track,) = (track for track in record.tracks if track.track_id == tracklet)
    return CarriedMask(track.box, record.detections.masks[track.row])


def _carried(
    images: Sequence[npt.NDArray[np.uint8]], start: CarriedMask, step: npt.NDArray[np.float64]
) -> list[CarriedMask]:
    """Return the mask in each of the images, from its own in the first."""
    masks = [start]
    for before, now in pairwise(images):
        last = masks[-1]
        masks.append(carry_mask(before, now, last.box, last.mask, (np.zeros(4), step)))
    return masks


def _blended(a: CarriedMask, b: CarriedMask, share: float) -> CarriedMask:
    """Return the mask between two, `share` of it the second's."""
    box = enclosing_box(a.box, b.box)
    cells = a.mask.shape[0]
    first, second = (mask_on_box(m.mask, m.box, box, cells, cells) for m in (a, b))
    return CarriedMask(box, np.float32(1 - share) * first + np.float32(share) * second)


def _looks(image: npt.NDArray[np.uint8], people: Sequence[CarriedMask]) -> npt.NDArray[np.float64]:
    masks = np.stack([person.mask for person in people])
    return describe_people(image, np.stack([person.box for person in people]), masks)
