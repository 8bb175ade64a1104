"""The command from its words to what it shows and writes, with networks that look for colours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from instmatt_video import networks
from instmatt_video.cli import main
from instmatt_video.manifest import load_manifest
from instmatt_video.media.alpha_reader import read_alpha
from tests.live.made_live import BOXES, made_networks, write_standing_clip
from tests.live.test_virtual_camera import StandIn, give_camera


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_standing_clip(tmp_path_factory.mktemp("clips") / "two.mp4", frames=30)


@pytest.fixture(autouse=True)
def quick_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "load_networks", made_networks)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def test_it_records_the_streams_of_the_main_job(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["live", "--source", str(clip), "--loop", "--frames", "8", "--json", "--quiet"]
    assert main([*words, "--record", str(tmp_path), "--format", "matte-ffv1"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["frames"] == 8
    assert shown["people"] == 2
    manifest = load_manifest(tmp_path / "two")
    assert manifest.source.frame_count >= 8
    assert not manifest.settings["detection"]["finds_small_people"]  # there is no time
    assert [track.file for track in manifest.tracks] == ["person_01.mkv", "person_02.mkv"]
    for track, (left, top, right, bottom) in zip(manifest.tracks, BOXES, strict=True):
        alphas = [np.array(alpha) for alpha in read_alpha(tmp_path / "two" / str(track.file))]
        assert len(alphas) == manifest.source.frame_count
        for alpha in alphas:
            assert alpha[top + 2 : bottom - 2, left + 2 : right - 2].min() > 0.99
            alpha[top - 2 : bottom + 2, left - 2 : right + 2] = 0
            assert alpha.max() < 0.01
    # What was recorded is not overwritten unless somebody says so.
    assert main([*words, "--record", str(tmp_path)]) == 2
    assert "is there already: --overwrite replaces it" in capsys.readouterr().err


def test_who_asks_for_small_people_in_a_file_gets_them(clip: Path, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[detection]\nfinds_small_people = true\n[output]\nhas_preview = true\n")
    words = ["live", "--source", str(clip), "--frames", "2", "--quiet", "--config", str(file)]
    assert main([*words, "--record", str(tmp_path), "--format", "matte-ffv1"]) == 0
    settings = load_manifest(tmp_path / "two").settings
    assert settings["detection"]["finds_small_people"]
    # There is nothing to make a preview of: what was captured is gone.
    assert not settings["output"]["has_preview"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [([], "is there already"), (["--overwrite", "--format", "gif"], "gif")],
    ids=["earlier recording", "format"],
)
def test_a_recording_that_cannot_be_is_refused_before_anything_is_opened(
    options: list[str],
    reason: str,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "manifest.json").write_text("{}")
    loaded: list[object] = []
    monkeypatch.setattr(networks, "load_networks", lambda *words: loaded.append(words))
    words = ["live", "--source", str(clip), "--serve", "0", "--record", str(tmp_path)]
    assert main([*words, *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()  # no address of a page
    assert reason in line
    assert not loaded


def test_the_virtual_camera_gets_the_chosen_view(
    clip: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cameras: list[StandIn] = []

    def make(**words: float) -> StandIn:
        cameras.append(StandIn(int(words["width"]), int(words["height"]), words["fps"]))
        return cameras[0]

    give_camera(monkeypatch, make)
    words = ["live", "--source", str(clip), "--frames", "6", "--loop", "--virtual-camera"]
    assert main([*words, "--view", "cutout", "--background", "#0047bb", "--solo", "1"]) == 0
    assert "/dev/video9" in capsys.readouterr().err
    assert cameras[0].is_closed
    assert len(cameras[0].sent) == 6
    last = cameras[0].sent[-1].astype(int)
    (left, top, *_), (other_left, other_top, *_) = BOXES
    assert np.abs(last[top + 8, left + 8] - (200, 40, 40)).max() <= 12
    assert np.abs(last[other_top + 8, other_left + 8] - (0, 71, 187)).max() <= 1


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        pytest.param([], 2, "there is no display", id="no display"),
        pytest.param(["--serve", "nowhere:x"], 2, "HOST:", id="no address"),
        pytest.param(["--serve", "0", "--background", "beach"], 2, "no colour", id="background"),
        pytest.param(["--serve", "0", "--frames", "0"], 2, "--frames", id="no frames"),
        pytest.param(["--serve", "0", "--goal-fps", "0"], 2, "--goal-fps", id="no pace"),
        pytest.param(["--serve", "0", "--goal-fps", "nan"], 2, "--goal-fps", id="pace of NaN"),
        pytest.param(["--serve", "0", "--goal-fps", "inf"], 2, "--goal-fps", id="endless pace"),
        pytest.param(["--serve", "0", "--seconds", "nan"], 2, "--seconds", id="NaN seconds"),
        pytest.param(["--serve", "0", "--frames", "-" + 400 * "9"], 2, "--frames", id="digits"),
        pytest.param(["--serve", "0", "--max-side", 400 * "9"], 2, "--max-side", id="side"),
        pytest.param(["--serve", "0", "--matte-size", "3"], 2, "matte_size", id="matte size"),
        pytest.param(["--record", "{tmp}", "--format", "gif"], 2, "gif", id="format"),
        pytest.param(["--serve", "0", "--detector", "masks:m"], 2, "no masks:DIR", id="masks"),
        pytest.param(["--source", "none.mp4", "--serve", "0"], 3, "none.mp4", id="no file"),
        pytest.param(["--source", "/dev/video97", "--serve", "0"], 3, "video97", id="no camera"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    clip: Path,
    tmp_path: Path,
    words: list[str],
    status: int,
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [word.replace("{tmp}", str(tmp_path)) for word in words]
    source = [] if "--source" in words else ["--source", str(clip)]
    assert main(["live", *source, *words]) == status
    complaint = capsys.readouterr().err.strip().splitlines()[-1]
    assert complaint.startswith("instmatt-video: error: ")
    assert line in complaint
    assert not any(tmp_path.iterdir())
