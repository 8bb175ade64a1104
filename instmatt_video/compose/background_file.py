"""A picture or video from disk behind the people, as far as a composition must know it.

Reads headers and times; builds no graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from av.video.stream import VideoStream

from ..errors import VideoOpenError
from ..media.alpha_decoder import alpha_decoder
from ..media.frame import ColorTags
from ..media.picture_names import IMAGE_SUFFIXES
from ..media.source import open_source, open_still
from ..media.video_file import first_video_stream, open_container


@dataclass(frozen=True)
class BackgroundFile:
    """What is known of the file."""

    path: Path
    is_moving: bool
    """It is a video."""
    color: ColorTags | None
    """Tags of a video; `None`: a picture's own."""
    is_clear: bool
    """It has an alpha channel, by which its colours are to be multiplied; black shows through."""
    decoder: str | None
    """FFmpeg's decoder, where the one of its choice would drop the alpha."""


def read_background(path: Path) -> BackgroundFile:
    """Return what is known of a background's file.

    Raises:
        VideoOpenError: It is not there, or cannot be read.
    """
    if not path.is_file():
        raise VideoOpenError(f"background {path}: no such file, and no colour of such a name")
    is_moving = path.suffix.lower() not in IMAGE_SUFFIXES
    with open_source(path) if is_moving else open_still(path) as source:
        color = source.info.color if is_moving else None
    with open_container(path) as container:
        stream = first_video_stream(container, path)
        # Colours of EXR are multiplied already.
        is_clear = path.suffix.lower() != ".exr" and _has_alpha(stream)
        decoder = alpha_decoder(stream)
    return BackgroundFile(path, is_moving, color, is_clear, decoder)


def _has_alpha(stream: VideoStream) -> bool:
    if alpha_decoder(stream) is not None:
        return True
    frame_format = stream.codec_context.format
    return frame_format is not None and (
        frame_format.name == "pal8" or any(part.is_alpha for part in frame_format.components)
    )
