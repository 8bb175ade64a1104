"""Makers of clips and folders of frames in the test's own folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import pytest

from instmatt_video.media.formats import FORMATS, FormatSpec
from tests.media.made_clips import disc_picture, write_video


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of video files; see `write_video`."""

    def make(name: str = "clip.mp4", **options: Any) -> Path:
        path = tmp_path / name
        write_video(path, **options)
        return path

    return make


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of folders of frames."""

    def make(
        name: str = "frames",
        *,
        numbers: Sequence[int] = range(8),
        template: str = "frame_{:d}.png",
        width: int = 64,
        height: int = 48,
        deep: bool = False,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for index, number in enumerate(numbers):
            picture = disc_picture(index, width, height, deep)
            assert cv2.imwrite(str(folder / template.format(number)), picture[..., ::-1])
        return folder

    return make


@pytest.fixture(params=list(FORMATS))
def spec(request: pytest.FixtureRequest) -> FormatSpec:
    if request.param == "exr":
        pytest.importorskip("OpenEXR")
    return FORMATS[request.param]
