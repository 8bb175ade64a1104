"""A person's first frames, matted after the fact: the detector saw them, unsure who or what it was.

Somebody who steps into the picture is a head or an arm at first; no track begins with so little.
Once the person is known, the uncertain detections that lead up to their first one are theirs. Runs
once, between stitching and rendering, beside `gap_filling`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from instmatt_video.trackers import TrackerConfig
from instmatt_video.trackers.boxes import FloatArray, expand_boxes, pairwise_iou

from ..alpha_store import AlphaStore
from ..frame_record import FrameRecord
from ..matting.frame_matter import FrameMatter
from ..media.frame_source import FrameSource
from .identities import Cast, Identity
from .late_matting import LateMatting, rows_of_people
from .mask_carrying import CarriedMask

MAX_ENTRANCE_FRAMES = 8
"""Most frames by which a life is begun earlier."""
MIN_SCORE = 0.25
"""A detection below this may be anything."""
MIN_OVERLAP = 0.2
"""Least overlap of grown boxes from one frame to the next."""


@dataclass(frozen=True)
class Step:
    """A person in a frame before their first certain one."""

    tracklet: int
    record: FrameRecord
    row: int
    """Of their detection in the record."""


def fill_entrances(source: FrameSource, store: AlphaStore, cast: Cast, matter: FrameMatter) -> int:
    """Matte people from where they entered; return the added frames.

    What is added follows from the store alone, so that a second call finds nothing to do.

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
    for identity in cast.identities:
        steps = {step.record.index: step for step in find_entrance(store, cast, identity)}
        added: dict[int, FrameRecord] = {}
        for frame in source.frames(min(steps)) if steps else ():
            if frame.index > max(steps):
                break
            if frame.index in steps:
                step = steps[frame.index]
                found = step.record.detections
                person = CarriedMask(
                    found.boxes[step.row].astype(np.float64), found.masks[step.row]
                )
                score = float(found.scores[step.row])
                added[frame.index] = late.add(frame, step.record, step.tracklet, person, score)
        if added:
            source.refuse_changed(min(steps), max(steps) + 1)
            store.amend(added)
        count += len(added)
    return count


def find_entrance(store: AlphaStore, cast: Cast, identity: Identity) -> list[Step]:
    """Return the frames by which a person's life can be begun earlier, from the last one back.

    Args:
        store: Complete records.
        cast: Who is who.
        identity: The person.
    """
    sightings = [
        (frame, tracklet)
        for tracklet in {cast.origin_of(part) for part in identity.tracklet_ids}
        for frame in cast.sightings[tracklet]
    ]
    first, tracklet = min(sightings)
    if first == 0 or identity.visible[0] < first:
        return []
    records = {r.index: r for r in store.records_between(first - MAX_ENTRANCE_FRAMES, first)}
    box = next(t.box for t in records[first].tracks if t.track_id == tracklet)
    steps: list[Step] = []
    for index in range(first - 1, max(-1, first - 1 - MAX_ENTRANCE_FRAMES), -1):
        if index not in records or records[index + 1].is_cut:
            break
        row = _row_leading_to(box, records[index], cast)
        if row is None:
            break
        steps.append(Step(tracklet, records[index], row))
        box = records[index].detections.boxes[row].astype(np.float64)
    return steps


def _row_leading_to(box: FloatArray, record: FrameRecord, cast: Cast) -> int | None:
    """Return the detection of nobody that overlaps a box of the next frame best."""
    found = record.detections
    is_free = found.scores >= MIN_SCORE
    is_free[rows_of_people(record, cast)] = False
    for track in record.tracks:  # somebody else's entrance, found just now
        is_free &= track.is_detected | (found.boxes != track.box).any(axis=1)
    rows = np.flatnonzero(is_free)
    if not len(rows):
        return None
    grown = TrackerConfig().buffer_fraction
    overlaps = pairwise_iou(
        expand_boxes(box[None], grown), expand_boxes(found.boxes[rows].astype(np.float64), grown)
    )[0]
    best = int(overlaps.argmax())
    return int(rows[best]) if overlaps[best] >= MIN_OVERLAP else None
