"""Frames that come once: a camera, a network stream, or a video on standard input.

Knows PyAV's inputs that cannot be wound back; knows no queues: who wants only the newest frame
drops the others.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from typing import NoReturn

import av
from av.container import InputContainer
from av.video.frame import VideoFrame

from ..errors import FrameDecodeError, VideoOpenError
from .av_errors import describe_av_error
from .color import RgbConverter, tags_of_stream
from .frame import ClipInfo, Frame
from .frame_rate import snap_to_broadcast_rate
from .frame_source import HELD, FrameSource
from .stoppable_pipe import StoppablePipe
from .timetable import (
    DEFAULT_FRAME_RATE,
    FINEST_CLOCK,
    FORMATS_WITHOUT_TIMES,
    common_tick,
)
from .turn import turn_of, upright
from .video_file import (
    MAX_BAD_FRAMES_IN_A_ROW,
    decode_pictures,
    first_video_stream,
    told_timecode,
)

_TIMEOUT_S = 10.0

_CAMERA_FORMAT = {"linux": "v4l2", "darwin": "avfoundation"}


class LiveSource(FrameSource):
    """Frames as they arrive; they can be read once.

    `Frame.index` counts what arrived, whether or not it could be decoded; in place of what could
    not stands the picture before it, where the next one's time leaves room. Times are the stream's
    own, from 0 on where they begin below it; a frame that bears none, or one that does not
    advance, is put one nominal frame after its predecessor.
    """

    def __init__(self, spec: str, frame_rate: Fraction | None = None) -> None:
        super().__init__()
        self._spec = spec
        self._stop = threading.Event()
        # What a signal raises while PyAV calls `read` is lost, so that is left to a thread.
        with ThreadPoolExecutor(1) as thread:
            opening = thread.submit(self._open, frame_rate)
            try:
                opening.result()
            except BaseException:
                self.stop()
                raise

    def _open(self, frame_rate: Fraction | None) -> None:
        self._container = _open_live(self._spec, self._stop)
        try:
            self._look(frame_rate)
        except BaseException:
            self._container.close()
            raise

    def _look(self, frame_rate: Fraction | None) -> None:
        """Wait for the first picture, and describe the clip by it."""
        spec = self._spec
        stream = first_video_stream(self._container, spec)
        self._pictures: Iterator[VideoFrame | None] | None = decode_pictures(
            self._container, stream, self._lose_connection
        )
        self._first = next((picture for picture in self._pictures if picture is not None), None)
        if self._first is None:
            raise VideoOpenError(f"{spec}: no frame came")
        told_rate = stream.average_rate or stream.guessed_rate
        own_rate = snap_to_broadcast_rate(told_rate) if told_rate else None
        self._tell_of_rate(own_rate, frame_rate)
        rate = frame_rate or own_rate or DEFAULT_FRAME_RATE
        has_times = self._container.format.name not in FORMATS_WITHOUT_TIMES
        self._tick_s = stream.time_base if has_times and frame_rate is None else None
        """Of the pictures' own times; `None` where these are not kept."""
        timecode = told_timecode(self._container, stream) if spec == "-" else None
        clock = self._tick_s or 1 / rate
        # A file's rate is steady, most likely, but its clock may be too coarse for it.
        self._has_grid = (
            spec == "-"
            and self._tick_s is not None
            and common_tick(clock, 1 / rate).denominator <= FINEST_CLOCK
        )
        self._turn = turn_of(self._first)
        # No container that we write holds pictures below 0.
        self._origin = min(0, self._first.pts or 0)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        width, height = self._first.width, self._first.height
        self.info = ClipInfo(
            name=_clip_name(spec),
            path=None,
            width=height if self._turn.is_sideways else width,
            height=width if self._turn.is_sideways else height,
            frame_rate=rate,
            time_base=common_tick(clock, 1 / rate) if self._has_grid else clock,
            bit_depth=max(component.bits for component in self._first.format.components),
            color=tags_of_stream(stream),
            rotation_deg=self._turn.clockwise_deg,
            pixel_aspect=1 / aspect if self._turn.is_sideways else aspect,
            timecode=self._usable(timecode, rate),
            is_variable_rate=self._tick_s is not None and spec != "-",
            is_interlaced=self._first.interlaced_frame,
        )
        self._converter = RgbConverter(self.info.color)
        if self._container.streams.audio:
            self._warn("sound left out: of what can be read only once pictures alone are kept")

    def _time_of(self, pts: int) -> Fraction:
        """Return when a picture is shown, to the frame where that is less than a tick away."""
        assert self._tick_s is not None and self._first is not None
        first_s = ((self._first.pts or 0) - self._origin) * self._tick_s
        time_s = (pts - self._origin) * self._tick_s
        rate = self.info.frame_rate
        on_grid = first_s + round((time_s - first_s) * rate) / rate
        return on_grid if self._has_grid and abs(on_grid - time_s) < self._tick_s else time_s

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames as they arrive, dropping the first `start`.

        Raises:
            ValueError: They were read before.
            FrameDecodeError: The connection was lost, or 9 frames in a row cannot be decoded.
        """
        if self._pictures is None:
            raise ValueError(f"{self._spec}: a live source can be read only once")
        pictures, self._pictures = self._pictures, None
        tick_s = self.info.time_base
        step_s = max(1, round(1 / (self.info.frame_rate * tick_s))) * tick_s
        last: Frame | None = None
        missing: list[Frame] = []
        for index, picture in enumerate(chain([self._first], pictures)):
            if self._stop.is_set():
                return  # what was cut off by that is no fault
            before = missing[-1] if missing else last
            due_s = Fraction(0) if before is None else before.time + step_s
            if picture is None:
                if len(missing) == MAX_BAD_FRAMES_IN_A_ROW:
                    raise FrameDecodeError(
                        f"{self._spec}: more than {MAX_BAD_FRAMES_IN_A_ROW} frames in a row "
                        "cannot be decoded"
                    )
                if last is not None:
                    self._warn(f"some frames cannot be decoded; {HELD}")
                    missing.append(replace(last, index=index, time=due_s, is_held=True))
                continue
            pts = None if self._tick_s is None else picture.pts
            time_s = due_s if pts is None else self._time_of(pts)
            if last is not None and time_s <= last.time:
                time_s = due_s
            image = upright(self._converter(picture), self._turn)
            before = last
            last = Frame(index, time_s, self._fitted(image))
            if before is not None and due_s > time_s:
                missing = _spread(missing, before.time, time_s, tick_s)
            yield from (frame for frame in (*missing, last) if frame.index >= start)
            missing = []
        yield from (frame for frame in missing if frame.index >= start)

    def stop(self) -> None:
        """Let the frames end; the wait for a camera or a network has a limit of its own."""
        self._stop.set()

    def close(self) -> None:
        """Close the camera or the connection."""
        self._container.close()

    def _lose_connection(self, error: av.FFmpegError) -> NoReturn:
        is_film = "mov" in self._container.format.name.split(",")
        advice = "; an MP4 or MOV must have its index in front, or be named as a file"
        raise FrameDecodeError(
            f"{self._spec}: reading stopped: {describe_av_error(error)}{advice if is_film else ''}"
        ) from error


def _spread(frames: list[Frame], start: Fraction, end: Fraction, tick_s: Fraction) -> list[Frame]:
    """Return frames at times of their own between two others, as evenly as the clock allows.

    Where it has fewer ticks than there are frames, the last of them are left out.
    """
    ticks = int((end - start) / tick_s)
    times = [start + max(k, k * ticks // (len(frames) + 1)) * tick_s for k in range(1, ticks)]
    return [replace(frame, time=time) for frame, time in zip(frames, times, strict=False)]


def _clip_name(spec: str) -> str:
    if spec == "-":
        return "stdin"
    return f"camera{spec}" if spec.isdigit() else "live"


def _open_live(spec: str, stop: threading.Event) -> InputContainer:
    options: dict[str, str] = {}
    input_format: str | None = None
    file: object = spec
    if spec == "-":
        file = sys.stdin.buffer
        if sys.platform != "win32" and not sys.stdin.buffer.seekable():
            file = StoppablePipe(sys.stdin.fileno(), stop)
    elif spec.isdigit() or spec.startswith("/dev/video"):
        input_format = _CAMERA_FORMAT.get(sys.platform)
        if input_format is None:
            raise VideoOpenError(f"{spec}: cameras are supported on Linux and macOS")
        file = f"/dev/video{spec}" if spec.isdigit() and input_format == "v4l2" else spec
        options["framerate"] = "30"
    elif spec.lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # over UDP, lost packets tear the picture
    try:
        return av.open(
            file, "r", format=input_format, options=options, timeout=(_TIMEOUT_S, _TIMEOUT_S)
        )
    except (av.FFmpegError, OSError) as error:
        what = "standard input" if spec == "-" else spec
        raise VideoOpenError(f"{what}: cannot be opened: {describe_av_error(error)}") from error
