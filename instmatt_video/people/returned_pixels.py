"""Pixels of real people that somebody took who turned out to be nobody, given back.

Whoever the tracker follows is matted, for only the clip's end tells who is a person. A false
detection on somebody's chest gets that part of them, which would be nobody's once it is dropped.
So it is with whoever is followed for long, and never seen with certainty: a shadow behind somebody
may take the whole of them, and stays in the rest of the people only where it took nothing.
Knows stored records and the cast; runs once, after stitching, and no network.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from instmatt_video.trackers import is_certain

from ..alpha_frame import trim_alpha
from ..alpha_store import AlphaStore
from ..detection.detections import Detections
from ..detection.paste import mask_on_box
from ..frame_record import FrameRecord, StoredAlpha, pack_alpha
from ..rectangle import Rectangle
from .identities import Cast

FloatImage = npt.NDArray[np.float32]

FRAMES_AT_ONCE = 64
"""Changed frames that are kept in memory before they are written."""


def return_pixels(store: AlphaStore, cast: Cast) -> None:
    """Give the pixels of those who do not count back to the people whom the detector saw there.

    Whoever had to give something back is dropped from the frame, so that a second call finds
    nothing to do.

    Args:
        store: The clip's complete records.
        cast: Who is who, from these records.

    Raises:
        AlphaWriteError: The store cannot be written.
    """
    doubtful = _doubtful(cast)
    changed: dict[int, FrameRecord] = {}
    for record in store.records():
        counting = frozenset(
            track.track_id
            for track in record.tracks
            if cast.counting_part(track.track_id, record.index) is not None
            and track.track_id not in doubtful
        )
        settled = without_ghosts(record, counting)
        if settled is not record:
            changed[record.index] = settled
        if len(changed) == FRAMES_AT_ONCE:
            store.amend(changed)
            changed = {}
    if changed:
        store.amend(changed)


def without_ghosts(record: FrameRecord, counting: frozenset[int]) -> FrameRecord:
    """Return a frame's record in which ghosts have nothing of the people who count.

    A ghost's alpha goes, pixel by pixel, to the detected person whose own mask is surest there;
    where no mask is, it was background. Ghosts of whom nobody gets anything stay as they are.

    Args:
        record: The frame.
        counting: Tracklets that count in it.
    """
    kept = {alpha.track_id: alpha for alpha in record.alphas}
    ghosts = [alpha for alpha in record.alphas if alpha.track_id not in counting]
    seen = {
        track.track_id: track.row
        for track in record.tracks
        if track.track_id in kept and track.track_id in counting and track.row is not None
    }
    takers: set[int] = set()
    for stored in ghosts:
        ghost = stored.unpack()
        if not ghost.alpha.size or not seen:
            continue
        owner = _owners(ghost.area, record.detections, [*seen.values()])
        for number, track_id in enumerate(seen):
            own = np.where(owner == number, ghost.alpha, np.float32(0))
            if own.any():
                kept[track_id] = _with_more(kept[track_id], ghost.area, own)
                takers.add(stored.track_id)
    if not takers:
        return record
    return replace(record, alphas=tuple(kept[t] for t in kept if t not in takers))


def _doubtful(cast: Cast) -> frozenset[int]:
    """Return who is nobody, for all that the tracker believes, as they were never certain."""
    nobody = cast.rest(identity.track_id for identity in cast.identities)
    scores = {t: [sighting.score for sighting in cast.sightings[t].values()] for t in nobody}
    return frozenset(t for t in nobody if not is_certain(np.array(scores[t])))


def _owners(area: Rectangle, detections: Detections, rows: list[int]) -> npt.NDArray[np.intp]:
    """Return which of the rows' masks is surest at each pixel of an area; -1 where none is."""
    place = np.array([area.left, area.top, area.right, area.bottom], np.float64)
    masks = np.stack(
        [
            mask_on_box(
                detections.masks[row], detections.boxes[row], place, area.height, area.width
            )
            for row in rows
        ]
    )
    return np.where(masks.max(0) > 0.5, masks.argmax(0), -1)


def _with_more(stored: StoredAlpha, area: Rectangle, more: FloatImage) -> StoredAlpha:
    """Return a person's alpha and, in an area, more of it."""
    alpha = stored.unpack()
    whole = alpha.area.united(area) if alpha.alpha.size else area
    total = alpha.within(whole)
    total[area.slices_in(whole)] += more
    trimmed = trim_alpha(whole, np.minimum(total, 1))
    return pack_alpha(stored.track_id, trimmed, stored.is_coasted)
