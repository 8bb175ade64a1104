"""Output folders of the made clip, whose truth is known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.config import OutputConfig
from tests.synthetic_clip import BoxMatter, ColorDetector, write_clip

FRAMES = 16


@pytest.fixture
def ffmpeg_program() -> str:
    path = shutil.which("ffmpeg")
    if path is None:
        pytest.skip("there is no ffmpeg program")
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES, has_audio=True)


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Callable[..., Path]:
    """Return a maker of output folders; the same words give the same folder, not to be changed."""
    made: dict[tuple[object, ...], Path] = {}

    def make(
        format: str = "prores4444",
        is_trimmed: bool = False,
        source: Path = clip,
        frame_rate: Fraction | None = None,
    ) -> Path:
        key = (format, is_trimmed, source, frame_rate)
        if key not in made:
            output = OutputConfig(
                format=format, is_trimmed=is_trimmed, has_preview=False, has_report=False
            )
            root = tmp_path_factory.mktemp("tracks")
            manifest = matte_video(
                source,
                root,
                MatteConfig(output=output, frame_rate=frame_rate),
                detector=ColorDetector(),
                matter=BoxMatter(),
            )
            made[key] = root / manifest.source.name
        return made[key]

    return make
