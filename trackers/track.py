"""One track in one frame, as the tracker tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .boxes import FloatArray


class TrackState(Enum):
    """Where a track stands in its life."""

    TENTATIVE = "tentative"
    """Too young to be believed; reported from birth, so that its frames are not lost when it proves
    real. Where it is not detected, the box is the motion model's guess."""
    CONFIRMED = "confirmed"
    """Detected in this frame."""
    LOST = "lost"
    """Confirmed before, not detected in this frame: the box is the motion model's guess."""


@dataclass(frozen=True)
class Track:
    """One track in one frame."""

    track_id: int
    """From 1, never reused."""
    state: TrackState
    box: FloatArray
    """`(4,)` xyxy in pixels, as the motion model believes it after this frame's detection."""
    score: float
    """Of its detection in this frame, or of its last one, 0..1."""
    detection: int | None
    """Row of its detection in this call; `None` while the track coasts."""
