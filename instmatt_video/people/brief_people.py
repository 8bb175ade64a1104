"""Who has no stream for having been seen too briefly, or not at all: nobody is missed in silence.

Knows stored records, who is who in them, and what else than a detector there is to try.
"""

from __future__ import annotations

import numpy as np

from instmatt_video.trackers import is_certain

from ..detection.detector import Detector
from ..frame_record import FrameRecord
from .identities import Cast


def tell_of_brief_people(
    cast: Cast, last: FrameRecord, first_number: int, has_rest: bool
) -> tuple[str, ...]:
    """Return in a line each who is nobody's stream for having been seen too briefly.

    Args:
        cast: Who is who, uncorrected.
        last: The clip's last record.
        first_number: The source's number of the clip's first frame.
        has_rest: Everybody who has no stream of their own is written into one.
    """
    lines = []
    others = cast.rest(identity.track_id for identity in cast.identities)
    stays = sorted(
        (min(seen) + first_number, max(seen) + first_number)
        for seen in (cast.sightings[tracklet] for tracklet in others)
        if is_certain(np.array([sighting.score for sighting in seen.values()]))
    )
    if stays and not has_rest:
        frames = ", ".join(f"{a}-{b}" for a, b in stays[:3])
        more = f" and {len(stays) - 3} more" if len(stays) > 3 else ""
        lines.append(
            f"somebody was seen too briefly to be given a stream, in frames {frames}{more}; "
            "--rest writes one stream of everybody who has none"
        )
    is_new = any(
        track.track_id not in cast.visible_tracklets and is_certain(np.array([track.score]))
        for track in last.tracks
        if track.is_detected or not last.was_looked_at
    )
    if is_new:
        lines.append(
            f"the last frame, {last.index + first_number}, shows somebody too new to be given a "
            "stream; a clip that goes on for longer would tell whether it is a person"
        )
    return tuple(lines)


def tell_of_nobody(detector: Detector) -> str:
    """Return in a line that a clip has no person's stream, and what can be done.

    Args:
        detector: The one that has looked.
    """
    if detector.has_exact_masks:
        return "the masks show nobody, so nobody has a stream"
    other = "" if detector.name == "maskrcnn" else "--detector maskrcnn, or "
    return (
        "nobody was found for long enough to have a stream; where somebody is there, try "
        f"{other}masks of another tool (--detector masks:DIR)"
    )
