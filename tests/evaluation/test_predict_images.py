"""The paper's experiment in small: a made benchmark, predictions, and their measure."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from instmatt_video.cli import main
from instmatt_video.matting.matter import Matter
from instmatt_video.models.checkpoint import save_matting_weights
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.weights.loading import load_matting_network
from tests.tiny_network import TINY
from tests.training.made_people import write_packs


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    write_packs(folder / "packs")
    status = main(
        [
            "make-benchmark",
            "--foregrounds",
            str(folder / "packs" / "cutouts" / "rgba"),
            "--backgrounds",
            str(folder / "packs" / "backgrounds"),
            "--images",
            "3",
            "--clips",
            "0",
            "--image-size",
            "160x128",
            "--out",
            str(folder / "made"),
        ]
    )
    assert status == 0
    return folder / "made"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_matting_weights(InstanceMattingNetwork(TINY).eval(), path)
    return path


def predict(benchmark: Path, weights: Path, out: Path, *more: str) -> int:
    return main(
        [
            "predict-images",
            str(benchmark / "images"),
            "--masks",
            str(benchmark / "alphas"),
            "--out",
            str(out),
            "--model",
            str(weights),
            "--quiet",
            *more,
        ]
    )


@pytest.mark.parametrize("mode", [(), ("--release",)], ids=["ours", "release"])
def test_predictions_bear_the_masks_names_and_are_measured(
    benchmark: Path,
    weights: Path,
    tmp_path: Path,
    mode: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert predict(benchmark, weights, tmp_path / "pred", *mode) == 0
    for truth in sorted((benchmark / "alphas").glob("*/*.png")):
        found = tmp_path / "pred" / truth.relative_to(benchmark / "alphas")
        assert cv2.imread(str(found), cv2.IMREAD_UNCHANGED).shape == (128, 160)
    capsys.readouterr()
    pred, truth = str(tmp_path / "pred"), str(benchmark / "alphas")
    assert main(["eval", "images", pred, truth, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["metric"], result["num_images"]) == ("IMQ", 3)


def test_the_truth_itself_scores_one(benchmark: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = str(benchmark / "alphas")
    assert main(["eval", "images", truth, truth, "--json"]) == 0
    text = capsys.readouterr().out
    assert '"rq": 1.0' in text


def test_a_stopped_run_goes_on_where_it_was(benchmark: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "pred"
    assert predict(benchmark, weights, out) == 0
    first, second, third = sorted(out.iterdir())
    stamp = first.stat().st_mtime_ns
    for path in third.iterdir():
        path.unlink()
    third.rmdir()
    leftover = out / f".{third.name}.partial"
    leftover.mkdir()
    (leftover / "00.png").write_bytes(b"half")
    assert predict(benchmark, weights, out) == 0
    assert sorted(out.iterdir()) == [first, second, third]
    assert first.stat().st_mtime_ns == stamp


def test_bad_input_is_named(
    benchmark: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict-images", str(tmp_path / "no"), "--out", str(tmp_path / "out")]) == 3
    assert "no folder of pictures" in capsys.readouterr().err
    masks = tmp_path / "masks"
    masks.mkdir()
    status = main(
        [
            "predict-images",
            str(benchmark / "images"),
            "--masks",
            str(masks),
            "--out",
            str(tmp_path / "out"),
            "--model",
            str(weights),
            "--quiet",
        ]
    )
    assert status == 3
    assert "has no masks" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_matting_options_are_heeded(benchmark: Path, weights: Path, tmp_path: Path) -> None:
    options = ("--no-solved-edges", "--no-refinement", "--no-second-look", "--matte-size", "96")
    assert predict(benchmark, weights, tmp_path, *options) == 0
    image = sorted((benchmark / "images").iterdir())[0]
    truth = sorted((benchmark / "alphas" / image.stem).iterdir())
    matter = Matter(
        load_matting_network(str(weights)),
        matte_size=96,
        has_refinement=False,
        has_second_look=False,
        has_solved_edges=False,
    )
    pixels = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2RGB)
    masks = np.stack([cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in truth])
    for path, alpha in zip(truth, matter.matte_masks(pixels, masks), strict=True):
        found = cv2.imread(str(tmp_path / image.stem / path.name), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_allclose(found, alpha * 255, rtol=0, atol=0.51)


def test_a_size_out_of_range_is_named(
    benchmark: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(benchmark, weights, tmp_path / "out", "--matte-size", "8") == 2
    assert "matte_size must be in 64..4096" in capsys.readouterr().err
