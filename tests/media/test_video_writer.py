"""The preview's writer."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.errors import AlphaWriteError
from instmatt_video.media.source import open_source
from instmatt_video.media.video_writer import VideoWriter
from tests.media.made_clips import disc_picture
from tests.media.made_faults import lose_encoder


@pytest.mark.parametrize(
    ("size", "expected"),
    [((64, 48), (64, 48)), ((37, 23), (38, 24)), ((400, 100), (200, 50))],
    ids=["as it is", "odd", "too wide"],
)
def test_sides_become_even_and_bounded(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    path = tmp_path / "preview.mp4"
    with VideoWriter(path, *size, Fraction(25), max_side_px=200) as writer:
        for k in range(5):
            writer.write(Fraction(k, 25), disc_picture(k, *size))
    source = open_source(path)
    assert (source.info.width, source.info.height) == expected
    assert [frame.time for frame in source] == [Fraction(k, 25) for k in range(5)]
    image = next(iter(source)).image
    assert abs(float(image.mean()) - disc_picture(0, *size).mean()) < 4


def test_times_of_a_variable_rate_are_kept(tmp_path: Path) -> None:
    ticks = [0, 3, 4, 9]
    path = tmp_path / "preview.mp4"
    with VideoWriter(path, 64, 48, Fraction(30), Fraction(1, 90)) as writer:
        for k, tick in enumerate(ticks):
            writer.write(Fraction(tick, 90), disc_picture(k))
    assert [frame.time for frame in open_source(path)] == [Fraction(t, 90) for t in ticks]


def test_pixels_keep_their_shape(tmp_path: Path) -> None:
    path = tmp_path / "preview.mp4"
    with VideoWriter(path, 64, 48, Fraction(25), pixel_aspect=Fraction(4, 3)) as writer:
        writer.write(Fraction(0), disc_picture(0))
    assert open_source(path).info.pixel_aspect == Fraction(4, 3)


def test_colours_are_tagged_and_right(tmp_path: Path) -> None:
    path = tmp_path / "preview.mp4"
    image = np.empty((720, 64, 3), np.uint8)
    image[:] = (200, 40, 90)
    with VideoWriter(path, 64, 720, Fraction(25)) as writer:
        writer.write(Fraction(0), image)
    (frame,) = open_source(path)
    assert np.abs(frame.image.astype(int) - image).max() <= 4


def test_a_crash_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), VideoWriter(tmp_path / "a.mp4", 64, 48, Fraction(25)) as writer:
        writer.write(Fraction(0), disc_picture(0))
        raise KeyError("crash")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_encoder_is_named_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_encoder(monkeypatch, "libx264")
    with pytest.raises(AlphaWriteError, match=r"a\.mp4: cannot be written: .* no encoder libx264"):
        VideoWriter(tmp_path / "a.mp4", 64, 48, Fraction(25))
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(AlphaWriteError, match="No such file or directory"):
        VideoWriter(tmp_path / "absent" / "a.mp4", 64, 48, Fraction(25))
