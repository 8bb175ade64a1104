"""The tracker alone: detections in MOTChallenge text → identity tracks in MOTChallenge text.

Online, a row depends on no detection after its own frame, with one exception: the rows of a track
that is not yet confirmed are held back and given out, unchanged, when it is, so the newest of them
is `confirm_frames - 1` frames old.
Offline, the whole clip decides: tracklets are stitched, gaps filled, paths smoothed, short tracks
dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from instmatt_video.trackers import (
    StitchConfig,
    Tracker,
    TrackerConfig,
    Tracklet,
    smooth_boxes,
    stitch,
)

from .errors import OptionError, VideoOpenError

FloatArray = npt.NDArray[np.float64]

# Columns of our rows: frame and identity from 1, box xyxy in pixels, score.
FRAME, IDENTITY, SCORE = 0, 1, 6
BOX = slice(2, 6)


@dataclass(frozen=True)
class LinkSummary:
    """What `link` did."""

    num_frames: int
    num_detections: int
    num_tracks: int
    num_rows: int


def link(
    detections_path: Path,
    out_path: Path,
    online: bool = False,
    *,
    tracker_config: TrackerConfig | None = None,
    stitch_config: StitchConfig | None = None,
) -> LinkSummary:
    """Write the tracks of a detection file; return how much there was.

    Args:
        detections_path: MOTChallenge text: frame, id (ignored), left, top, width, height, score;
            frames from 1, in any order.
        out_path: MOTChallenge text: frame, id, left, top, width, height, score, -1, -1, -1.
        online: Link frame by frame instead of over the whole clip.
        tracker_config: Settings of the tracker.
        stitch_config: Settings of the offline pass.

    Raises:
        VideoOpenError: The file is missing, or a line is no detection.
        OptionError: The folder of `out_path` does not exist.
    """
    tracker_config = tracker_config or TrackerConfig()
    detections = read_mot(detections_path)
    rows = link_rows(detections, online, tracker_config, stitch_config or StitchConfig())
    write_mot(out_path, rows)
    num_frames = int(detections[-1, FRAME]) if len(detections) else 0
    return LinkSummary(num_frames, len(detections), len(np.unique(rows[:, IDENTITY])), len(rows))


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
    identity_of = stitch(tracklets, stitch_config)
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
    num_frames = int(detections[-1, FRAME]) if len(detections) else 0
    starts = np.searchsorted(detections[:, FRAME], np.arange(1, num_frames + 2))
    for frame in range(1, num_frames + 1):
        found = detections[starts[frame - 1] : starts[frame]]
        for track in tracker.update(found[:, BOX], found[:, SCORE]):
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


def read_mot(path: Path) -> FloatArray:
    """Return MOTChallenge text as rows `(n, 7)`: frame, identity, box xyxy, score, by frame.

    Boxes without area are left out. A file without lines gives no rows.

    Raises:
        VideoOpenError: The file is missing, or a line is not seven numbers or more.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VideoOpenError(f"cannot read detections from {path}: {error}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = [float(field) for field in line.split(",")[:7]]
        except ValueError as error:
            raise VideoOpenError(f"{path}, line {number}: {error}") from error
        if len(row) < 7 or not np.isfinite(row).all() or row[FRAME] < 1:
            raise VideoOpenError(
                f"{path}, line {number}: expected frame (from 1), id, left, top, width, height, "
                f"score; got {line!r}"
            )
        rows.append(row)
    table = np.array(rows, np.float64).reshape(-1, 7)
    table = table[(table[:, 4] > 0) & (table[:, 5] > 0)]
    table[:, 4:6] += table[:, 2:4]
    return table[np.argsort(table[:, FRAME], kind="stable")]


def write_mot(path: Path, rows: FloatArray) -> None:
    """Write rows `(n, 7)` as MOTChallenge text; the file gets its name when it is whole."""
    lines = [
        f"{frame:.0f},{identity:.0f},{x0:.2f},{y0:.2f},{x1 - x0:.2f},{y1 - y0:.2f},"
        f"{score:.4f},-1,-1,-1\n"
        for frame, identity, x0, y0, x1, y1, score in rows.tolist()
    ]
    part = path.with_name(path.name + ".part")
    try:
        part.write_text("".join(lines), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OptionError(f"cannot write tracks to {path}: {error}") from error
