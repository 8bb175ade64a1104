"""Rates: constant, blurred by a coarse clock, and really variable."""

from __future__ import annotations

from fractions import Fraction

import pytest

from instmatt_video.media.timetable import Timetable, is_variable, snap_to_broadcast_rate

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_one_picture_or_none_has_no_variable_rate(count: int) -> None:
    assert not is_variable(list(range(count)), Fraction(1, 25), Fraction(25))


def test_milliseconds_blur_but_do_not_vary() -> None:
    ticks = [round(1000 * k / NTSC) for k in range(100_000)]
    assert not is_variable(ticks, Fraction(1, 1000), NTSC)


def test_one_late_picture_is_a_variable_rate() -> None:
    ticks = [1001 * k for k in range(50)]
    assert not is_variable(ticks, Fraction(1, 30000), NTSC)
    ticks[30] += 2
    assert is_variable(ticks, Fraction(1, 30000), NTSC)


@pytest.mark.parametrize(
    ("rate", "snapped"),
    [
        (Fraction(2997, 100), NTSC),
        (Fraction(23976, 1000), Fraction(24000, 1001)),
        (Fraction(24), Fraction(24)),
        (Fraction(30), Fraction(30)),
        (Fraction(2160, 77), Fraction(2160, 77)),
    ],
)
def test_snapping(rate: Fraction, snapped: Fraction) -> None:
    assert snap_to_broadcast_rate(rate) == snapped


def test_duration_counts_the_last_picture() -> None:
    table = Timetable([0, 1001, 2002], Fraction(1, 30000), NTSC, True, False)
    assert table.duration_s == Fraction(3003, 30000)
    assert Timetable([], Fraction(1, 25), Fraction(25), True, False).duration_s == 0


def test_pictures_are_found_by_time_or_by_place() -> None:
    exact = Timetable([10, 20, 30], Fraction(1, 10), Fraction(1), True, False)
    assert [exact.index_of(pts, 0) for pts in (10, 20, 30, 25, None)] == [0, 1, 2, None, None]
    ordered = Timetable([10, 20, 30], Fraction(1, 10), Fraction(1), False, False)
    assert ordered.index_of(99, 2) == 2


def test_a_clip_that_begins_before_zero_is_moved_there() -> None:
    early = Timetable([-3, -2, 0], Fraction(1, 25), Fraction(25), True, False)
    assert [early.time_s(k) for k in range(3)] == [0, Fraction(1, 25), Fraction(3, 25)]
    late = Timetable([7, 8], Fraction(1, 25), Fraction(25), True, False)
    assert late.time_s(0) == Fraction(7, 25)  # a clip that begins late stays late
