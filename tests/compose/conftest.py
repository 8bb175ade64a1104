"""Output folders of the made clip, whose truth is known."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.config import OutputConfig
from instmatt_video.manifest import load_manifest
from instmatt_video.media.formats import open_alpha_stream
from instmatt_video.media.frame import ClipInfo
from instmatt_video.media.layer import Layer
from tests.synthetic_clip import SIZE, BoxMatter, ColorDetector, write_clip

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
        has_rest: bool = False,
    ) -> Path:
        key = (format, is_trimmed, source, frame_rate, has_rest)
        if key not in made:
            output = OutputConfig(
                format=format,
                is_trimmed=is_trimmed,
                has_rest=has_rest,
                has_preview=False,
                has_report=False,
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


def soft_neighbours(folder: Path, template: Path) -> Path:
    """Return an output folder in which two people share every pixel, half each."""
    manifest = load_manifest(template)
    width, height = SIZE
    info = ClipInfo("walk", None, width, height, Fraction(25), Fraction(1, 25))
    alpha = np.full((height, width), 0.5, np.float32)
    for file, rgb in (("person_01.mov", (200, 40, 40)), ("person_02.mov", (40, 190, 40))):
        colour = np.full((height, width, 3), rgb, np.uint8)
        with open_alpha_stream("prores4444", folder / file, info, quality=1) as stream:
            for index in range(2):
                stream.write(Fraction(index, 25), Layer(0, 0, alpha, colour))
    source = manifest.source.model_copy(update={"frame_count": 2, "has_audio": False})
    manifest.model_copy(update={"source": source}).save(folder)
    return folder
