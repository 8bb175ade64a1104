"""A stream that is begun when its person comes, as an online run must.

Knows what was missed; who comes, and when, others tell.
"""

from __future__ import annotations

from array import array

from ..config import OutputConfig
from ..media.alpha_stream import AlphaStream
from ..media.frame import Frame
from ..stages import StageClock
from .stream_writers import FrameAlphas, StreamPlan, StreamWriter


class LateStreamWriter(StreamWriter):
    """Writes a stream that begins when its person does, as if it had been there from the start.

    Args:
        plan: What is written.
        stream: Open and empty.
        config: Format and colour.
        clock: Counts the work.
        missed: Ticks of the clip's frames before the person: blank in the stream.
    """

    def __init__(
        self,
        plan: StreamPlan,
        stream: AlphaStream,
        config: OutputConfig,
        clock: StageClock,
        missed: array[int],
    ) -> None:
        super().__init__(plan, stream, config, clock)
        self._blank_ticks = missed

    def write(self, frame: Frame, alphas: FrameAlphas) -> None:
        """Append a frame; a trimmed stream has blanks only where the person comes back."""
        time_base = self.stream.info.time_base
        if self.config.is_trimmed and not alphas.counts(self.plan.tracklet_ids):
            self._blank_ticks.append(int(frame.time / time_base))
            return
        for tick in self._blank_ticks:
            self.stream.write(tick * time_base - (self._start or 0), None)
        self._blank_ticks = array("q")
        super().write(frame, alphas)
