"""What an EXR file says of itself before its pixels.

Source: "The OpenEXR file layout", Academy Software Foundation.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from os import SEEK_CUR
from pathlib import Path
from typing import BinaryIO

from .frame_rate import as_frame_rate
from .pixel_aspect import as_pixel_aspect
from .timecode import timecode_of_bits

MAGIC = b"\x76\x2f\x31\x01"
_WANTED = frozenset(
    {
        "displayWindow",
        "channels",
        "framesPerSecond",
        "chromaticities",
        "pixelAspectRatio",
        "timeCode",
        "compression",
        "dataWindow",
    }
)
_TILED_OR_PARTS = 0x200 | 0x800 | 0x1000
"""Flags of the version field."""
_LINES_PER_CHUNK = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}
"""Scan lines by compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB."""
_LONGEST_TEXT = 255


@dataclass(frozen=True)
class ExrHeader:
    """The attributes that a clip is made of."""

    width: int
    """Of the display window, in pixels."""
    height: int
    frame_rate: Fraction | None = None
    chromaticities: tuple[float, ...] | None = None
    """x and y of red, green, blue and white."""
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel over its height."""
    timecode: str | None = None
    origin: tuple[int, int] = (0, 0)
    """Left and top of the display window."""
    channels: tuple[str, ...] = ()
    """Names, as `R` or, within a layer, `beauty.R`."""


def read_exr_header(path: Path) -> ExrHeader | None:
    """Return the header of a file's first part; `None` where it is no EXR file or a broken one."""
    try:
        with path.open("rb") as file:
            if file.read(8)[:4] != MAGIC:
                return None
            attributes = _read_attributes(file)
        left, top, right, bottom = struct.unpack("<4i", attributes["displayWindow"])
        rate, chromaticities = None, None
        if "framesPerSecond" in attributes:
            numerator, denominator = struct.unpack("<iI", attributes["framesPerSecond"])
            with suppress(ValueError, ZeroDivisionError):
                rate = as_frame_rate(Fraction(numerator, denominator))
        if "chromaticities" in attributes:
            chromaticities = struct.unpack("<8f", attributes["chromaticities"])
        pixel_aspect, timecode = Fraction(1), None
        if "pixelAspectRatio" in attributes:
            pixel_aspect = as_pixel_aspect(*struct.unpack("<f", attributes["pixelAspectRatio"]))
        if "timeCode" in attributes:
            (bits, _) = struct.unpack("<II", attributes["timeCode"])
            timecode = timecode_of_bits(bits)
    except (OSError, KeyError, struct.error):
        return None
    if right < left or bottom < top:
        return None
    return ExrHeader(
        right - left + 1,
        bottom - top + 1,
        rate,
        chromaticities,
        pixel_aspect,
        timecode,
        (left, top),
        _channel_names(attributes.get("channels", b"")),
    )


def is_cut_off(path: Path) -> bool:
    """Return whether an EXR file ends before its last chunk, as one that is still being rendered.

    Known of files of one part in scan lines alone, which plates are. A header that cannot be, or
    tells of places that no file reaches, counts as cut off.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _end_of_chunks(file) > path.stat().st_size
        except (LookupError, ValueError, struct.error):
            return True


def _end_of_chunks(file: BinaryIO) -> int:
    """Return where the last chunk ends, in bytes; 0 where that is not known."""
    _, version = struct.unpack("<II", file.read(8))
    attributes = _read_attributes(file)
    lines = _LINES_PER_CHUNK.get(attributes["compression"][0])
    if version & _TILED_OR_PARTS or lines is None:
        return 0
    _, top, _, bottom = struct.unpack("<4i", attributes["dataWindow"])
    count = (bottom - top) // lines + 1
    offsets = struct.unpack(f"<{count}Q", file.read(8 * count))
    if not min(offsets):
        raise ValueError("a chunk has no place yet")
    file.seek(max(offsets) + 4)
    (size,) = struct.unpack("<I", file.read(4))
    return file.tell() + int(size)


def _read_attributes(file: BinaryIO) -> dict[str, bytes]:
    """Return the raw values of the attributes that a file goes on with, by name.

    Raises:
        struct.error: The file ends within them.
    """
    attributes = {}
    while name := _read_text(file):  # an empty name ends the header
        _read_text(file)  # the type, which the name implies
        (size,) = struct.unpack("<I", file.read(4))
        if name in _WANTED:
            attributes[name] = file.read(size)
        else:
            file.seek(size, SEEK_CUR)
    return attributes


def _channel_names(channels: bytes) -> tuple[str, ...]:
    """Return the names in a list of channels: each ends with a zero byte, 16 more describe it."""
    names = []
    while len(channels) > 1:
        name, _, rest = channels.partition(b"\0")
        names.append(name.decode("latin-1"))
        channels = rest[16:]
    return tuple(names)


def _read_text(file: BinaryIO) -> str:
    """Return the text up to the next zero byte."""
    text = bytearray()
    while (byte := file.read(1)) != b"\0":
        if not byte or len(text) > _LONGEST_TEXT:
            raise struct.error("the header does not end")
        text += byte
    return text.decode("latin-1")
