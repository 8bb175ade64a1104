"""Width and height of a picture from its first bytes, without decoding it."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2

from . import dpx_header, exr_header
from .jpeg_segments import START, segments_of
from .picture_file import read_pixels
from .plate import read_plate_header
from .tiff_tags import read_tiff_tags

_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274
"""Tags."""
_JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_image_size(path: Path) -> tuple[int, int] | None:
    """Return (width, height) in pixels as stored, or `None` where the file is no picture.

    PNG, JPEG, TIFF, EXR and DPX are read from their headers, other kinds are decoded. A JPEG's Exif
    orientation counts: the size is that of the upright picture.
    """
    try:
        with path.open("rb") as file:
            head = file.read(24)
    except OSError:  # a link that leads nowhere
        return None
    if head[:8] == b"\x89PNG\r\n\x1a\n" and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    if head[:2] == START:
        return _read_jpeg_size(path)
    if head[:4] == exr_header.MAGIC or head[:4] in dpx_header.BYTE_ORDERS:
        header = read_plate_header(path)
        return None if header is None else (header.width, header.height)
    if head[:2] in (b"II", b"MM") and (size := _tiff_size(path)) is not None:
        return size
    image = read_pixels(path, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    return None if image is None else (image.shape[1], image.shape[0])


def _read_jpeg_size(path: Path) -> tuple[int, int] | None:
    """Return the size in the frame header (ITU T.81, B.2.2), turned if Exif says so."""
    is_turned = False
    for marker, _, content in segments_of(path.read_bytes()):
        if marker in _JPEG_FRAME_MARKERS and len(content) >= 5:
            height, width = struct.unpack_from(">HH", content, 1)
            return (height, width) if is_turned else (width, height)
        if marker == 0xE1:
            is_turned |= _exif_orientation(content) >= 5
    return None


def _exif_orientation(segment: bytes) -> int:
    """Return the orientation, 1..8, in an APP1 segment; 1 without one (Exif 2.3, tag 0x0112)."""
    if segment[:6] != b"Exif\0\0":
        return 1
    return read_tiff_tags(io.BytesIO(segment[6:])).get(_ORIENTATION, 1)


def _tiff_size(path: Path) -> tuple[int, int] | None:
    """Return the size in a TIFF's first directory; `None` where there is none, or it is turned."""
    with path.open("rb") as file:
        tags = read_tiff_tags(file)
    if tags.get(_ORIENTATION, 1) != 1 or not {_WIDTH, _HEIGHT} <= tags.keys():
        return None
    return tags[_WIDTH], tags[_HEIGHT]
