"""What a TIFF file, or Exif, says in its first directory (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from typing import BinaryIO

_MAGIC = 42
_WHOLE_NUMBERS = {3: "H", 4: "I"}
"""Types of values, 16 and 32 bits."""


def read_tiff_tags(file: BinaryIO) -> dict[int, int]:
    """Return the single whole numbers by tag; none where the file is no such one, or cut off."""
    order = "<" if file.read(2) == b"II" else ">"
    tags = {}
    try:
        magic, directory = struct.unpack(order + "HI", file.read(6))
        if magic != _MAGIC:  # BigTIFF is laid out in another way
            return {}
        file.seek(directory)
        (entries,) = struct.unpack(order + "H", file.read(2))
        for _ in range(entries):
            tag, kind, count, value = struct.unpack(order + "HHI4s", file.read(12))
            if count == 1 and kind in _WHOLE_NUMBERS:
                (tags[tag],) = struct.unpack_from(order + _WHOLE_NUMBERS[kind], value)
    except struct.error:  # cut off
        pass
    return tags
