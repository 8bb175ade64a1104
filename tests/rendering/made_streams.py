"""Streams in memory, and alphas for them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from instmatt_video.config import OutputConfig
from instmatt_video.errors import AlphaWriteError
from instmatt_video.media.layer import Layer
from instmatt_video.people.identities import Cast
from instmatt_video.rendering.frame_alphas import FrameAlphas
from instmatt_video.rendering.stream_plans import StreamPlan
from tests.made_records import frame_record

IMAGE = np.full((60, 100, 3), 128, np.uint8)
PLAN = StreamPlan(1, "person_01", frozenset({1, 2}), "person_01.mkv", 0, 9)
MATTE = OutputConfig(format="matte-ffv1")


class MadeStream:
    """A stream in memory that may fail."""

    def __init__(self, fails_at: int | None = None, fails_at_end: bool = False) -> None:
        self.fails_at, self.fails_at_end = fails_at, fails_at_end
        self.written: list[tuple[Fraction, Layer | None]] = []
        self.end = ""

    def write(self, time: Fraction, layer: Layer | None) -> None:
        if len(self.written) == self.fails_at:
            raise AlphaWriteError("disk full")
        self.written.append((time, layer))

    def finish(self) -> None:
        if self.fails_at_end:
            raise AlphaWriteError("does not read back")
        self.end = "finished"

    def abort(self) -> None:
        self.end = self.end or "aborted"


def alphas_of(*stored, visible: dict[int, set[int]], index: int = 0) -> FrameAlphas:  # type: ignore[no-untyped-def]
    cast = Cast((), {k: frozenset(v) for k, v in visible.items()}, ())
    return FrameAlphas(frame_record(index, (), stored), cast)
