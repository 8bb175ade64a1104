"""SMPTE timecode: where it fits, and moving it by frames, drop-frame included.

Source: SMPTE ST 12-1, section 5.2.2 (drop frame); "Technical Introduction to OpenEXR" (bits).
"""

from __future__ import annotations

import re
from fractions import Fraction

_FASTEST = 255
"""Frames per second: a movie counts them in a byte."""
_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d+)")


def counts_frames_at(timecode: str, frame_rate: Fraction) -> bool:
    """Tell whether a timecode can be one of a clip's; drop frame is for 30000/1001 and multiples.

    >>> counts_frames_at("01:00:00;00", Fraction(24))
    False
    """
    match = _TIMECODE.fullmatch(timecode)
    if match is None or not int(match[5]) < round(frame_rate) <= _FASTEST:
        return False
    return match[4] == ":" or frame_rate % Fraction(30000, 1001) == 0


def fits_bits(timecode: str, frame_rate: Fraction) -> bool:
    """Tell whether a timecode counts a clip's frames in the bits of a header: up to 30 a second."""
    return frame_rate <= 30 and counts_frames_at(timecode, frame_rate)


def timecode_of_bits(bits: int) -> str:
    """Return the timecode in the 32 bits that EXR headers hold: two digits a byte, and flags.

    >>> timecode_of_bits(0x10203003 | 1 << 6)
    '10:20:30;03'
    """
    hours, minutes, seconds, frames = (
        f"{bits >> place + 4 & tens}{bits >> place & 0xF}"
        for place, tens in ((24, 3), (16, 7), (8, 7), (0, 3))
    )
    return f"{hours}:{minutes}:{seconds}{';' if bits & 1 << 6 else ':'}{frames}"


def bits_of_timecode(timecode: str) -> int:
    """Return the 32 bits in which EXR headers hold a timecode of two digits each.

    >>> hex(bits_of_timecode("10:20:30;03"))
    '0x10203043'
    """
    return int(re.sub(r"\D", "", timecode), 16) | (0 if timecode[8] == ":" else 1 << 6)


def shift_timecode(timecode: str, frames: int, frame_rate: Fraction) -> str:
    """Return the timecode `frames` later, wrapped at 24 hours.

    Args:
        timecode: `HH:MM:SS:FF`, or `HH:MM:SS;FF` for drop frame.
        frames: How many; may be negative.
        frame_rate: Frames per second; 30000/1001 counts 30 a second.

    Raises:
        ValueError: `timecode` is none.

    >>> shift_timecode("00:00:59;29", 1, Fraction(30000, 1001))
    '00:01:00;02'
    """
    match = _TIMECODE.fullmatch(timecode)
    if match is None:
        raise ValueError(f"timecode must be HH:MM:SS:FF, got {timecode!r}")
    hours, minutes, seconds, count = (int(match[i]) for i in (1, 2, 3, 5))
    separator = match[4]
    per_second = round(frame_rate)
    # Two numbers (four at 60) are left out each minute but every tenth.
    dropped = per_second // 15 if separator != ":" else 0
    total_minutes = 60 * hours + minutes
    number = (total_minutes * 60 + seconds) * per_second + count
    number -= dropped * (total_minutes - total_minutes // 10)
    per_minute = 60 * per_second - dropped
    per_ten_minutes = 10 * per_minute + dropped
    number = (number + frames) % (144 * per_ten_minutes)
    tens, rest = divmod(number, per_ten_minutes)
    number += dropped * 9 * tens
    if rest >= per_minute + dropped:
        number += dropped * ((rest - dropped) // per_minute)
    seconds, count = divmod(number, per_second)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    digits = len(match[5])
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{separator}{count:0{digits}d}"
