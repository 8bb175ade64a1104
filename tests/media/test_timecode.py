"""Timecode arithmetic against the standard's own examples."""

from __future__ import annotations

from fractions import Fraction

import pytest

from instmatt_video.media.timecode import (
    bits_of_timecode,
    counts_frames_at,
    fits_bits,
    shift_timecode,
    timecode_of_bits,
)

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("start", "frames", "rate", "expected"),
    [
        ("01:00:00:00", 0, Fraction(25), "01:00:00:00"),
        ("01:00:00:24", 1, Fraction(25), "01:00:01:00"),
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),  # numbers 0 and 1 are left out
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),  # but not each tenth minute
        ("00:00:00;00", 17982, NTSC, "00:10:00;00"),  # frames of ten minutes
        ("00:00:00;00", 1800, NTSC, "00:01:00;02"),
        ("00:00:00;00", 107892, NTSC, "01:00:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("00:00:59:29", 1, NTSC, "00:01:00:00"),  # non-drop counts on
        ("23:59:59:23", 1, Fraction(24000, 1001), "00:00:00:00"),
        ("00:01:00;02", -1, NTSC, "00:00:59;29"),
    ],
)
def test_shift(start: str, frames: int, rate: Fraction, expected: str) -> None:
    assert shift_timecode(start, frames, rate) == expected


@pytest.mark.parametrize(
    ("timecode", "rate", "counts"),
    [
        ("01:00:00;00", NTSC, True),
        ("01:00:00;00", 2 * NTSC, True),
        ("01:00:00;00", Fraction(24), False),
        ("01:00:00;00", Fraction(30), False),
        ("01:00:00;00", Fraction(24000, 1001), False),
        ("01:00:00:24", Fraction(25), True),
        ("01:00:00:25", Fraction(25), False),
        ("01:00:00:00", Fraction(255), True),
        ("01:00:00:00", Fraction(256), False),
        ("noon", Fraction(25), False),
    ],
)
def test_which_frames_a_timecode_counts(timecode: str, rate: Fraction, counts: bool) -> None:
    assert counts_frames_at(timecode, rate) is counts


@pytest.mark.parametrize("timecode", ["00:00:00:00", "23:59:59:29", "10:20:30;03"])
def test_bits_hold_a_timecode(timecode: str) -> None:
    assert timecode_of_bits(bits_of_timecode(timecode)) == timecode


@pytest.mark.parametrize(
    ("timecode", "rate", "fits"),
    [
        ("01:00:00;29", NTSC, True),
        ("01:00:00:29", Fraction(30), True),
        ("01:00:00:40", Fraction(48), False),
        ("01:00:00:30", Fraction(30), False),
    ],
)
def test_which_timecodes_fit_bits(timecode: str, rate: Fraction, fits: bool) -> None:
    assert fits_bits(timecode, rate) is fits


def test_going_and_coming_back() -> None:
    start = "10:07:59;28"
    for frames in range(0, 200_000, 997):
        assert shift_timecode(shift_timecode(start, frames, NTSC), -frames, NTSC) == start


def test_no_timecode_at_all() -> None:
    with pytest.raises(ValueError, match="HH:MM:SS:FF"):
        shift_timecode("noon", 1, NTSC)
