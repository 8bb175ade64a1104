"""Benchmark → our pipeline → evaluation of its output, with scores that are known beforehand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.cli import main
from instmatt_video.config import DetectionConfig, OutputConfig
from instmatt_video.detection.detections import Detections
from instmatt_video.evaluation.benchmark_maker import BenchmarkConfig, make_benchmark
from instmatt_video.media.matte_file import list_folders, list_mattes, read_mattes
from instmatt_video.media.source import open_source
from tests.training.made_people import person, place, write_rgb

CONFIG = BenchmarkConfig(
    num_images=2, num_clips=1, seed=0, image_size=(160, 96), clip_size=(160, 96), num_frames=48
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("circle")
    for k in range(2):
        write_rgb(root / "people" / f"{k}.png", person(k, 160, 80))
        write_rgb(root / "places" / f"{k}.png", place(k))
    make_benchmark(root / "people", root / "places", root / "made", CONFIG)
    return root / "made"


class TruthMatter:
    """Knows the alphas of every frame, and gives each person's by their box."""

    device, precision = "cpu", "none"

    def __init__(self, clip: Path, truth: Path) -> None:
        with open_source(clip) as source:
            pictures = [frame.image.tobytes() for frame in source]
        self.frame_of = {picture: index for index, picture in enumerate(pictures)}
        people = [read_mattes(list_mattes(folder)) for folder in list_folders(truth)]
        self.alphas = np.stack(people, axis=1).astype(np.float32) / 255  # (T, N, H, W)

    def matte(self, image: npt.NDArray[np.uint8], people: Detections) -> list[AlphaFrame]:
        alphas = self.alphas[self.frame_of[image.tobytes()]]
        return [AlphaFrame(0, 0, max(alphas, key=lambda a: _overlap(a, b))) for b in people.boxes]


def _overlap(alpha: npt.NDArray[np.float32], box: npt.NDArray[np.float32]) -> float:
    left, top, width, height = cv2.boundingRect((alpha > 0.5).astype(np.uint8))
    low = np.maximum(box[:2], (left, top))
    high = np.minimum(box[2:], (left + width, top + height))
    shared = float((high - low).clip(min=0).prod())
    return shared / (width * height + float((box[2:] - box[:2]).prod()) - shared)


class Circle:
    """A made clip, its truth, and what our pipeline made of it with the true alphas."""

    def __init__(self, made: Path, out: Path, format: str) -> None:
        clip, self.truth = made / "clips" / "clip_01.mp4", made / "video" / "clip_01"
        self.cut_frame = json.loads((made / "benchmark.json").read_text())["clips"][0]["cut_frame"]
        config = MatteConfig(
            detection=DetectionConfig(detector=f"masks:{self.truth / 'pha'}"),
            output=OutputConfig(format=format, has_preview=False, has_report=False),
        )
        matter = TruthMatter(clip, self.truth / "pha")
        self.manifest = matte_video(clip, out, config, matter=matter)  # type: ignore[arg-type]
        self.output = out / "clip_01"

    def write_swapped_truth(self, folder: Path) -> Path:
        """Write the truth with both people's names changed at the cut."""
        first, second = list_folders(self.truth / "pha")
        for source, other in ((first, second), (second, first)):
            for frame, path in enumerate(list_mattes(source)):
                name = source.name if frame < self.cut_frame else other.name
                target = folder / "clip_01" / "pha" / name / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
        return folder / "clip_01"


@pytest.fixture(scope="module", params=["prores4444", "matte-ffv1"])
def circle(
    made: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Circle:
    return Circle(made, tmp_path_factory.mktemp("tracks"), request.param)


def evaluate(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["eval", *(str(word) for word in words), "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_the_truth_through_our_streams_is_perfect(
    circle: Circle, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluate(capsys, "video", circle.output, circle.truth, "--jobs", 1)["clips"]["clip_01"]
    assert (found["tp"], found["fp"], found["fn"], found["switches"]) == (2, 0, 0, 0)
    # All but the sliver of who is only just entering or leaving the frame.
    assert found["mq"] > 0.99 and found["idf1"] > 0.99
    assert found["vmq"] > 0.9


def test_who_is_left_out_is_missed(
    circle: Circle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = evaluate(capsys, "video", circle.output, circle.truth, "--jobs", 1)["clips"]["clip_01"]
    (tmp_path / "one").mkdir()
    file = circle.manifest.tracks[0].file
    assert file is not None
    shutil.copy(circle.output / file, tmp_path / "one")
    found = evaluate(capsys, "video", tmp_path / "one", circle.truth, "--jobs", 1)["clips"]
    found = found["clip_01"]
    assert (found["tp"], found["fp"], found["fn"]) == (1, 0, 1)
    # RQ is TP / (TP + FP/2 + FN/2) times an overlap that is nearly 1.
    assert found["rq"] == pytest.approx(1 / 1.5, rel=0.06)
    assert found["mq"] > 0.99
    assert found["vmq"] < 0.9 * whole["vmq"]


def test_names_that_change_at_the_cut_are_switches(
    circle: Circle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = circle.write_swapped_truth(tmp_path)
    found = evaluate(capsys, "video", circle.output, truth, "--jobs", 1)["clips"]["clip_01"]
    assert found["switches"] == 2


def test_our_tracks_are_those_of_the_truth(
    circle: Circle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trackeval")
    truth = circle.truth
    total = evaluate(capsys, "tracks", circle.output, truth / "gt.txt")["total"]
    assert total["hota"] > 0.9 and total["idf1"] > 0.95
    assert total["switches"] == 0
    rows = np.loadtxt(truth / "gt.txt", delimiter=",")
    np.savetxt(tmp_path / "half.txt", rows[::2], fmt="%d", delimiter=",")
    halved = evaluate(capsys, "tracks", tmp_path / "half.txt", truth / "gt.txt")["total"]
    assert halved["mota"] == pytest.approx(len(rows[::2]) / len(rows))


def test_pictures_go_round_in_two_commands(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict-images", made / "images", "--masks", made / "alphas", "--out", tmp_path / "a"]
    assert main([*(str(word) for word in words), "--matte-size", "160", "--quiet"]) == 0
    truth = made / "alphas"
    count = len(list(truth.glob("*/*.png")))
    whole = evaluate(capsys, "images", tmp_path / "a", truth, "--jobs", 1)["total"]
    assert (whole["tp"], whole["fp"], whole["fn"], whole["rq"]) == (count, 0, 0, 1)
    assert 0.3 < whole["imq"]["mad"] < 1, "made ellipses are no people, but have soft edges too"
    next((tmp_path / "a").glob("*/*.png")).unlink()
    fewer = evaluate(capsys, "images", tmp_path / "a", truth, "--jobs", 1)["total"]
    assert fewer["rq"] == pytest.approx((count - 1) / (count - 0.5))
    assert fewer["imq"]["mad"] < whole["imq"]["mad"]
