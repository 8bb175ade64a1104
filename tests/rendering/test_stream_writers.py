"""What a person's stream gets of each frame."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from instmatt_video.config import OutputConfig
from instmatt_video.media.frame import Frame
from instmatt_video.rendering.stream_plans import StreamPlan
from instmatt_video.rendering.stream_writers import StreamWriter
from instmatt_video.stages import StageClock
from tests.made_records import alpha
from tests.rendering.made_streams import IMAGE, MATTE, PLAN, MadeStream, alphas_of


class TestStreamWriter:
    def write(self, plan: StreamPlan, config: OutputConfig, count: int = 10) -> MadeStream:
        stream = MadeStream()
        writer = StreamWriter(plan, stream, config, StageClock())  # type: ignore[arg-type]
        for k in range(count):
            stored = (alpha(1, 5),) if k in (3, 4) else ()
            frame = Frame(k, Fraction(k, 25), IMAGE)
            writer.write(frame, alphas_of(*stored, visible={1: {3, 4}}, index=k))
        return stream

    def test_every_frame_of_the_clip_at_its_time(self) -> None:
        written = self.write(PLAN, MATTE).written
        assert [t for t, _ in written] == [Fraction(k, 25) for k in range(10)]
        assert [k for k, (_, layer) in enumerate(written) if layer is not None] == [3, 4]
        layer = written[3][1]
        assert layer is not None and (layer.left, layer.top) == (5, 10)
        assert layer.foreground is None and (layer.alpha == 1).all()

    def test_trimmed_to_a_span_that_begins_at_0(self) -> None:
        plan = replace(PLAN, first=3, last=4)
        written = self.write(plan, replace(MATTE, is_trimmed=True)).written
        assert [t for t, _ in written] == [0, Fraction(1, 25)]
        assert all(layer is not None for _, layer in written)

    def test_colour_reaches_past_the_edge_and_stays_in_the_frame(self) -> None:
        written = self.write(PLAN, OutputConfig(format="prores4444", foreground="source")).written
        layer = written[3][1]
        assert layer is not None and layer.foreground is not None
        height, width = layer.alpha.shape
        assert layer.foreground.shape == (height, width, 3)
        assert layer.left == 0 and layer.top == 0  # margins that the frame ends
        assert layer.left + width <= 100 and layer.top + height <= 60
        assert layer.alpha.sum() == 20 * 40
