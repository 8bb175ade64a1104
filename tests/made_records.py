"""Records of made clips, without pixels or networks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.detection.detections import Detections
from instmatt_video.frame_record import FrameRecord, StoredAlpha, TrackedBox, pack_alpha


def tracked(
    track_id: int, left: float, is_detected: bool = True, score: float = 0.9, width: float = 20
) -> TrackedBox:
    """Return a box that is 40 px high and stands at a column."""
    box = np.array([left, 10.0, left + width, 50.0])
    return TrackedBox(track_id, box, score, 0 if is_detected else None)


def alpha(track_id: int, left: int, value: float = 1.0, is_coasted: bool = False) -> StoredAlpha:
    """Return an alpha of 20 x 40 px."""
    return pack_alpha(
        track_id, AlphaFrame(left, 10, np.full((40, 20), value, np.float32)), is_coasted
    )


def frame_record(
    index: int,
    tracks: tuple[TrackedBox, ...] = (),
    alphas: tuple[StoredAlpha, ...] = (),
    *,
    is_cut: bool = False,
    was_looked_at: bool = True,
    features: Mapping[int, np.ndarray] | None = None,
) -> FrameRecord:
    """Return a record whose detections are those of the detected tracks."""
    rows = itertools.count()
    tracks = tuple(replace(t, row=next(rows)) if t.is_detected else t for t in tracks)
    found = [t for t in tracks if t.is_detected]
    n = len(found)
    detections = Detections(
        np.array([t.box for t in found], np.float32).reshape(n, 4),
        np.array([t.score for t in found], np.float32),
        np.ones((n, 28, 28), np.float32),
        None
        if features is None
        else np.array([features[t.track_id] for t in found], np.float32).reshape(n, -1),
    )
    return FrameRecord(
        index, Fraction(index, 25), is_cut, was_looked_at, None, detections, tracks, alphas
    )
