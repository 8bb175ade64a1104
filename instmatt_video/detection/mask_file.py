"""Masks from single picture files: labels of several people, or the mask of one.

Knows files; knows no layout.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import MaskReadError
from ..media.file_url import file_url
from ..media.image_size import read_image_size

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

VOID_LABEL = 255
"""DAVIS and YouTube-VOS mark pixels that belong to nobody for sure with this."""


def read_mask_shape(path: Path) -> tuple[int, int]:
    """Return a picture's height and width without decoding it; one that was cut off is none.

    Raises:
        MaskReadError: The file cannot be read, or is not whole.
    """
    size = read_image_size(path)
    data = b"" if size is None else path.read_bytes()
    if size is None or (data.startswith(b"\x89PNG") and b"IEND" not in data):
        raise MaskReadError(f"{path}: is no mask that can be read (no whole picture)")
    return size[1], size[0]


def read_labels(path: Path) -> npt.NDArray[np.int32]:
    """Return a picture's labels, `(H, W)`: palette indices (not their colours), greys, colours.

    What is void in eight bits of grey is so in a palette, too; of 16 bits every value is a label.

    Raises:
        MaskReadError: The file cannot be read.
    """
    frame = _decode(path)
    if frame.format.name == "pal8":
        indices, _ = frame.to_ndarray()
        return np.asarray(indices, np.int32)
    is_grey = len(frame.format.components) < 3
    if is_grey and _is_deep(frame):
        deep = np.asarray(frame.to_ndarray(format="gray16le"), np.int32)
        return np.asarray(np.where(deep == VOID_LABEL, VOID_LABEL << 16, deep), np.int32)
    if is_grey:
        return np.asarray(frame.to_ndarray(format="gray"), np.int32)
    red, green, blue = np.moveaxis(frame.to_ndarray(format="rgb24").astype(np.int32), 2, 0)
    is_colourless = (red == green) & (green == blue)
    colour = 1 << 24 | red << 16 | green << 8 | blue  # blue alone would be void
    return np.asarray(np.where(is_colourless, red, colour), np.int32)


def read_mask(path: Path) -> npt.NDArray[np.uint8]:
    """Return one person's mask, `(H, W)`, 0..255; what the file holds most of is 255.

    So files of 0 and 1, of a label, and of 16 bits are masks like those of 0 and 255. The alpha
    channel is the mask, unless there is none or it is opaque everywhere; else the lightness is, or
    a palette's indices.

    Raises:
        MaskReadError: The file cannot be read.
    """
    values = _read_values(_decode(path))
    return np.asarray(np.rint(values * (255 / max(values.max(), 1))), np.uint8)


def _read_values(frame: VideoFrame) -> npt.NDArray[np.float32]:
    if frame.format.name == "pal8":
        return np.asarray(frame.to_ndarray()[0], np.float32)
    if any(component.is_alpha for component in frame.format.components):
        rgba = frame.to_ndarray(format="rgba64le" if _is_deep(frame) else "rgba")
        alpha = np.asarray(rgba[..., 3], np.float32)
        if alpha.min() < (65535 if _is_deep(frame) else 255):
            return alpha
    grey = frame.to_ndarray(format="gray16le" if _is_deep(frame) else "gray")
    return np.asarray(grey, np.float32)


def _is_deep(frame: VideoFrame) -> bool:
    return frame.format.components[0].bits > 8


def _decode(path: Path) -> VideoFrame:
    import av  # PyAV shows a palette's indices; OpenCV shows its colours

    from ..media.av_errors import describe_av_error

    try:
        with av.open(file_url(path)) as container:
            return next(container.decode(video=0))
    except (av.FFmpegError, OSError, StopIteration, ValueError) as error:
        why = describe_av_error(error)
        raise MaskReadError(f"{path}: is no mask that can be read ({why})") from error
