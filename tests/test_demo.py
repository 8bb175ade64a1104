"""The demo clip: its shape, its sound, and that two people are in it who meet and part."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from instmatt_video.demo import make_demo_clip
from instmatt_video.errors import AlphaWriteError, OptionError
from instmatt_video.media.made_sound import SAMPLE_RATE_HZ
from instmatt_video.media.source import open_source

pytest.importorskip("skimage", reason="the demo needs the extra `demo`")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "new" / "demo.mp4"
    make_demo_clip(path)
    return path


@pytest.fixture(scope="module")
def pictures(clip: Path) -> list[npt.NDArray[np.int16]]:
    with open_source(clip) as source:
        return [frame.image.astype(np.int16) for frame in source]


def middles(picture: npt.NDArray[np.int16]) -> tuple[float, float]:
    """Return the columns in the middle of the orange and of the blue suit."""
    red, blue = picture[..., 0], picture[..., 2]
    # Above 120 the flag's red in the background is left out.
    return tuple(
        float(np.nonzero(is_suit)[1].mean()) for is_suit in (red - blue > 120, blue - red > 120)
    )


def test_its_shape_and_clock(clip: Path) -> None:
    with open_source(clip) as source:
        info = source.info
        times = [frame.time for frame in source]
    assert (info.width, info.height, info.frame_rate) == (640, 360, 25)
    assert times == [Fraction(i, 25) for i in range(75)]
    assert info.has_audio and not source.warnings


def test_nothing_else_is_left_in_the_folder(clip: Path) -> None:
    assert [path.name for path in clip.parent.iterdir()] == ["demo.mp4"]


def test_two_people_meet_and_part(pictures: list[npt.NDArray[np.int16]]) -> None:
    gaps = [right - left for left, right in map(middles, (pictures[i] for i in (0, 37, 74)))]
    # Their middles come from 0.42 to 0.125 of the frame's width: 189 px nearer, less what the one
    # in front hides of the other.
    assert abs(gaps[0] - gaps[2]) < 5
    assert 100 < gaps[0] - gaps[1] < 189


def test_both_move_smoothly(pictures: list[npt.NDArray[np.int16]]) -> None:
    steps = np.abs(np.diff([middles(picture) for picture in pictures], axis=0))
    assert steps.max() < 8
    assert (steps.sum(axis=0) > 80).all()


def test_the_nearer_reaches_below_the_frame_throughout(
    pictures: list[npt.NDArray[np.int16]],
) -> None:
    for picture in pictures:
        is_orange = picture[-1, :, 0] - picture[-1, :, 2] > 100
        assert is_orange.sum() > 40


def test_each_hums_on_her_side(clip: Path) -> None:
    with av.open(clip) as container:
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
    sound = np.concatenate(parts, axis=1)
    assert sound.shape[0] == 2
    assert abs(sound.shape[1] / SAMPLE_RATE_HZ - 3) < 0.05
    part = sound[:, : SAMPLE_RATE_HZ // 2]  # half a second: one bin of the spectrum is 2 Hz
    spectrum = np.abs(np.fft.rfft(part, axis=1))
    low, high = spectrum[:, round(220 / 2)], spectrum[:, round(277.18 / 2)]
    assert low[0] > 1.4 * low[1] and high[1] > 1.4 * high[0]


@pytest.mark.slow
def test_the_same_pictures_come_out_each_time(clip: Path, tmp_path: Path) -> None:
    make_demo_clip(tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == clip.read_bytes()


def test_without_scikit_image_it_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(OptionError, match=r"instmatt-video\[demo\]"):
        make_demo_clip(tmp_path / "demo.mp4")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AlphaWriteError, match=r"file.demo\.mp4: cannot be written"):
        make_demo_clip(tmp_path / "file" / "demo.mp4")
