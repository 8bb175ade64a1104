"""What every source of frames offers, and the one door to all of them.

Knows which kind of source a name means; the kinds themselves lie in one file each.
"""

from __future__ import annotations

import glob
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Self, cast

import av
import cv2
from av.codec.codec import UnknownCodecError

from ..errors import VideoOpenError
from ..printable import is_utf8, printable
from .color import Image
from .frame import ClipInfo, Frame
from .frame_rate import as_frame_rate

_log = logging.getLogger(__name__)

HELD = "a neighbouring picture stands in"
"""What becomes of a frame that cannot be decoded."""
_NETWORK = re.compile(r"^(rtsps?|rtmps?|srt|udp|rtp|tcp|https?|mms)://", re.IGNORECASE)
NUMBER_FIELD = re.compile(r"%0?\d*d|#+")
"""What stands for a picture's number in a pattern."""


class FrameSource(ABC):
    """Frames of one clip, in order; one that cannot be read keeps its place (`Frame.is_held`).

    Iterating reads from the first frame. `frames(start)` begins at an index and gives what reading
    from the beginning would have given there. What was odd about the input stands in `warnings`,
    one line each; each also goes to the log when it is noticed.
    """

    info: ClipInfo
    checksum: str | None = None
    """Of what an image sequence is made of: another one of the same name differs."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    @abstractmethod
    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames from index `start` on.

        Raises:
            FrameDecodeError: More than 8 frames in a row cannot be decoded; all before them came.
        """

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def refuse_changed(self, first: int = 0, stop: int | None = None) -> None:
        """Raise where the files are no longer those that were opened, as far as the disk tells.

        Args:
            first: Frame from which on they matter.
            stop: One more than the last such frame; `None`: all that follow.

        Raises:
            VideoOpenError: They have changed, or are gone: mattes and pictures would not match.
        """
        if self._has_changed(first, stop):
            raise VideoOpenError(
                f"{self.info.path} has changed while it was read: put the former one back and use "
                "--resume, or run it again with --overwrite"
            )

    def _has_changed(self, first: int, stop: int | None) -> bool:
        return False

    def close(self) -> None:  # noqa: B027 - only live sources hold anything between frames
        """Let go of files and devices; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _fitted(self, image: Image) -> Image:
        """Return a picture at the clip's size: a recorded broadcast may change its own midway."""
        width, height = self.info.width, self.info.height
        if image.shape[:2] == (height, width):
            return image
        self._warn(
            f"some frames are {image.shape[1]}x{image.shape[0]}, and scaled to {width}x{height}"
        )
        scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        return cast(Image, scaled)

    def _warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)
            _log.warning("%s", message)


def open_source(spec: str | Path, *, frame_rate: Fraction | float | None = None) -> FrameSource:
    """Return the frames that `spec` names.

    Args:
        spec: A video file; a picture; a folder of frames; a pattern, with numbers as
            `shot_%04d.png` or `shot_####.png`, or a glob (`shot_*.png`); `-` for a video on
            standard input; a network address (`rtsp://…`); a camera (`/dev/video0`, or its
            number). An existing file or folder wins over every other reading of the name.
        frame_rate: Frames per second. Needed by pictures, 24 unless given; on a video it
            replaces the clip's own times.

    Raises:
        VideoOpenError: Nothing there can be read as frames, or a name is not UTF-8.
        ValueError: `frame_rate` is out of `as_frame_rate`'s range.
    """
    # The kinds know this module, so it meets them only here.
    from .image_sequence import ImageSequenceSource
    from .live_source import LiveSource
    from .video_file import VideoFileSource

    rate = None if frame_rate is None else as_frame_rate(frame_rate)
    text = str(spec)
    try:
        if is_stream(text):
            return LiveSource(text, rate)
        frames = list_frames(text)
        for path in (Path(text).absolute(), *(frames or ())):
            refuse_undecodable(path)
        if frames is not None:
            return ImageSequenceSource(clip_name(text), frames, rate)
        return VideoFileSource(Path(text), rate)
    except OSError as error:
        raise VideoOpenError(f"{text}: cannot be read: {describe_av_error(error)}") from error


def list_frames(spec: str | Path) -> list[Path] | None:
    """Return the pictures that a name stands for, be it one; `None` for a video file.

    Raises:
        VideoOpenError: There is nothing of the name, or no sequence of pictures.
    """
    from .animation import is_animated
    from .picture_names import (
        IMAGE_SUFFIXES,
        list_globbed_frames,
        list_numbered_frames,
        list_printf_frames,
    )

    text, path = str(spec), Path(spec)
    if path.is_dir():
        return list_numbered_frames(path)
    if path.exists():
        is_picture = path.suffix.lower() in IMAGE_SUFFIXES and not is_animated(path)
        return [path] if is_picture else None
    if NUMBER_FIELD.search(path.name):
        return list_printf_frames(path)
    if glob.has_magic(text):
        return list_globbed_frames(text)
    raise VideoOpenError(f"{text}: no such file or folder")


def refuse_undecodable(path: Path) -> None:
    """Raise where a name is not UTF-8: manifest and report could not tell of the clip.

    Raises:
        VideoOpenError: The path, or a folder in it, is called so.
    """
    if not is_utf8(path):
        raise VideoOpenError(f"{printable(path)}: the name is not UTF-8: rename it")


def describe_av_error(error: Exception) -> str:
    """Return the words of FFmpeg or the system for a fault, in one line."""
    if isinstance(error, UnknownCodecError):
        return f"this FFmpeg has no encoder {error}"
    words = error.strerror if isinstance(error, (av.FFmpegError, OSError)) else None
    return " ".join((words or str(error)).split())


def is_stream(spec: str) -> bool:
    """Return whether a name means frames that come once: standard input, a network, a camera."""
    is_camera = spec.startswith("/dev/video") or (spec.isdigit() and not Path(spec).exists())
    return spec == "-" or is_camera or bool(_NETWORK.match(spec))


def is_pattern(spec: str) -> bool:
    """Return whether a name that is no file stands for several: numbered ones, or a glob."""
    return bool(NUMBER_FIELD.search(Path(spec).name)) or glob.has_magic(spec)


def clip_name(spec: str | Path) -> str:
    """Return the name of a video file, a folder of frames or a pattern, without opening it.

    A pattern is called after what stands still in it, or after its folder.
    """
    path = Path(spec)
    if path.is_dir():
        return path.resolve().name if path.name in ("", "..") else path.name
    if path.exists():
        return path.stem
    stem = re.sub(r"[*?]|\[[^]]*\]", "", NUMBER_FIELD.sub("", path.stem)).strip("._- ")
    return stem or path.resolve().parent.name
