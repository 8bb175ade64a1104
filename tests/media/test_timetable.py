"""Rates: constant, blurred by a coarse clock, and really variable."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from instmatt_video.media.source import open_source
from instmatt_video.media.timetable import Timetable, is_variable
from tests.media.made_clips import write_video

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


def test_duration_counts_the_last_picture() -> None:
    table = Timetable([0, 1001, 2002], Fraction(1, 30000), NTSC, True, False)
    assert table.duration_s == Fraction(3003, 30000)
    assert Timetable([], Fraction(1, 25), Fraction(25), True, False).duration_s == 0


def test_a_constant_rate_is_exact_on_a_coarse_clock_and_behind_sound() -> None:
    """Milliseconds of Matroska; the sound begins 7 ms before the first picture."""
    rate = Fraction(24000, 1001)
    ticks = [7 + round(1000 * k / rate) for k in range(100)]
    table = Timetable(ticks, Fraction(1, 1000), rate, True, False)
    assert [table.time_s(k) for k in range(100)] == [
        Fraction(7, 1000) + k / rate for k in range(100)
    ]
    assert table.clock == Fraction(1, 24000)
    assert table.duration_s == 100 / rate
    exact = Timetable([0, 512], Fraction(1, 12800), Fraction(25), True, False)
    assert exact.clock == Fraction(1, 12800)


def test_pictures_are_found_by_time_or_by_place() -> None:
    exact = Timetable([10, 20, 30], Fraction(1, 10), Fraction(1), True, False)
    assert [exact.index_of(pts, 0) for pts in (10, 20, 30, 25, None)] == [0, 1, 2, None, None]
    ordered = Timetable([10, 20, 30], Fraction(1, 10), Fraction(1), False, False)
    assert ordered.index_of(99, 2) == 2


@pytest.mark.parametrize(
    ("first_picture", "first_sound", "begins"),
    [
        (0, None, 0),
        (7, None, 0),
        (9000, 9000, 0),
        (9007, 9000, 7),
        (9000, 9007, 0),
        (7, 0, 7),
        (-7, -8, 0),
    ],
)
def test_a_clip_counts_from_where_its_file_begins(
    first_picture: int, first_sound: int | None, begins: int, tmp_path: Path
) -> None:
    """In frames of 1/25 s; nothing that we write begins before 0."""
    path = tmp_path / "clip.mkv"
    with av.open(path, "w", options={"avoid_negative_ts": "disabled"}) as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        sound = None if first_sound is None else container.add_stream("pcm_s16le", rate=48000)
        packets: list[Any] = []
        for index in range(10):
            frame = av.VideoFrame(16, 16, "yuv420p")
            frame.pts, frame.time_base = first_picture + index, Fraction(1, 25)
            packets += stream.encode(frame)
        if sound is not None:
            assert first_sound is not None
            samples = av.AudioFrame(format="s16", layout="stereo", samples=1920)
            samples.sample_rate, samples.pts = 48000, 1920 * first_sound
            packets += sound.encode(samples)
        for packet in packets:
            container.mux(packet)
    info = open_source(path).info
    assert info.first_time == Fraction(begins, 25)
    assert info.origin_s == Fraction(first_picture - begins, 25)


def test_at_a_rate_that_was_asked_for_sound_is_moved_with_the_first_picture(
    tmp_path: Path,
) -> None:
    write_video(tmp_path / "clip.ts", sounds=("aac",))
    own = open_source(tmp_path / "clip.ts").info
    info = open_source(tmp_path / "clip.ts", frame_rate=25).info
    assert own.first_time is not None
    assert (info.first_time, info.origin_s) == (0, own.origin_s + own.first_time)
