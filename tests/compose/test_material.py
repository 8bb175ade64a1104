"""What a composition is made from, where it lies, and from which frame on."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.compose.material import gather
from instmatt_video.compose.options import ComposeOptions, parse_background
from instmatt_video.config import OutputConfig
from instmatt_video.correction import Drop
from instmatt_video.errors import VideoOpenError
from instmatt_video.evaluation.clip_layouts import open_clip
from instmatt_video.review.session import Review
from tests.media.made_clips import write_video
from tests.synthetic_clip import BoxMatter, ColorDetector, boxes_at, write_frames

FRAMES = 16
BLACK = ComposeOptions(background=parse_background("black"))


def matted(source: Path, out: Path, only: tuple[int, ...] = (), has_rest: bool = False) -> Path:
    output = OutputConfig(is_trimmed=True, has_preview=False, only=only, has_rest=has_rest)
    config = MatteConfig(output=output, frame_rate=25)
    matte_video(source, out, config, detector=ColorDetector(), matter=BoxMatter())
    return out / "shot"


@pytest.fixture(params=[0, 1, 1001], ids=lambda first: f"from {first}")
def shot(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return write_frames(tmp_path / "in" / "shot", FRAMES, "shot.%04d.png", request.param)


def test_trimmed_streams_of_a_numbered_sequence_begin_where_their_people_do(
    shot: Path, tmp_path: Path
) -> None:
    folder = matted(shot, tmp_path / "out")
    people = gather(folder, BLACK).people
    assert [(person.first, person.last) for person in people] == [(0, 15), (6, 15)]
    # An evaluation reads them the same way.
    seen = np.stack(list(open_clip(folder).read_frames()))
    for index in range(FRAMES):
        assert [bool(alpha.any()) for alpha in seen[index]] == [True, 1 in boxes_at(index)], index


@pytest.mark.parametrize(
    ("has_rest", "without", "is_left_out"),
    [(False, (), True), (True, (), False), (True, (0,), True)],
    ids=["no rest", "in the rest", "rest left out"],
)
def test_only_who_is_in_no_stream_is_told_of(
    has_rest: bool,
    without: tuple[int, ...],
    is_left_out: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shot = write_frames(tmp_path / "in" / "shot", FRAMES)
    folder = matted(shot, tmp_path / "out", only=(1,), has_rest=has_rest)
    gather(folder, replace(BLACK, without=without))
    assert ("person 2 has no stream and is left out" in caplog.messages) is is_left_out


def test_corrections_that_wait_are_told_of(
    shot: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = matted(shot, tmp_path / "out")
    gather(folder, BLACK)
    assert "corrections" not in caplog.text
    review = Review(folder)
    review.correct(Drop(track=1))
    gather(folder, BLACK)
    words = f"corrections are not rendered: run `instmatt-video tracks {folder} render` first"
    assert caplog.messages.count(words) == 1
    review.render()
    gather(folder, BLACK)
    assert caplog.messages.count(words) == 1


def test_the_shape_of_pixels_outlives_the_source(tmp_path: Path) -> None:
    source = tmp_path / "in" / "shot.mp4"
    source.parent.mkdir()
    write_video(source, count=2, pixel_aspect=Fraction(4, 3))
    folder = matted(source, tmp_path / "out")
    assert gather(folder, BLACK).clip.pixel_aspect == Fraction(4, 3)
    source.unlink()
    clip = gather(folder, BLACK).clip
    assert (clip.source, clip.pixel_aspect) == (None, Fraction(4, 3))


@pytest.mark.parametrize("name", ["shot", "shot/shot.%04d.png", "shot/*.png"])
def test_the_clip_is_found_from_another_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_frames(tmp_path / "in" / "shot", FRAMES, "shot.%04d.png", 1001)
    monkeypatch.chdir(tmp_path / "in")
    folder = matted(Path(name), tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    clip = gather(folder, BLACK).clip
    assert clip.source == tmp_path / "in" / name
    (tmp_path / "in").rename(tmp_path / "moved")
    assert gather(folder, BLACK).clip.source is None
    moved = tmp_path / "moved" / name
    options = ComposeOptions(background=parse_background("black"), source=moved)
    assert gather(folder, options).clip.source == moved
    missing = ComposeOptions(background=parse_background("black"), source=tmp_path / "in" / name)
    is_pattern = name != "shot"
    with pytest.raises(VideoOpenError, match="no file matches" if is_pattern else "no such file"):
        gather(folder, missing)
