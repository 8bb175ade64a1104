"""Pixels of a picture file, whatever the file is called."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av import VideoFrame


def read_pixels(path: Path, flags: int) -> npt.NDArray[Any] | None:
    """Return pixels as OpenCV orders them, blue first; `None` where the file holds none.

    Args:
        path: The file. OpenCV never hears its name: one that is not UTF-8 would end the process.
        flags: How to decode, as `cv2.imread` takes it.

    Raises:
        OSError: The file cannot be read.
    """
    return decode_pixels(path.read_bytes(), flags)


def decode_pixels(data: bytes, flags: int) -> npt.NDArray[Any] | None:
    """Return the same of a file's contents."""
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:  # so it ends with a header that claims more than 2^30 pixels
        return None


def decode_frame(data: bytes) -> VideoFrame | None:
    """Return a picture as FFmpeg reads it, where OpenCV is wrong; `None` where it cannot.

    Of a TIFF with alpha OpenCV leaves the alpha of grey out, and multiplies 8-bit colours by it.
    """
    import av

    try:
        with av.open(io.BytesIO(data), "r") as container:
            return next(container.decode(video=0))
    except (av.FFmpegError, StopIteration):
        return None
