"""One matted clip, of which every test gets a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.config import OutputConfig
from instmatt_video.manifest import load_manifest
from tests.synthetic_clip import BoxMatter, ColorDetector, write_clip

FRAMES = 40
LIGHT = MatteConfig(output=OutputConfig(format="matte-ffv1", filename="{name}_{track:02d}.{ext}"))


@pytest.fixture(scope="session")
def matted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a clip and its streams; nobody may change it."""
    folder = tmp_path_factory.mktemp("matted")
    clip = write_clip(folder / "walk.mp4", FRAMES)
    matte_video(clip, folder / "out", LIGHT, detector=ColorDetector(), matter=BoxMatter())
    return folder


@pytest.fixture
def folder(matted: Path, tmp_path: Path) -> Path:
    """Return an output folder of three people: 1 in frames 1..40, 2 in 7..20, 3 in 25..40."""
    return Path(shutil.copytree(matted / "out" / "walk", tmp_path / "walk"))


@pytest.fixture
def recording(folder: Path) -> Path:
    """Return the same as a live recording leaves it, without alphas."""
    manifest = load_manifest(folder)
    captured = {"is_captured": True, "absolute_path": None}
    source = manifest.source.model_copy(update=captured)
    manifest.model_copy(update={"source": source, "stitching": None}).save(folder)
    shutil.rmtree(folder / "alphas")
    return folder
