"""What writes one file each while a clip is rendered.

Knows alphas and layers; knows nothing of which streams are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from ..alpha_frame import AlphaFrame
from ..config import OutputConfig
from ..matting.foreground import colour_layer
from ..media.alpha_stream import AlphaStream
from ..media.formats import FORMATS, open_alpha_stream
from ..media.frame import ClipInfo, Frame
from ..media.layer import Layer
from ..media.timecode import shift_timecode
from ..media.video_writer import VideoWriter
from ..people.identities import Cast
from ..stages import StageClock
from .frame_alphas import FrameAlphas
from .preview import PreviewPerson, tint_people
from .stream_plans import StreamPlan


class StreamWriter:
    """Turns a person's alphas into layers of their stream."""

    def __init__(
        self, plan: StreamPlan, stream: AlphaStream, config: OutputConfig, clock: StageClock
    ) -> None:
        self.plan, self.stream, self.config, self.clock = plan, stream, config, clock
        self._has_color = FORMATS[config.format].has_color
        self._start: Fraction | None = None

    @property
    def warnings(self) -> Sequence[str]:
        """What the user should know of the stream."""
        return self.stream.warnings

    @property
    def partial_path(self) -> Path:
        """Where the stream lies until it has its name."""
        return self.stream.partial_path

    def write(self, frame: Frame, alphas: FrameAlphas) -> None:
        """Append a frame, if the stream covers it."""
        if not self.plan.first <= frame.index <= self.plan.last:
            return
        if self._start is None:
            self._start = frame.time if self.config.is_trimmed else Fraction(0)
        alpha = alphas.of(self.plan.tracklet_ids)
        layer = None
        if alpha is not None:
            with self.clock.measure("foreground"):
                layer = self._layer(frame, alpha)
        with self.clock.measure("encode"):
            self.stream.write(frame.time - self._start, layer)

    def _layer(self, frame: Frame, alpha: AlphaFrame) -> Layer:
        if not self._has_color:
            return Layer(alpha.left, alpha.top, alpha.alpha)
        return colour_layer(
            frame.image,
            alpha,
            self.config.foreground,  # type: ignore[arg-type]  # checked by OutputConfig
            frame.excess,
        )

    def finish(self) -> None:
        """Finish and verify the stream, which has no name yet."""
        with self.clock.measure("verify"):
            self.stream.finish()

    def publish(self, path: Path | None = None) -> None:
        """Give the finished stream its name, or another."""
        self.stream.publish(path)

    def abort(self) -> None:
        """Remove what was written."""
        self.stream.abort()


def open_stream(
    plan: StreamPlan,
    info: ClipInfo,
    config: OutputConfig,
    folder: Path,
    audio_from: Path | None,
    start: Fraction,
) -> AlphaStream:
    """Return the writer of a planned stream.

    Args:
        plan: What is to be written.
        info: The clip.
        config: Format and quality.
        folder: The clip's output folder.
        audio_from: File whose sound is copied, where the config wants it.
        start: Time of the stream's first frame, in the clip's seconds.
    """
    if config.is_trimmed and plan.first > 0:
        elapsed = plan.first
        if info.is_variable_rate:  # timecode tells the time, not how many frames there were
            elapsed = round((start - (info.first_time or 0)) * info.frame_rate)
        timecode = info.timecode and shift_timecode(info.timecode, elapsed, info.frame_rate)
        number = info.first_frame_number + plan.first
        info = replace(info, timecode=timecode, first_frame_number=number)
    if config.is_trimmed:
        info = replace(info, first_time=Fraction(0))  # times count from where the person appears
    path = folder / plan.file
    path.parent.mkdir(parents=True, exist_ok=True)
    return open_alpha_stream(
        config.format,
        path,
        info,
        audio_from=audio_from if config.has_audio else None,
        audio_start=start,
        quality=config.quality,
    )


class PreviewWriter:
    """Tints all people over the source."""

    warnings: Sequence[str] = ()
    """What the user should know of the preview."""

    def __init__(self, path: Path, info: ClipInfo, cast: Cast, clock: StageClock) -> None:
        self.cast, self.clock = cast, clock
        self._writer = VideoWriter(
            path,
            info.width,
            info.height,
            info.frame_rate,
            info.time_base,
            max_side_px=1280,
            pixel_aspect=info.pixel_aspect,
        )

    @property
    def partial_path(self) -> Path:
        """Where the preview lies until it has its name."""
        return self._writer.partial_path

    def write(self, frame: Frame, alphas: FrameAlphas) -> None:
        """Append a frame."""
        with self.clock.measure("preview"):
            people = []
            for identity in self.cast.identities:
                alpha = alphas.of(identity.tracklet_ids)
                if alpha is not None:
                    people.append(PreviewPerson(identity.track_id, identity.name, alpha))
            self._writer.write(frame.time, tint_people(frame.image, people))

    def finish(self) -> None:
        """Finish the preview, which has no name yet."""
        self._writer.finish()

    def publish(self) -> None:
        """Give the finished preview its name."""
        self._writer.publish()

    def abort(self) -> None:
        """Remove what was written."""
        self._writer.abort()
