"""Frames that show nothing are encoded once and written again, and nobody can tell."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import av
import av.logging
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext

from instmatt_video.media.alpha_reader import AlphaReader, read_alpha
from instmatt_video.media.formats import FORMATS, FormatSpec
from instmatt_video.media.layer import Layer
from instmatt_video.media.video_stream import VideoAlphaStream
from tests.media.made_layers import INFO, LOSSY_TOLERANCE, placed, soft_layer, write_stream

VIDEOS = [spec for spec in FORMATS.values() if not spec.is_folder]
# Gaps of one, two, three and four frames: key frames come back after odd and even numbers of them.
PLAN = "...##.#..###...#....#...."
LAYERS: list[Layer | None] = [
    soft_layer(left=40 + 2 * k) if kind == "#" else None for k, kind in enumerate(PLAN)
]


@pytest.fixture(params=VIDEOS, ids=[spec.name for spec in VIDEOS])
def spec(request: pytest.FixtureRequest) -> FormatSpec:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def stream(spec: FormatSpec, tmp_path: Path) -> Path:
    return write_stream(spec, tmp_path, LAYERS)


def test_absent_is_exactly_nothing_and_present_is_as_ever(spec: FormatSpec, stream: Path) -> None:
    tolerance = 0.06 if spec.name in LOSSY_TOLERANCE else 1e-3
    found = list(read_alpha(stream))
    assert len(found) == len(LAYERS)
    for alpha, layer in zip(found, LAYERS, strict=True):
        if layer is None:
            assert not alpha.any()
        else:
            assert np.abs(alpha - placed(layer)).max() < tolerance


def test_every_frame_keeps_its_time(stream: Path) -> None:
    with AlphaReader(stream) as reader:
        times = reader.packet_times()
        # Matroska counts milliseconds.
        assert len(times) == len(PLAN)
        for k, time in enumerate(times):
            assert abs(time - 1001 * k * INFO.time_base) <= reader.time_base / 2


def test_any_frame_can_be_sought(stream: Path) -> None:
    with AlphaReader(stream) as reader:
        for k in (22, 6, 14, 3, 20):
            alpha = reader.read_at(1001 * k * INFO.time_base)
            assert alpha is not None
            assert alpha.any() == (PLAN[k] == "#")


def test_the_encoder_sees_few_of_them(
    spec: FormatSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: list[int] = []
    encode = VideoAlphaStream._encode

    def counted(
        stream: VideoAlphaStream, tick: int, is_key: bool, is_blank: bool
    ) -> list[av.Packet[av.stream.Stream]]:
        ticks.append(tick)
        return encode(stream, tick, is_key, is_blank)

    monkeypatch.setattr(VideoAlphaStream, "_encode", counted)
    layers: list[Layer | None] = [soft_layer(), *[None] * 90, soft_layer(), *[None] * 8]
    write_stream(spec, tmp_path, layers)
    # Two people, a blank frame of each number that key frames take, and one nobody sees.
    assert len(ticks) <= 5


def test_no_two_key_frames_in_a_row_have_one_number(tmp_path: Path) -> None:
    """ITU-T H.264, 7.4.3: the idr_pic_id of two IDR pictures in a row must differ."""
    path = write_stream(FORMATS["matte-mp4"], tmp_path, LAYERS)
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture() as entries, av.open(path) as container:
            headers = BitStreamFilterContext("trace_headers", container.streams.video[0])
            for packet in container.demux(video=0):
                if packet.size:
                    headers.filter(packet)
    finally:
        av.logging.set_level(None)
        av.logging.set_skip_repeated(True)
    found = [re.search(r"idr_pic_id .*= (\d+)", text) for _, _, text in entries]
    numbers = [int(match[1]) for match in found if match]
    assert len(numbers) > PLAN.count(".")
    assert all(a != b for a, b in pairwise(numbers))
