"""A picture or video from disk behind the people, as far as a composition must know it.

Reads headers and times; builds no graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from av.video.stream import VideoStream

from ..errors import VideoOpenError
from ..media.alpha_decoder import alpha_decoder
from ..media.frame import ClipInfo, ColorTags
from ..media.picture_names import IMAGE_SUFFIXES
from ..media.source import open_source, open_still
from ..media.video_file import first_video_stream, open_container

_WITHOUT_STEADY_TIMES = 0x0200 | 0x0080  # FFmpeg's AVFMT_TS_DISCONT, AVFMT_NOTIMESTAMPS
"""Containers whose times may jump, such as MPEG-TS, and bare streams: seeking to the beginning of a
short one may find nothing, and FFmpeg's own loop then tries again for ever, or ends."""


@dataclass(frozen=True)
class BackgroundFile:
    """What is known of the file."""

    path: Path
    info: ClipInfo
    """A picture's rate means nothing."""
    is_moving: bool
    """It is a video."""
    is_clear: bool
    """It has an alpha channel, by which its colours are to be multiplied; black shows through."""
    decoder: str | None
    """FFmpeg's decoder, where the one of its choice would drop the alpha."""
    can_rewind: bool
    """FFmpeg can seek back to its beginning."""

    @property
    def color(self) -> ColorTags | None:
        """Tags of a video; `None`: a picture's own."""
        return self.info.color if self.is_moving else None


def read_background(path: Path) -> BackgroundFile:
    """Return what is known of a background's file.

    Raises:
        VideoOpenError: It is not there, or cannot be read.
    """
    if not path.is_file():
        raise VideoOpenError(f"background {path}: no such file, and no colour of such a name")
    is_moving = path.suffix.lower() not in IMAGE_SUFFIXES
    with open_source(path) if is_moving else open_still(path) as source:
        info = source.info
    with open_container(path) as container:
        stream = first_video_stream(container, path)
        # Colours of EXR are multiplied already.
        is_clear = path.suffix.lower() != ".exr" and _has_alpha(stream)
        decoder = alpha_decoder(stream)
        can_rewind = not container.format.flags & _WITHOUT_STEADY_TIMES
    return BackgroundFile(path, info, is_moving, is_clear, decoder, can_rewind)


def _has_alpha(stream: VideoStream) -> bool:
    if alpha_decoder(stream) is not None:
        return True
    frame_format = stream.codec_context.format
    return frame_format is not None and (
        frame_format.name == "pal8" or any(part.is_alpha for part in frame_format.components)
    )
