"""What a run has made of a clip, stored or streamed, before the manifest tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..correction import Correction
from ..people.identities import Cast
from .render import RenderResult
from .stream_plans import StreamPlan


@dataclass(frozen=True)
class RunResult:
    """Who was found, and what was written of them."""

    cast: Cast
    """Everybody; of an online run, without the frames of each tracklet."""
    plans: Sequence[StreamPlan]
    rendered: RenderResult
    frame_count: int
    duration_s: Fraction
    """From the first frame to the last one's end."""
    held_frames: Sequence[int] = ()
    """Those that could not be read."""
    breaks_off: str | None = None
    """Why the clip could not be read on after the last frame."""
    store_bytes: int = 0
    """Size of the alpha store; an online run has none."""
    fingerprint: dict[str, Any] | None = None
    """What the alphas depend on; of those of an online run nothing is kept."""
    found: Cast | None = None
    """Everybody as they were found, before `corrections`; an online run joins nobody."""
    corrections: tuple[Correction, ...] = ()
    """What people have changed, and the streams show."""
    warnings: tuple[str, ...] = ()
    """What its people make worth knowing."""
