"""Inputs that come once: standard input, the network, cameras."""

from __future__ import annotations

import io
import os
import socket
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest

from instmatt_video.errors import FrameDecodeError, VideoOpenError
from instmatt_video.media.source import open_source
from tests.media.made_clips import damage

Maker = Callable[..., Path]


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))


def test_standard_input_is_read_once(make_video: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, make_video("clip.mkv", codec="ffv1").read_bytes())
    with open_source("-") as source:
        assert source.info.name == "stdin"
        assert [frame.index for frame in source.frames(5)] == [5, 6, 7]
        with pytest.raises(ValueError, match="only once"):
            list(source)


def test_b_frames_in_a_piped_avi_come_in_order(
    make_video: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, make_video("clip.avi", options={"bf": "2"}).read_bytes())
    with open_source("-") as source:
        assert [frame.time for frame in source] == [Fraction(k, 25) for k in range(8)]


@pytest.mark.parametrize("data", [b"", b"this is no video" * 50], ids=["nothing", "text"])
def test_rubbish_on_standard_input(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, data)
    with pytest.raises(VideoOpenError, match="standard input: cannot be opened"):
        open_source("-")


@pytest.mark.parametrize("name", ["clip.nut", "clip.avi"], ids=["with times", "without times"])
def test_the_picture_before_stands_in_for_a_fault(
    name: str, make_video: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(name, codec="mjpeg", pixel_format="yuvj420p", count=12)
    feed(monkeypatch, damage(path, range(4, 6), kept_bytes=16).read_bytes())
    with open_source("-") as source:
        frames = list(source)
    assert [frame.time for frame in frames] == [Fraction(k, 25) for k in range(12)]
    assert [frame.index for frame in frames if frame.is_held] == [4, 5]
    assert all(frame.image is frames[3].image for frame in frames[4:6])
    assert source.warnings == ["some frames cannot be decoded; a neighbouring picture stands in"]


def test_a_steady_rate_is_told_from_a_coarse_clock(
    make_video: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matroska counts milliseconds."""
    rate = Fraction(30000, 1001)
    path = make_video("clip.mkv", codec="ffv1", rate=rate, count=12, timecode="00:00:59;25")
    feed(monkeypatch, path.read_bytes())
    with open_source("-") as source:
        assert source.info.frame_rate == rate
        assert source.info.timecode == "00:00:59;25"
        assert [frame.time for frame in source] == [k / rate for k in range(12)]


@pytest.mark.parametrize("frame_rate", [25, 12])
def test_another_rate_than_a_pipes_own_is_told_of(
    frame_rate: int, make_video: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed(monkeypatch, make_video("clip.mkv", codec="ffv1").read_bytes())
    with open_source("-", frame_rate=frame_rate) as source:
        assert [frame.time for frame in source] == [Fraction(k, frame_rate) for k in range(8)]
        warning = "its own 25 frames/s are replaced by 12, as asked (--fps)"
        assert source.warnings == ([] if frame_rate == 25 else [warning])


def test_sound_in_a_pipe_is_told_of(make_video: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, make_video("clip.mkv", sounds=("aac",)).read_bytes())
    with open_source("-") as source:
        (text,) = source.warnings
    assert text.startswith("sound left out")


def test_an_mp4_whose_index_comes_last_is_advised(
    make_video: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video("clip.mp4", codec="mjpeg", pixel_format="yuvj420p", count=60)
    reading, writing = os.pipe()  # which cannot be wound on to the index
    with open(writing, "wb") as pipe, open(reading) as standard_input:
        pipe.write(path.read_bytes())
        pipe.close()
        monkeypatch.setattr(sys, "stdin", standard_input)
        with pytest.raises(FrameDecodeError, match=r"stopped: .*; an MP4 or MOV must have its"):
            open_source("-")


def test_faults_between_quick_pictures_keep_their_places(
    make_video: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = [0, 40, 80, 120, 125, 130, 135, 175, 215, 255]
    path = make_video(
        "clip.nut",
        codec="mjpeg",
        pixel_format="yuvj420p",
        count=len(ticks),
        time_base=Fraction(1, 1000),
        ticks=ticks,
    )
    feed(monkeypatch, damage(path, range(4, 6), kept_bytes=16).read_bytes())
    with open_source("-") as source:
        frames = list(source)
    assert [frame.index for frame in frames if frame.is_held] == [4, 5]
    assert [frame.time * 1000 for frame in frames] == ticks


def test_a_turned_clip_is_upright(make_video: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video("clip.mkv", codec="ffv1", rotation_deg=-90, count=2)
    feed(monkeypatch, path.read_bytes())
    with open_source("-") as source:
        assert (source.info.width, source.info.height) == (48, 64)
        assert all(frame.image.shape == (64, 48, 3) for frame in source)


def test_a_network_stream(make_video: Maker) -> None:
    data = make_video("clip.mkv", codec="ffv1").read_bytes()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        with open_source(f"tcp://127.0.0.1:{port}") as source:
            times = [frame.time for frame in source]
        thread.join()
    assert times == [Fraction(k, 25) for k in range(8)]


@pytest.mark.parametrize("spec", ["rtsp://127.0.0.1:9/none", "/dev/video97", "97"])
def test_what_is_not_there_is_named(spec: str) -> None:
    with pytest.raises(VideoOpenError, match="cannot be opened") as raised:
        open_source(spec)
    assert spec in str(raised.value)
