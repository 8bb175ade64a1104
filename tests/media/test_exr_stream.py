"""What the headers of written EXR pictures tell, read back."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.errors import AlphaWriteError
from instmatt_video.matting.foreground import colour_layer
from instmatt_video.media.formats import open_alpha_stream
from instmatt_video.media.frame import ClipInfo
from instmatt_video.media.source import open_source

NTSC = Fraction(30000, 1001)
INFO = ClipInfo("clip", None, 16, 8, NTSC, 1 / NTSC, timecode="00:00:59;28", first_time=Fraction(0))


@pytest.fixture(autouse=True)
def openexr() -> object:
    return pytest.importorskip("OpenEXR")


def write(path: Path, info: ClipInfo) -> Path:
    """Write five pictures, of which the middle one alone shows somebody."""
    person = AlphaFrame(4, 0, np.ones((8, 8), np.float32))
    layer = colour_layer(np.full((8, 16, 3), 90, np.uint8), person, "source")
    with open_alpha_stream("exr", path, info) as stream:
        for k in range(5):
            stream.write(k / info.frame_rate, layer if k == 2 else None)
    return path


def test_each_picture_has_the_timecode_of_its_frame(tmp_path: Path) -> None:
    folder = write(tmp_path / "person", INFO)
    found = [open_source(path).info.timecode for path in sorted(folder.iterdir())]
    # Numbers 0 and 1 of a minute are left out.
    assert found == ["00:00:59;28", "00:00:59;29", *(f"00:01:00;0{k}" for k in (2, 3, 4))]


def test_other_readers_find_rate_timecode_and_picture(tmp_path: Path) -> None:
    import OpenEXR

    folder = write(tmp_path / "person", INFO)
    with OpenEXR.File(str(folder / "000003.exr")) as file:
        header, pixels = dict(file.header()), file.channels()["RGBA"].pixels
    assert header["framesPerSecond"] == NTSC
    timecode = header["timeCode"]
    assert (timecode.hours, timecode.minutes, timecode.seconds, timecode.frame) == (0, 1, 0, 2)
    assert timecode.dropFrame
    assert pixels[:, 4:12, 3].all() and not pixels[:, :4].any()


def test_a_row_is_a_clip_of_the_same_rate_and_timecode(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "person", INFO))
    assert (source.info.frame_rate, source.info.timecode) == (NTSC, "00:00:59;28")
    assert not source.warnings


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"timecode": None}, id="no timecode"),
        pytest.param({"timecode": "00:00:01:40", "frame_rate": Fraction(48)}, id="over 30"),
        pytest.param({"is_variable_rate": True}, id="a rate that varies"),
    ],
)
def test_what_a_header_cannot_tell_is_left_out(facts: dict[str, object], tmp_path: Path) -> None:
    import OpenEXR

    info = replace(INFO, **facts)
    info = replace(info, time_base=1 / info.frame_rate)
    folder = write(tmp_path / "person", info)
    with OpenEXR.File(str(folder / "000001.exr")) as file:
        header = dict(file.header())
    assert "timeCode" not in header
    assert header.get("framesPerSecond") == (None if info.is_variable_rate else info.frame_rate)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def full_folder(dir: Path) -> Iterator[str]:
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "picture.exr").symlink_to("/dev/full")
        yield str(tmp_path / "full")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", full_folder)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    layer = colour_layer(noise, AlphaFrame(0, 0, np.ones((256, 256), np.float32)), "source")
    info = replace(INFO, width=256, height=256)  # small ones wait in a buffer
    with (
        pytest.raises(AlphaWriteError, match="person: the disk is full"),
        open_alpha_stream("exr", tmp_path / "person", info) as stream,
    ):
        stream.write(Fraction(0), layer)
