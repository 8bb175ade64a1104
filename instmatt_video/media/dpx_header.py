"""What a DPX file says of itself before its pixels.

Source: SMPTE ST 268-1, the generic and the industry-specific headers. What is not known has all
bits set there; many programs write 0.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from .frame_rate import as_frame_rate, snap_to_broadcast_rate
from .pixel_aspect import as_pixel_aspect
from .timecode import timecode_of_bits

HEADER_SIZE = 2048
"""Bytes."""
_GENERIC_SIZE = 1664
"""Bytes; what follows, of film and video, a file may do without."""
BYTE_ORDERS = {b"SDPX": ">", b"XPDS": "<"}
_PIXELS, _SIZE, _TRANSFER, _ASPECT = 4, 772, 801, 1628
_FILM_RATE, _TIMECODE, _VIDEO_RATE = 1724, 1920, 1940
"""Where the fields lie, in bytes."""
_UNKNOWN = (0, 0xFFFFFFFF)
_LOGARITHMIC = (1, 3)
"""Transfers: printing density, and logarithmic."""


@dataclass(frozen=True)
class DpxHeader:
    """The fields that a clip is made of."""

    width: int
    height: int
    frame_rate: Fraction | None
    pixel_aspect: Fraction
    """Width of a pixel over its height."""
    timecode: str | None
    is_logarithmic: bool
    """Its codes are densities of film, or other logarithms of light."""


def read_dpx_header(path: Path) -> DpxHeader | None:
    """Return a file's header; `None` where it is no DPX file or has no whole header."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_SIZE)
    except OSError:
        return None
    order = BYTE_ORDERS.get(head[:4])
    if order is None or len(head) < _GENERIC_SIZE:
        return None
    (pixels_begin,) = struct.unpack_from(order + "I", head, _PIXELS)
    head = head[: max(pixels_begin, _GENERIC_SIZE)].ljust(HEADER_SIZE, b"\xff")
    width, height = struct.unpack_from(order + "2I", head, _SIZE)
    across, down = struct.unpack_from(order + "2I", head, _ASPECT)
    (bits,) = struct.unpack_from(order + "I", head, _TIMECODE)
    rates = (struct.unpack_from(order + "f", head, place)[0] for place in (_FILM_RATE, _VIDEO_RATE))
    return DpxHeader(
        width,
        height,
        next((rate for rate in map(_as_rate, rates) if rate is not None), None),
        Fraction(1) if down in _UNKNOWN else as_pixel_aspect(across / down),
        None if bits in _UNKNOWN else timecode_of_bits(bits),
        head[_TRANSFER] in _LOGARITHMIC,
    )


def _as_rate(value: float) -> Fraction | None:
    """Return a rate that is written in single precision; `None` where it is none."""
    with suppress(ValueError):
        return snap_to_broadcast_rate(as_frame_rate(value).limit_denominator(1000))
    return None
