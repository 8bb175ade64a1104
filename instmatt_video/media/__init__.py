"""Frames in, alpha streams out: sources, colour policy, writers and their verification."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .alpha_reader import read_alpha as read_alpha
    from .alpha_stream import AlphaStream as AlphaStream
    from .file_name import render_filename as render_filename
    from .file_name import render_filenames as render_filenames
    from .formats import FORMATS as FORMATS
    from .formats import FormatSpec as FormatSpec
    from .formats import check_format as check_format
    from .formats import open_alpha_stream as open_alpha_stream
    from .frame import ClipInfo as ClipInfo
    from .frame import ColorTags as ColorTags
    from .frame import Frame as Frame
    from .frame_source import FrameSource as FrameSource
    from .layer import Layer as Layer
    from .source import open_source as open_source
    from .timecode import shift_timecode as shift_timecode
    from .video_writer import VideoWriter as VideoWriter

_HOMES = {
    "FORMATS": "formats",
    "AlphaStream": "alpha_stream",
    "ClipInfo": "frame",
    "ColorTags": "frame",
    "FormatSpec": "formats",
    "Frame": "frame",
    "FrameSource": "frame_source",
    "Layer": "layer",
    "VideoWriter": "video_writer",
    "check_format": "formats",
    "open_alpha_stream": "formats",
    "open_source": "source",
    "read_alpha": "alpha_reader",
    "render_filename": "file_name",
    "render_filenames": "file_name",
    "shift_timecode": "timecode",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use (PEP 562): PyAV and OpenCV load slowly."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
