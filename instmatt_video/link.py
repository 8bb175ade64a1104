"""The tracker alone: detections in MOTChallenge text → identity tracks in MOTChallenge text.

Online, a row depends on no detection after its own frame, with one exception: the rows of a track
that is not yet confirmed are held back and given out, unchanged, when it is: `confirm_frames - 1`
frames later, more where the person was missed.
Offline, the whole clip decides: tracklets are stitched, gaps filled, paths smoothed, short tracks
dropped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from instmatt_video.trackers import (
    StitchConfig,
    Tracker,
    TrackerConfig,
    Tracklet,
    smooth_boxes,
    stitch,
)

from .errors import OptionError
from .mot_text import BOX, FRAME, IDENTITY, SCORE, FloatArray, read_mot, write_mot
from .whole_file import check_target


def link(detections_path: Path, out_path: Path, online: bool = False) -> None:
    """Write the tracks of a detection file.

    Args:
        detections_path: MOTChallenge text: frame, id (ignored), left, top, width, height, score;
            frames from 1, in any order.
        out_path: MOTChallenge text: frame, id, left, top, width, height, score, -1, -1, -1.
        online: Link frame by frame instead of over the whole clip.

    Raises:
        VideoOpenError: The file is missing, or a line is no detection.
        OptionError: The folder of `out_path` does not exist, or it is the detection file itself.
        AlphaWriteError: The file cannot be written.
    """
    check_target(out_path)
    detections = read_mot(detections_path)
    if out_path.exists() and out_path.samefile(detections_path):
        raise OptionError(f"{out_path} holds the detections: give another --out")
    rows = link_rows(detections, online, TrackerConfig(), StitchConfig())
    write_mot(out_path, rows)


def link_rows(
    detections: FloatArray, online: bool, tracker_config: TrackerConfig, stitch_config: StitchConfig
) -> FloatArray:
    """Return rows `(n, 7)` of frame, identity, box, score, of detections in the same form."""
    tracked, confirmed = _track(detections, tracker_config)
    if online:
        rows = tracked[np.isin(tracked[:, IDENTITY], list(confirmed))]
        # Stable numbers without a gap, in the order of birth.
        rows[:, IDENTITY] = np.unique(rows[:, IDENTITY], return_inverse=True)[1] + 1
        return rows
    tracklets = [
        Tracklet(
            track_id,
            part[:, FRAME].astype(np.intp),
            part[:, BOX],
            part[:, SCORE],
            is_confirmed=track_id in confirmed,
        )
        for track_id, part in _split_by_identity(tracked)
    ]
    frames = np.arange(1, int(detections[-1, FRAME]) + 1) if len(detections) else np.arange(0)
    identity_of = stitch(tracklets, stitch_config, {0: frames})
    is_kept = np.isin(tracked[:, IDENTITY], list(identity_of))
    stitched = tracked[is_kept]
    stitched[:, IDENTITY] = [identity_of[int(track_id)] for track_id in stitched[:, IDENTITY]]
    paths = [
        _smooth(identity, part, tracker_config) for identity, part in _split_by_identity(stitched)
    ]
    rows = np.concatenate([np.zeros((0, 7)), *paths])
    return rows[np.lexsort((rows[:, IDENTITY], rows[:, FRAME]))]


def _track(detections: FloatArray, config: TrackerConfig) -> tuple[FloatArray, frozenset[int]]:
    """Return a row for each tracked detection, by frame, and the confirmed ids."""
    tracker = Tracker(config)
    rows: list[tuple[float, ...]] = []
    frames, starts = np.unique(detections[:, FRAME].astype(np.intp), return_index=True)
    frame, living = 0, 0
    for next_frame, found in zip(frames.tolist(), np.split(detections, starts[1:]), strict=False):
        # Frames without detections change nothing once nobody is left who waits for one, and the
        # clip is not too short to confirm anybody.
        while frame + 1 < next_frame and (living or frame < config.confirm_frames):
            frame, living = frame + 1, len(tracker.update(detections[:0, BOX], []))
        frame, tracks = next_frame, tracker.update(found[:, BOX], found[:, SCORE])
        living = len(tracks)
        for track in tracks:
            if track.detection is not None:
                rows.append((frame, track.track_id, *track.box.tolist(), track.score))
    return np.array(rows, np.float64).reshape(-1, 7), tracker.finish()


def _split_by_identity(rows: FloatArray) -> list[tuple[int, FloatArray]]:
    """Return the rows of each identity, in their order."""
    order = np.argsort(rows[:, IDENTITY], kind="stable")
    identities, starts = np.unique(rows[order, IDENTITY], return_index=True)
    parts = np.split(rows[order], starts[1:])
    return [(int(identity), part) for identity, part in zip(identities, parts, strict=False)]


def _smooth(identity: int, part: FloatArray, config: TrackerConfig) -> FloatArray:
    """Return one person's rows for every frame of its life."""
    frames, boxes = smooth_boxes(part[:, FRAME].astype(np.intp), part[:, BOX], config.motion)
    rows = np.empty((len(frames), 7))
    rows[:, FRAME], rows[:, IDENTITY], rows[:, BOX] = frames, identity, boxes
    rows[:, SCORE] = np.interp(frames, part[:, FRAME], part[:, SCORE])
    return rows
