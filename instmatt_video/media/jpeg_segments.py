"""The segments of a JPEG file before its scans, and whether its picture ends.

Source: ITU T.81, annex B. In a scan 0xFF is followed by 0 or by a marker that is meant.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

START = b"\xff\xd8"
_END = b"\xff\xd9"
_SCAN = 0xDA


def segments_of(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield marker, place and content of the segments up to the first scan's, whole ones alone."""
    position = len(START)
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        begin = position + 4
        (length,) = struct.unpack_from(">H", data, position + 2)
        position += 2 + length
        if position > len(data):
            return
        yield marker, begin, data[begin:position]
        if marker == _SCAN:
            return


def is_whole_jpeg(data: bytes) -> bool:
    """Tell whether the end follows the scan; what comes behind it, as zeros, is no harm."""
    # A small picture inside a segment has an end of its own.
    scan = next((begin for marker, begin, _ in segments_of(data) if marker == _SCAN), None)
    return data.startswith(START) and scan is not None and _END in data[scan:]
