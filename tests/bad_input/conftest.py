"""A clip, and jobs that must fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from instmatt_video import networks
from instmatt_video.cli import main
from instmatt_video.detection.detector import DetectorChoice
from instmatt_video.matting.matter import Matter
from tests.bad_input.runs import FRAMES, QUICK
from tests.synthetic_clip import BoxMatter, ColorDetector, write_clip


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matte people by their boxes: these faults lie outside of the network."""
    monkeypatch.setattr(Matter, "from_config", lambda *_: BoxMatter())


@pytest.fixture
def people(boxes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find people exactly, too."""
    choice = DetectorChoice(ColorDetector(), "made for tests")
    monkeypatch.setattr(networks, "create_detector", lambda *_, **__: choice)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES)


@pytest.fixture
def fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a job that must fail with a status; return the one line that it says."""

    def run(status: int, clip: Path, *options: str, out: Path | None = None) -> str:
        words = [str(clip), "--out-dir", str(out or tmp_path / "out"), *QUICK, *options]
        assert main(words) == status
        lines = capsys.readouterr().err.splitlines()
        complaints = [line for line in lines if line.startswith("instmatt-video: error: ")]
        assert len(complaints) == 1 and lines[-1] == complaints[0], lines
        return complaints[0]

    return run
