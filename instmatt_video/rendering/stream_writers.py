"""What writes one file each while a clip is rendered, in a thread of its own.

Knows alphas and layers; knows nothing of which streams are wanted.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from pathlib import Path

import numpy as np

from ..alpha_frame import AlphaFrame
from ..config import OutputConfig
from ..frame_record import FrameRecord
from ..matting.foreground import colour_layer
from ..media.alpha_stream import AlphaStream
from ..media.formats import FORMATS
from ..media.frame import ClipInfo, Frame
from ..media.layer import Layer
from ..media.video_writer import VideoWriter
from ..people.identities import Cast
from ..rectangle import Rectangle
from ..stages import Cancelled, Mailbox, StageClock
from .preview import PreviewPerson, tint_people


@dataclass(frozen=True)
class StreamPlan:
    """One stream that is to be written."""

    track_id: int
    """0 is the rest."""
    name: str
    tracklet_ids: frozenset[int]
    file: str
    """Relative to the clip's output folder."""
    first: int
    """First frame that is written, from 0."""
    last: int

    @property
    def is_rest(self) -> bool:
        """Whether it shows everybody who has no stream of their own."""
        return self.track_id == 0


class FrameAlphas:
    """A frame's alphas, decoded once for all writers, and only those that count."""

    def __init__(self, record: FrameRecord, cast: Cast) -> None:
        self._frames = {
            part: stored
            for stored in record.alphas
            if (part := cast.counting_part(stored.track_id, record.index)) is not None
        }
        self._unpacked: dict[int, AlphaFrame] = {}
        self._lock = threading.Lock()

    def parts(self) -> dict[int, AlphaFrame]:
        """Return the alpha of every tracklet that counts."""
        return {tracklet_id: self._part(tracklet_id) for tracklet_id in self._frames}

    def seen_parts(self) -> dict[int, AlphaFrame]:
        """Return the alphas of those tracklets alone whom the detector saw in the frame."""
        return {t: self._part(t) for t, stored in self._frames.items() if not stored.is_coasted}

    def replaced(self, parts: Mapping[int, AlphaFrame]) -> FrameAlphas:
        """Return the same frame with other alphas of those who count, by tracklet."""
        other = copy.copy(self)
        other._unpacked = dict(parts)
        return other

    def counts(self, tracklet_ids: frozenset[int]) -> bool:
        """Say whether a person counts in the frame, be it without a single pixel."""
        return not tracklet_ids.isdisjoint(self._frames)

    def of(self, tracklet_ids: frozenset[int]) -> AlphaFrame | None:
        """Return the alpha of a person, whose tracklets may be several; `None` where absent."""
        parts = []
        for tracklet_id in sorted(tracklet_ids & self._frames.keys()):
            part = self._part(tracklet_id)
            if part.alpha.size:
                parts.append(part)
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else _united(parts)

    def _part(self, tracklet_id: int) -> AlphaFrame:
        with self._lock:
            if tracklet_id not in self._unpacked:
                self._unpacked[tracklet_id] = self._frames[tracklet_id].unpack()
            return self._unpacked[tracklet_id]


def _united(parts: Sequence[AlphaFrame]) -> AlphaFrame:
    """Return several alphas in one crop; where they meet they add up, to 1 at most."""
    area = reduce(Rectangle.united, (part.area for part in parts))
    total = np.zeros((area.height, area.width), np.float32)
    for part in parts:
        total[part.area.slices_in(area)] += part.alpha
    return AlphaFrame(area.left, area.top, np.minimum(total, 1))


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
            alpha.left,
            alpha.top,
            alpha.alpha,
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

    def write(self, frame: Frame, alphas: FrameAlphas) -> None:
        """Append a frame."""
        with self.clock.measure("preview"):
            people = []
            for identity in self.cast.identities:
                alpha = alphas.of(identity.tracklet_ids)
                if alpha is not None:
                    people.append(
                        PreviewPerson(
                            identity.track_id, identity.name, alpha.left, alpha.top, alpha.alpha
                        )
                    )
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


class Worker:
    """Writes one file in a thread of its own."""

    def __init__(self, writer: StreamWriter | PreviewWriter, stop: threading.Event) -> None:
        self.writer = writer
        self._stop = stop
        self._box = Mailbox(stop)
        self.error: BaseException | None = None
        """What ended the thread before its time."""
        self.is_whole = False
        """Finished and verified."""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def send(self, item: tuple[Frame, FrameAlphas]) -> None:
        """Hand over a frame, waiting while the writer is behind."""
        try:
            self._box.put(item)
        except Cancelled:
            self._raise()

    def send_end(self) -> None:
        """Say that no frame follows."""
        try:
            self._box.put(None)
        except Cancelled:
            self._raise()

    def wait(self) -> None:
        """Wait until the thread is through, or has noticed that the run stops."""
        self._thread.join()

    def finish(self) -> None:
        """Wait, after the end was sent, until the file is whole; it has no name yet."""
        self.wait()
        if not self.is_whole:
            self._raise()

    def abort(self) -> None:
        """Remove what was written."""
        self.wait()
        self.writer.abort()

    def _work(self) -> None:
        try:
            while (item := self._box.get()) is not None:
                self.writer.write(*item)
        except Cancelled:
            return
        except BaseException as error:  # handed to the thread that feeds
            self.error = error
            self._stop.set()
            return
        try:
            self.writer.finish()
            self.is_whole = True
        except BaseException as error:  # likewise; others are finished all the same
            self.error = error

    def _raise(self) -> None:
        if self.error is not None:
            raise self.error
        if self._stop.is_set():
            raise Cancelled
