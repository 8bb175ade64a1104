"""How a run tells its caller where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a run stands."""

    stage: str
    """`analyse`, `render`, `stream` (both in one pass), `cuts` or `compose`."""
    done: int
    """Frames."""
    total: int | None
    """Frames; `None` where only the end of the clip tells."""
    people: int
    """Tracks so far, or streams being written."""


Report = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Take a report and do nothing."""
