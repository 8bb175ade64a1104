"""Rates that containers can count in."""

from __future__ import annotations

from fractions import Fraction

import pytest

from instmatt_video import MatteConfig
from instmatt_video.media.frame_rate import as_frame_rate, snap_to_broadcast_rate


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        ("25", Fraction(25)),
        (" 30000/1001 ", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        (23.98, Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("47.95", Fraction(48000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("24.0", Fraction(24)),
        ("23.9", Fraction(239, 10)),
        ("59.94", Fraction(60000, 1001)),
        (Fraction(29.97), Fraction(30000, 1001)),
        ("23.976023976023976", Fraction(24000, 1001)),
        (24000 / 1001, Fraction(24000, 1001)),
        (Fraction(1, 1000), Fraction(1, 1000)),
    ],
)
def test_what_is_meant(value: str | float | Fraction, rate: Fraction) -> None:
    assert as_frame_rate(value) == rate


@pytest.mark.parametrize(
    ("rate", "snapped"),
    [
        (Fraction(2997, 100), Fraction(30000, 1001)),
        (Fraction(23976, 1000), Fraction(24000, 1001)),
        (Fraction(24), Fraction(24)),
        (Fraction(30), Fraction(30)),
        (Fraction(2160, 77), Fraction(2160, 77)),
        (Fraction(1199, 50), Fraction(1199, 50)),
    ],
)
def test_snapping(rate: Fraction, snapped: Fraction) -> None:
    assert snap_to_broadcast_rate(rate) == snapped


@pytest.mark.parametrize("value", ["fast", "nan", "25/0", "1e400", "1e999999999", float("inf")])
def test_no_rate(value: str | float) -> None:
    with pytest.raises(ValueError, match="no frame rate such as 25"):
        as_frame_rate(value)


@pytest.mark.parametrize("value", [0, -1, "0.0009", Fraction(10**400), 1e-300])
def test_out_of_range(value: str | float | Fraction) -> None:
    for check in (as_frame_rate, lambda rate: MatteConfig(frame_rate=Fraction(rate))):
        with pytest.raises(ValueError, match=r"must be in 0.001..100000"):
            check(value)
