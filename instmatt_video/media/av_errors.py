"""FFmpeg's faults, in words."""

from __future__ import annotations

import av
from av.codec.codec import UnknownCodecError


def describe_av_error(error: Exception) -> str:
    """Return the words of FFmpeg or the system for a fault, in one line."""
    if isinstance(error, UnknownCodecError):
        return f"this FFmpeg has no encoder {error}"
    words = error.strerror if isinstance(error, (av.FFmpegError, OSError)) else None
    return " ".join((words or str(error)).split())
