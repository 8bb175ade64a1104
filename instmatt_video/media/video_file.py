"""Frames of a video file, exact in number and time.

Knows PyAV and the clip's timetable; knows no pipeline. Every picture is placed by its presentation
time in a timetable read from the packets, so a frame that cannot be decoded shifts no other.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.logging
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import FrameDecodeError, VideoOpenError
from .av_errors import describe_av_error
from .color import Image, RgbConverter, tags_of_stream
from .color_noise import noise_of_codec
from .file_url import file_url
from .frame import ClipInfo, Frame
from .frame_rate import snap_to_broadcast_rate
from .frame_source import HELD, FrameSource
from .timetable import Timetable, in_order, make_timetable, read_timetable
from .turn import turn_of, upright

MAX_BAD_FRAMES_IN_A_ROW = 8
"""As PySceneDetect; a ninth ends the run, unless a recording began between two key frames."""

_FIELD_CODECS = frozenset({"h264", "mpeg2video", "vc1"})

_log = logging.getLogger(__name__)


class VideoFileSource(FrameSource):
    """A file that PyAV decodes.

    `Frame.index` counts the clip's pictures from 0, those that could not be decoded included.
    """

    def __init__(self, path: Path, frame_rate: Fraction | None = None) -> None:
        super().__init__()
        self._path = path
        self._stamp = _stamp_of(path)
        container = open_container(path)
        with container:
            stream = first_video_stream(container, path)
            self._timetable = read_timetable(container, stream)
        if not self._timetable.ticks:
            raise VideoOpenError(f"{path}: no video frames in the file")
        with open_container(path) as container:
            stream = first_video_stream(container, path)
            first = self._first_decodable(container, stream)
            has_fields = first.interlaced_frame and stream.codec_context.name in _FIELD_CODECS
            if has_fields or self._timetable.is_doubtful:
                self._timetable = self._timetable_by_decoding()
            if frame_rate is not None:
                self._take_rate(frame_rate)
            self._turn = turn_of(first)
            self.info = self._describe(container, stream, first, frame_rate)
        self._converter = RgbConverter(self.info.color)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames from index `start` on, the same as reading from the beginning gives."""
        if start < 0:
            raise ValueError(f"start must be >= 0, got {start}")
        if start >= len(self._timetable.ticks):
            return
        with open_container(self._path) as container:
            stream = first_video_stream(container, self._path)
            is_sought = start > 0 and self._timetable.is_exact
            if is_sought:
                try:
                    # Leads to the key frame before the wanted time.
                    container.seek(self._timetable.ticks[start], stream=stream)
                except av.FFmpegError:  # as to times below 0
                    yield from self._decode_from_beginning(start)
                    return
            yield from self._decode(container, stream, start, is_sought)

    def _decode(
        self, container: InputContainer, stream: VideoStream, start: int, is_sought: bool
    ) -> Iterator[Frame]:
        before: VideoFrame | None = None
        last = -1  # index of the picture before
        position = -1  # of the picture, where times cannot tell
        for position, picture in enumerate(self._pictures(container, stream)):
            if picture is None:
                continue
            index = self._timetable.index_of(picture.pts, position, last)
            if index is None or index >= len(self._timetable.ticks):
                continue
            if before is None and is_sought:
                if index > start:
                    break
                last = index - 1
            if index <= last:
                continue
            yield from self._held(range(last + 1, index), start, before or picture)
            if index >= start:
                yield Frame(index, self._timetable.time_s(index), self._upright(picture))
            before, last = picture, index
        if before is not None:
            end = len(self._timetable.ticks)
            end = end if self._timetable.is_exact else min(position + 1, end)
            yield from self._held(range(last + 1, end), start, before)
        elif is_sought:
            yield from self._decode_from_beginning(start)

    def _has_changed(self, first: int, stop: int | None) -> bool:
        return _stamp_of(self._path) != self._stamp

    def _decode_from_beginning(self, start: int) -> Iterator[Frame]:
        """Yield the frames from `start` on where the container's index led past it, or nowhere."""
        with open_container(self._path) as container:
            stream = first_video_stream(container, self._path)
            yield from self._decode(container, stream, start, is_sought=False)

    def _pictures(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[VideoFrame | None]:
        # After a read error what follows in the file is out of reach: what is missing is counted.
        return decode_pictures(
            container,
            stream,
            lambda error: self._warn(f"reading stopped early: {describe_av_error(error)}"),
        )

    def _held(self, gap: range, start: int, picture: VideoFrame) -> Iterator[Frame]:
        """Yield the frames of a gap from `start` on, with the picture that is held there."""
        missing = range(max(gap.start, start), gap.stop)
        if not missing:
            return
        if len(gap) > MAX_BAD_FRAMES_IN_A_ROW and gap.start > 0:
            raise FrameDecodeError(
                f"{self._path}: more than {MAX_BAD_FRAMES_IN_A_ROW} frames in a row cannot be "
                f"decoded ({self._named(gap)})"
            )
        self._warn(f"{self._named(gap)} cannot be decoded; {HELD}")
        image = self._upright(picture)
        for index in missing:
            yield Frame(index, self._timetable.time_s(index), image, is_held=True)

    def _named(self, gap: range) -> str:
        """Return the frames of a gap as people count, from 1."""
        first, last = gap.start + 1, gap.stop
        return f"frame {first}" if first == last else f"frames {first}-{last}"

    def _first_decodable(self, container: InputContainer, stream: VideoStream) -> VideoFrame:
        for picture in self._pictures(container, stream):
            if picture is not None:
                return picture
        raise VideoOpenError(f"{self._path}: not one frame can be decoded")

    def _timetable_by_decoding(self) -> Timetable:
        """Return the timetable where a packet may hold half a picture, or another one's time."""
        with open_container(self._path) as container:
            stream = first_video_stream(container, self._path)
            pictures = decode_pictures(container, stream, lambda error: None)
            times = [picture.pts for picture in pictures if picture is not None]
            # A decoder that starts between two key frames gives some pictures out of order.
            ordered = times if self._timetable.is_doubtful else in_order(times)
            return make_timetable(ordered, container, stream)

    def _take_rate(self, frame_rate: Fraction) -> None:
        """Replace the clip's own times by those of a rate that was asked for."""
        if self._timetable.is_variable_rate:
            self._warn(
                "variable frame rate: each frame's own time is replaced by that of "
                f"{frame_rate} frames/s, as asked (--fps)"
            )
        else:
            self._tell_of_rate(self._timetable.frame_rate, frame_rate)
        self._timetable = self._timetable.at_rate(frame_rate)

    def _describe(
        self,
        container: InputContainer,
        stream: VideoStream,
        first: VideoFrame,
        frame_rate: Fraction | None,
    ) -> ClipInfo:
        timetable, turn = self._timetable, self._turn
        is_interlaced = first.interlaced_frame
        if is_interlaced:
            self._warn(
                "interlaced: fields are matted as they are; deinterlace first for clean edges"
            )
        if timetable.own_ticks:
            self._warn(
                "times repeat or start over in the file, as where recordings were joined: pictures "
                "and sound go on from what came before"
            )
        if timetable.is_variable_rate:
            self._warn("variable frame rate: each frame keeps its own time")
        if self._ends_early(container, stream):
            self._warn(f"the file ends after {float(timetable.duration_s):.2f} s: truncated?")
        aspect = stream.sample_aspect_ratio or Fraction(1)
        return ClipInfo(
            name=self._path.stem,
            path=self._path,
            width=first.height if turn.is_sideways else first.width,
            height=first.width if turn.is_sideways else first.height,
            frame_rate=timetable.frame_rate,
            time_base=timetable.clock,
            frame_count=len(timetable.ticks),
            duration_s=timetable.duration_s,
            bit_depth=max(component.bits for component in first.format.components),
            color=tags_of_stream(stream),
            rotation_deg=turn.clockwise_deg,
            pixel_aspect=1 / aspect if turn.is_sideways else aspect,
            timecode=self._usable(told_timecode(container, stream), timetable.frame_rate),
            has_audio=self._has_audio(container, stream, frame_rate),
            is_variable_rate=timetable.is_variable_rate,
            is_interlaced=is_interlaced,
            first_time=timetable.time_s(0),
            origin_s=timetable.origin_s,
            color_noise=noise_of_codec(stream.codec_context.name),
        )

    def _has_audio(
        self, container: InputContainer, stream: VideoStream, frame_rate: Fraction | None
    ) -> bool:
        """Tell whether there is sound that keeps time with the pictures."""
        if not container.streams.audio or frame_rate is None:
            return bool(container.streams.audio)
        own_rate = stream.average_rate and snap_to_broadcast_rate(stream.average_rate)
        if own_rate != frame_rate:
            self._warn(f"sound left out: it would not keep time at {frame_rate} frames/s")
        return own_rate == frame_rate

    def _ends_early(self, container: InputContainer, stream: VideoStream) -> bool:
        """Tell whether the header promises more pictures, or more time, than the file holds."""
        if stream.frames:
            found = len(self._timetable.ticks) + self._timetable.hidden_count
            return stream.frames > found + 1
        timetable = self._timetable
        if not timetable.is_exact:
            return False  # its times are not the file's
        # Matroska's promises count from 0 of the file's clock; others are shorter, if they do not.
        end_s = timetable.origin_s + timetable.time_s(0) + timetable.duration_s
        promised_s = _own_duration_s(stream)
        if promised_s is not None:
            return end_s < promised_s - 1
        if container.duration and not container.streams.audio:
            return end_s < 0.98 * container.duration / av.time_base - 1
        return False

    def _upright(self, picture: VideoFrame) -> Image:
        return self._fitted(upright(self._converter(picture), self._turn))


def told_timecode(container: InputContainer, stream: VideoStream) -> str | None:
    """Return what a file says is the timecode of its first picture."""
    tags = (*stream.metadata.items(), *container.metadata.items())
    # Matroska writes names in capitals.
    return next((value for key, value in tags if key.lower() == "timecode"), None)


def _own_duration_s(stream: VideoStream) -> float | None:
    """Return what Matroska tells of one stream; `None` where nothing is told."""
    told = stream.metadata.get("DURATION", "")
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", told)
    return 3600 * int(match[1]) + 60 * int(match[2]) + float(match[3]) if match else None


def _stamp_of(path: Path) -> tuple[int, int] | None:
    """Return size and time of the last change; `None` where no file is."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def open_container(path: Path) -> InputContainer:
    """Open a file for reading.

    Raises:
        VideoOpenError: It is missing, empty or no video; the message holds FFmpeg's own words.
    """
    if not path.exists():
        raise VideoOpenError(f"{path}: no such file")
    if not path.stat().st_size:
        raise VideoOpenError(f"{path}: the file is empty")
    try:
        return av.open(file_url(path), "r")
    except (av.FFmpegError, OSError) as error:
        words = _demuxer_complaint(path) or describe_av_error(error)
        raise VideoOpenError(f"{path}: cannot be opened: {words}") from error


def _demuxer_complaint(path: Path) -> str | None:
    """Return what FFmpeg logs on opening a broken file ("moov atom not found"), if anything.

    PyAV keeps FFmpeg's log shut; it is opened for a second try.
    """
    level, skips_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # two files may be broken in the same way
    try:
        with av.logging.Capture() as entries, contextlib.suppress(av.FFmpegError, OSError):
            av.open(file_url(path), "r").close()
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips_repeated)
    if not entries:
        return None
    _, demuxer, message = entries[-1]
    return f"{' '.join(message.split())} ({demuxer})"


def first_video_stream(container: InputContainer, path: Path | str) -> VideoStream:
    """Return the first video stream that is no cover picture."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            if stream.codec_context is None:
                raise VideoOpenError(f"{path}: FFmpeg has no decoder for its video stream")
            return stream
    kinds = sorted({stream.type for stream in container.streams})
    found = f"only {' and '.join(kinds)}" if kinds else "nothing"
    raise VideoOpenError(f"{path}: no video stream in it, {found}")


def decode_pictures(
    container: InputContainer,
    stream: VideoStream,
    on_read_error: Callable[[av.FFmpegError], None],
) -> Iterator[VideoFrame | None]:
    """Yield decoded pictures in order of presentation, and `None` for each decoding fault.

    Args:
        container: Where to read on from.
        stream: One of its video streams.
        on_read_error: Told when the container cannot be read on; unless it raises, that is the end.
    """
    stream.thread_type = "FRAME"
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            on_read_error(error)
            return
        if packet is None:
            return
        try:
            pictures = stream.codec_context.decode(packet if packet.size else None)
        except av.EOFError:
            continue  # the decoder was drained before
        except av.FFmpegError as error:
            _log.debug("%s", error)
            yield None
            continue
        yield from pictures
