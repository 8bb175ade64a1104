"""A stream that is begun when its person comes, as an online run must.

Knows which frames it missed; who comes, and when, others tell.
"""

from __future__ import annotations

from array import array

from ..config import OutputConfig
from ..media.alpha_stream import AlphaStream
from ..media.frame import Frame
from ..stages import StageClock
from .frame_alphas import FrameAlphas
from .stream_plans import StreamPlan
from .stream_writers import StreamWriter


class LateStreamWriter(StreamWriter):
    """Writes a stream that begins when its person does, as if it had been there from the start.

    Args:
        plan: What is written.
        stream: Open and empty.
        config: Format and colour.
        clock: Counts the work.
        ticks: Of the clip's frames that were sent so far; one list for all streams, which grows.
        begin: Frame with which the stream begins; blank until the person is there.
    """

    def __init__(
        self,
        plan: StreamPlan,
        stream: AlphaStream,
        config: OutputConfig,
        clock: StageClock,
        ticks: array[int],
        begin: int,
    ) -> None:
        super().__init__(plan, stream, config, clock)
        self._ticks, self._next = ticks, begin

    def write(self, frame: Frame, alphas: FrameAlphas) -> None:
        """Append a frame; a trimmed stream has blanks only where the person comes back."""
        if self.config.is_trimmed and not alphas.counts(self.plan.tracklet_ids):
            return
        time_base = self.stream.info.time_base
        for tick in self._ticks[self._next : frame.index]:
            self.stream.write(tick * time_base - (self._start or 0), None)
        self._next = frame.index + 1
        super().write(frame, alphas)
