"""Frames a second and latency of made-up times."""

from __future__ import annotations

import pytest

from instmatt_video.live.meter import Figures, Meter


def test_nothing_was_shown_yet() -> None:
    meter = Meter()
    assert (meter.fps, meter.latency_s, meter.worst_latency_s) == (0, 0, 0)
    meter.note(0.9, 1.0)
    assert meter.fps == 0
    assert meter.latency_s == pytest.approx(0.1)


def test_ten_frames_a_second_with_one_late() -> None:
    meter = Meter()
    for k in range(11):
        shown_s = 5 + k / 10
        meter.note(shown_s - (0.4 if k == 7 else 0.05), shown_s)
    assert meter.fps == pytest.approx(10)
    assert meter.latency_s == pytest.approx(0.05)
    assert meter.worst_latency_s == pytest.approx(0.4)


def test_what_is_long_past_does_not_count() -> None:
    meter = Meter()
    meter.note(0, 10)
    for k in range(5):
        meter.note(100 + k / 4, 100.1 + k / 4)
    assert meter.fps == pytest.approx(4)
    assert meter.worst_latency_s == pytest.approx(0.1)
    meter.advance(200)
    assert (meter.fps, meter.latency_s) == (0, 0)


def test_the_figures_in_words() -> None:
    figures = Figures(9.96, 123.4, 250.0, 2, 3, 8, "matte 224 px", 5, "the cable is out")
    assert figures.lines == (
        "10.0 fps  123 ms (worst 250)",
        "step 3/8: matte 224 px",
        "the cable is out",
    )
    assert all(line.isascii() for line in figures.lines)
