"""What every source of frames must do, whatever it reads from."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from instmatt_video.errors import VideoOpenError
from instmatt_video.media.frame_source import FrameSource
from instmatt_video.media.source import open_source
from tests.media.made_clips import disc_picture

COUNT = 8
BELOW_0: dict[str, Any] = {
    "ticks": range(-3, 5),
    "container_options": {"avoid_negative_ts": "disabled"},
}

Maker = Callable[..., Path]


@pytest.fixture(
    params=[
        *("mp4", "b-frames", "mkv", "mkv-below-0", "mov-prores", "avi", "folder", "printf", "glob"),
        *("stdin", "stdin-below-0"),
    ]
)
def source(
    request: pytest.FixtureRequest,
    make_video: Maker,
    make_folder: Maker,
    monkeypatch: pytest.MonkeyPatch,
) -> FrameSource:
    kind = request.param
    mkv = make_video("clip.mkv", codec="ffv1", **BELOW_0 if kind.endswith("below-0") else {})
    if kind == "mp4":
        return open_source(make_video("clip.mp4", options={"bf": "0"}))
    if kind == "b-frames":
        return open_source(make_video("clip.mp4", options={"bf": "3", "g": "6"}))
    if "mkv" in kind:
        return open_source(mkv)
    if kind == "mov-prores":
        return open_source(make_video("clip.mov", codec="prores_ks", pixel_format="yuv422p10le"))
    if kind == "avi":
        return open_source(make_video("clip.avi", options={"bf": "2"}))
    if kind.startswith("stdin"):
        data = mkv.read_bytes()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        return open_source("-")
    folder = make_folder("clip")
    if kind == "folder":
        return open_source(folder, frame_rate=25)
    if kind == "printf":
        return open_source(folder / "frame_%d.png", frame_rate=25)
    return open_source(folder / "frame_*.png", frame_rate=25)


def test_info_tells_size_and_clock(source: FrameSource) -> None:
    with source:
        info = source.info
    assert (info.width, info.height) == (64, 48)
    assert info.frame_rate == 25
    assert not info.is_interlaced
    assert info.frame_count in (COUNT, None)


def test_every_frame_comes_once_in_order_at_its_time(source: FrameSource) -> None:
    with source:
        frames = list(source)
    assert [frame.index for frame in frames] == list(range(COUNT))
    first = frames[0].time
    assert first >= 0
    assert [frame.time - first for frame in frames] == [Fraction(k, 25) for k in range(COUNT)]
    assert all((frame.time / source.info.time_base).denominator == 1 for frame in frames)


def test_pictures_are_the_ones_that_went_in(source: FrameSource) -> None:
    with source:
        for frame in source:
            picture = frame.image if frame.image.dtype == np.uint8 else frame.image // 257
            assert picture.shape == (48, 64, 3)
            error = np.abs(picture.astype(int) - disc_picture(frame.index)).mean()
            # Neighbouring frames differ by 13 levels; chroma of half size costs 2.5 at the disc.
            assert error < 4


def test_nothing_odd_is_reported(source: FrameSource) -> None:
    with source:
        assert not any(frame.is_held for frame in source)
    assert source.warnings == []


def test_a_later_start_gives_the_same_frames(source: FrameSource) -> None:
    with source:
        if source.info.path is None:
            pytest.skip("a live source is read once")
        whole = list(source)
        for start in (0, 1, COUNT // 2, COUNT - 1, COUNT):
            part = list(source.frames(start))
            assert [frame.index for frame in part] == list(range(start, COUNT))
            for frame in part:
                assert frame.time == whole[frame.index].time
                assert np.array_equal(frame.image, whole[frame.index].image)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "no such file"),
        ("empty", "the file is empty"),
        ("text", "cannot be opened"),
        ("truncated", "moov atom not found"),
        ("audio", "no video stream in it, only audio"),
        ("empty-folder", "no frames in the folder"),
        ("no-match", "no file matches the pattern"),
    ],
)
def test_unreadable_input_is_named_in_one_line(
    kind: str, words: str, tmp_path: Path, make_video: Maker
) -> None:
    path = tmp_path / "input.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("this is not a video\n" * 100)
    elif kind == "truncated":
        whole = make_video(count=20).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "audio":
        path = _write_audio(tmp_path / "sound.mp4")
    elif kind == "empty-folder":
        path = tmp_path / "folder"
        path.mkdir()
    elif kind == "no-match":
        path = tmp_path / "shot_%04d.png"
    with pytest.raises(VideoOpenError, match=words) as raised:
        open_source(path)
    message = str(raised.value)
    assert str(path) in message
    assert "\n" not in message


def _write_audio(path: Path) -> Path:
    import av

    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=48000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
        sound.sample_rate = 48000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    return path
