"""`tracks.txt`: where everybody was, as MOTChallenge text."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .alpha_store import FrameRecord
from .identities import Cast
from .whole_file import write_whole


def write_tracks(path: Path, records: Iterable[FrameRecord], cast: Cast) -> None:
    """Write `frame,id,left,top,width,height,score,-1,-1,-1`; frames and ids count from 1.

    Args:
        path: Final name; the file is whole or absent.
        records: All frames of the clip, in order.
        cast: Who is who.
    """
    identity_of = {t: i.track_id for i in cast.identities for t in i.tracklet_ids}
    lines = []
    for record in records:
        for track in record.tracks:
            identity = identity_of.get(track.track_id)
            if identity is None or record.index not in cast.visible_tracklets[track.track_id]:
                continue
            left, top, right, bottom = track.box
            lines.append(
                f"{record.index + 1},{identity},{left:.2f},{top:.2f},{right - left:.2f},"
                f"{bottom - top:.2f},{track.score:.4f},-1,-1,-1\n"
            )
    write_whole(path, "".join(lines))
