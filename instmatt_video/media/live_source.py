"""Frames that come once: a camera, a network stream, or a video on standard input.

Knows PyAV's inputs that cannot be wound back; knows no queues: who wants only the newest frame drops the others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer

from ..errors import FrameDecodeError, VideoOpenError
from .color import RgbConverter, tags_of_stream
from .frame import ClipInfo, Frame
from .source import FrameSource, describe_av_error
from .timetable import DEFAULT_FRAME_RATE
from .video_file import MAX_BAD_FRAMES_IN_A_ROW, first_video_stream

_TIMEOUT_S = 10.0

_CAMERA_FORMAT = {"linux": "v4l2", "darwin": "avfoundation"}


class LiveSource(FrameSource):
    """Frames as they arrive; they can be read once.

    `Frame.index` counts what arrived. Times are the stream's own; a frame that bears none, or one that does
    not advance, is put one nominal frame after its predecessor.
    """

    def __init__(self, spec: str, frame_rate: Fraction | None = None) -> None:
        super().__init__()
        self._spec = spec
        self._container = _open_live(spec)
        self._stream = first_video_stream(self._container, spec)
        stream = self._stream
        rate = frame_rate or stream.average_rate or stream.guessed_rate or DEFAULT_FRAME_RATE
        time_base = stream.time_base
        if frame_rate is not None or not time_base:
            time_base = 1 / Fraction(rate)
        self._keeps_times = frame_rate is None
        self._was_read = False
        self.info = ClipInfo(
            name="stdin" if spec == "-" else f"camera{spec}" if spec.isdigit() else "live",
            path=None,
            width=stream.width,
            height=stream.height,
            frame_rate=Fraction(rate),
            time_base=time_base,
            bit_depth=max(component.bits for component in stream.format.components),
            color=tags_of_stream(stream),
            pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
            is_variable_rate=spec != "-",
        )
        self._converter = RgbConverter(self.info.color)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames as they arrive, dropping the first `start`.

        Raises:
            ValueError: They were read before.
        """
        if self._was_read:
            raise ValueError(f"{self._spec}: a live source can be read only once")
        self._was_read = True
        step = max(1, round(1 / (self.info.frame_rate * self.info.time_base)))
        last_tick: int | None = None
        index = 0
        bad_in_a_row = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                pictures = self._stream.codec_context.decode(packet)
            except av.EOFError:
                return
            except av.FFmpegError as error:
                bad_in_a_row += 1
                self.skipped_frames += 1
                if bad_in_a_row > MAX_BAD_FRAMES_IN_A_ROW:
                    raise FrameDecodeError(f"{self._spec}: {describe_av_error(error)}") from error
                continue
            for picture in pictures:
                bad_in_a_row = 0
                tick = picture.pts if self._keeps_times else None
                following = 0 if last_tick is None else last_tick + step
                if tick is None or (last_tick is not None and tick <= last_tick):
                    tick = following
                last_tick = tick
                if index >= start:
                    image = self._converter(picture)
                    turns = picture.rotation // 90
                    if turns % 4:
                        image = np.ascontiguousarray(np.rot90(image, turns))
                    yield Frame(index, tick * self.info.time_base, image)
                index += 1

    def close(self) -> None:
        """Close the camera or the connection."""
        self._container.close()


def _open_live(spec: str) -> InputContainer:
    options: dict[str, str] = {}
    input_format: str | None = None
    file: object = spec
    if spec == "-":
        file = sys.stdin.buffer
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
