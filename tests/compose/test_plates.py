"""Compositions over plates: linear light is shown as it was matted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from instmatt_video import matte_video
from instmatt_video.compose.composition import compose_streams
from instmatt_video.compose.options import ComposeOptions, parse_background
from instmatt_video.detection.detections import Detections
from instmatt_video.media.frame import as_eight_bit
from instmatt_video.media.linear_light import to_linear
from instmatt_video.media.source import open_source
from tests.synthetic_clip import (
    COLORS,
    WALL,
    BoxMatter,
    ColorDetector,
    boxes_at,
    picture,
    write_clip,
)

pytestmark = pytest.mark.usefixtures("ffmpeg_program")


class EightBitDetector(ColorDetector):
    """Finds them in pictures of 16 bits, too."""

    def _look(self, image: np.ndarray) -> Detections:
        return super()._look(as_eight_bit(image))


@pytest.mark.parametrize("background", ["source", "blur:1", "plate/0003.exr"])
def test_exr_is_shown_in_its_colours(
    background: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openexr = pytest.importorskip("OpenEXR")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "plate"
    folder.mkdir()
    for index in range(6):
        light = to_linear(picture(index), "iec61966-2-1")
        header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
        openexr.File(header, {"RGB": light}).write(str(folder / f"{index:04d}.exr"))
    matte_video(folder, tmp_path / "out", detector=EightBitDetector(), matter=BoxMatter())
    options = ComposeOptions(background=parse_background(background))
    compose_streams(tmp_path / "out" / "plate", tmp_path / "out.mp4", options)
    for index, frame in enumerate(open_source(tmp_path / "out.mp4")):
        shown = as_eight_bit(frame.image).astype(float)
        assert np.abs(shown[5, -20:] - WALL).max() < 3
        left, top, right, bottom = boxes_at(index)[0]
        inside = shown[top + 8 : bottom - 8, left + 8 : right - 8]
        assert np.abs(inside - COLORS[0]).max() < 6


def test_colours_of_an_exr_are_multiplied_by_its_alpha_already(tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    clip = write_clip(tmp_path / "walk.mp4", 3)
    matte_video(clip, tmp_path, detector=ColorDetector(), matter=BoxMatter())
    light = np.zeros((96, 160, 4), np.float32)
    light[..., :3], light[..., 3] = to_linear(np.full((1, 1, 3), 90, np.uint8), "iec61966-2-1"), 0.5
    header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
    openexr.File(header, {"RGBA": light}).write(str(tmp_path / "glass.exr"))
    options = ComposeOptions(background=parse_background(str(tmp_path / "glass.exr")))
    compose_streams(tmp_path / "walk", tmp_path / "out.mov", options)
    shown = as_eight_bit(next(iter(open_source(tmp_path / "out.mov"))).image).astype(float)
    assert np.abs(shown[5, -20:] - 90).max() < 3
