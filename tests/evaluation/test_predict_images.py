"""The paper's experiment in small: a made benchmark, predictions, and their measure."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from instmatt_video.cli import main
from instmatt_video.matting.matter import Matter
from instmatt_video.media.matte_file import list_folders
from instmatt_video.models.checkpoint import save_matting_weights
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.weights.loading import load_matting_network
from tests.tiny_network import TINY
from tests.training.made_people import write_packs

QUICK = ("--no-solved-edges", "--no-refinement", "--no-second-look", "--matte-size", "96")


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


def predict(
    benchmark: Path, weights: Path, out: Path, *more: str, masks: Path | None = None
) -> int:
    return main(
        [
            "predict-images",
            str(benchmark / "images"),
            "--masks",
            str(masks or benchmark / "alphas"),
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
    first, second, third = list_folders(out)
    stamp = first.stat().st_mtime_ns
    for path in third.iterdir():
        path.unlink()
    third.rmdir()
    leftover = out / f".{third.name}.partial"
    leftover.mkdir()
    (leftover / "00.png").write_bytes(b"half")
    assert predict(benchmark, weights, out) == 0
    assert sorted(out.glob("[!.]*")) == [first, second, third]
    assert not leftover.exists()
    assert first.stat().st_mtime_ns == stamp


def stamps_of(out: Path) -> dict[str, int]:
    """Return when each image's alphas were written."""
    return {folder.name: folder.stat().st_ino for folder in list_folders(out)}


@pytest.mark.parametrize("change", ["settings", "masks", "picture", "an alpha"])
def test_predictions_of_another_kind_are_neither_kept_nor_lost(
    change: str,
    benchmark: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own, out = tmp_path / "own", tmp_path / "pred"
    shutil.copytree(benchmark, own)
    assert predict(own, weights, out, *QUICK) == 0
    before, changed = stamps_of(out), list_folders(out)[-1].name
    options = list(QUICK)
    if change == "settings":
        options[-1] = "64"
    elif change == "masks":
        mask = sorted((own / "alphas" / changed).iterdir())[0]
        assert cv2.imwrite(str(mask), 255 - cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE))
    elif change == "an alpha":
        sorted((out / changed).iterdir())[0].unlink()
    else:
        (picture,) = (own / "images").glob(f"{changed}.*")
        assert cv2.imwrite(str(picture), 255 - cv2.imread(str(picture)))
    assert predict(own, weights, out, *options) == 2
    line = capsys.readouterr().err
    assert "was not made from the same picture, masks and settings" in line and "--out" in line
    assert stamps_of(out) == before
    assert predict(own, weights, out, *options, "--overwrite") == 0
    after = stamps_of(out)
    made_again = {name for name in before if before[name] != after[name]}
    assert made_again == (set(before) if change == "settings" else {changed})
    assert predict(own, weights, out, *options) == 0
    assert stamps_of(out) == after


def test_what_somebody_else_has_put_there_is_not_taken_for_predictions(
    benchmark: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    shutil.copytree(benchmark, own)
    first = list_folders(own / "alphas")[0]
    (tmp_path / "pred" / first.name).mkdir(parents=True)
    notes = tmp_path / "pred" / first.name / "notes.txt"
    notes.write_text("mine")
    assert predict(own, weights, tmp_path / "pred", *QUICK) == 2
    assert predict(own, weights, tmp_path / "pred", *QUICK, "--overwrite") == 2
    assert "holds other files beside alphas" in capsys.readouterr().err
    assert notes.read_text() == "mine" and list_folders(tmp_path / "pred") == [notes.parent]
    before = sorted(path.read_bytes() for path in own.rglob("*.png"))
    for options in ((), ("--overwrite",)):
        assert predict(own, weights, own / "alphas", *QUICK, *options) == 2
        assert "is the folder of the masks" in capsys.readouterr().err
        assert predict(own, weights, own / "images", *QUICK, *options) == 2
        assert "is the folder of the pictures" in capsys.readouterr().err
    assert sorted(path.read_bytes() for path in own.rglob("*.png")) == before


def test_bad_input_is_named(
    benchmark: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict-images", str(tmp_path / "no"), "--out", str(tmp_path / "out")]) == 3
    assert "no folder of pictures" in capsys.readouterr().err
    masks = tmp_path / "masks"
    masks.mkdir()
    assert predict(benchmark, weights, tmp_path / "out", masks=masks) == 3
    assert "has no masks" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*"))


def test_matting_options_are_heeded(benchmark: Path, weights: Path, tmp_path: Path) -> None:
    assert predict(benchmark, weights, tmp_path, *QUICK) == 0
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


def test_subsets_are_walked_and_hidden_files_are_not(
    benchmark: Path, weights: Path, tmp_path: Path
) -> None:
    first, second, _ = sorted((benchmark / "images").iterdir())
    for subset, image in (("comp", first), ("natural", second)):
        (tmp_path / "images" / subset).mkdir(parents=True)
        shutil.copy(image, tmp_path / "images" / subset)
        (tmp_path / "images" / subset / f"._{image.name}").write_bytes(b"a Mac's notes")
        masks = tmp_path / "alphas" / subset / image.stem
        shutil.copytree(benchmark / "alphas" / image.stem, masks)
        (masks / "._00.png").write_bytes(b"a Mac's notes")
    assert predict(tmp_path, weights, tmp_path / "pred", *QUICK) == 0
    made = {path.relative_to(tmp_path / "pred") for path in (tmp_path / "pred").rglob("*.png")}
    masks = (tmp_path / "alphas").rglob("[!.]*.png")
    assert made == {path.relative_to(tmp_path / "alphas") for path in masks}


def test_what_was_predicted_may_be_the_masks(
    benchmark: Path, weights: Path, tmp_path: Path
) -> None:
    nobody = sorted((benchmark / "images").iterdir())[0].stem
    shutil.copytree(benchmark / "alphas", tmp_path / "masks")
    for path in (tmp_path / "masks" / nobody).iterdir():
        path.unlink()
    once, again = tmp_path / "once", tmp_path / "again"
    assert predict(benchmark, weights, once, *QUICK, masks=tmp_path / "masks") == 0
    assert not list((once / nobody).iterdir())
    assert predict(benchmark, weights, again, *QUICK, masks=once) == 0
    names = [sorted(path.relative_to(root) for path in root.rglob("*")) for root in (once, again)]
    assert names[0] == names[1]


def test_masks_of_any_kind_give_the_same_alphas(
    benchmark: Path, weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    image = sorted((benchmark / "images").iterdir())[0]
    shutil.copy(image, tmp_path / "images")
    truth = cv2.imread(str(benchmark / "alphas" / image.stem / "00.png"), cv2.IMREAD_GRAYSCALE)
    white = np.where(truth > 127, np.uint8(255), np.uint8(0))
    full = np.full_like(white, 255)
    kinds = {
        "white": white,
        "ones": white // 255,
        "label": white // 255 * np.uint16(7),
        "deep": white * np.uint16(257),
        "alpha": np.dstack([full, full, full, white]),
    }
    for kind, mask in kinds.items():
        folder = tmp_path / "masks" / kind / image.stem
        folder.mkdir(parents=True)
        assert cv2.imwrite(str(folder / "00.png"), mask)
        masks, out = tmp_path / "masks" / kind, tmp_path / "pred" / kind
        assert predict(tmp_path, weights, out, *QUICK, masks=masks) == 0
    made = {kind: (tmp_path / "pred" / kind / image.stem / "00.png").read_bytes() for kind in kinds}
    assert len(set(made.values())) == 1
