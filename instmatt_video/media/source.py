"""The one door to all sources of frames: what a name means, and who reads it."""

from __future__ import annotations

import glob
import re
from fractions import Fraction
from pathlib import Path

from ..errors import VideoOpenError
from ..printable import is_utf8, printable
from .animation import is_animated
from .av_errors import describe_av_error
from .frame_rate import as_frame_rate
from .frame_source import FrameSource
from .image_sequence import ImageSequenceSource
from .live_source import LiveSource
from .picture_names import (
    IMAGE_SUFFIXES,
    NUMBER_FIELD,
    list_globbed_frames,
    list_numbered_frames,
    list_printf_frames,
)
from .video_file import VideoFileSource

_NETWORK = re.compile(r"^(rtsps?|rtmps?|srt|udp|rtp|tcp|https?|mms)://", re.IGNORECASE)


def open_source(spec: str | Path, *, frame_rate: Fraction | float | None = None) -> FrameSource:
    """Return the frames that `spec` names.

    Args:
        spec: A video file; a picture; a folder of frames; a pattern, with numbers as
            `shot_%04d.png` or `shot_####.png`, or a glob (`shot_*.png`); `-` for a video on
            standard input; a network address (`rtsp://…`); a camera (`/dev/video0`, or its
            number). An existing file or folder wins over every other reading of the name.
        frame_rate: Frames per second. Needed by pictures, 24 unless given; on a video it
            replaces the clip's own times, and a warning says so.

    Raises:
        VideoOpenError: Nothing there can be read as frames, or a name is not UTF-8.
        ValueError: `frame_rate` is out of `as_frame_rate`'s range.
    """
    rate = None if frame_rate is None else as_frame_rate(frame_rate)
    return _open(str(spec), rate, rate)


def open_still(spec: str | Path) -> FrameSource:
    """Return pictures of which one alone is wanted: their rate means nothing, and none is missed.

    Raises:
        VideoOpenError: As `open_source` says.
    """
    return _open(str(spec), None, Fraction(1))


def _open(text: str, rate: Fraction | None, rate_of_pictures: Fraction | None) -> FrameSource:
    try:
        if is_stream(text):
            return LiveSource(text, rate)
        frames = list_frames(text)
        for path in (Path(text).absolute(), *(frames or ())):
            refuse_undecodable(path)
        if frames is not None:
            return ImageSequenceSource(clip_name(text), frames, rate_of_pictures)
        return VideoFileSource(Path(text), rate)
    except OSError as error:
        raise VideoOpenError(f"{text}: cannot be read: {describe_av_error(error)}") from error


def list_frames(spec: str | Path) -> list[Path] | None:
    """Return the pictures that a name stands for, be it one; `None` for a video file.

    Raises:
        VideoOpenError: There is nothing of the name, or no sequence of pictures.
    """
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
