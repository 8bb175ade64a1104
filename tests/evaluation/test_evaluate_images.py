"""IMQ from folders: layouts, depths, errors that name the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.errors import EvaluationError, MatteReadError
from instmatt_video.eval.alpha import Protocol
from instmatt_video.evaluation.images import evaluate_images
from tests.evaluation.made_benchmarks import disc, write_images, write_matte

Images = dict[str, list[np.ndarray]]


@pytest.fixture
def folders(tmp_path: Path, images: Images) -> tuple[Path, Path]:
    return write_images(tmp_path / "pred", images), write_images(tmp_path / "gt", images)


def test_identity_is_one(folders: tuple[Path, Path]) -> None:
    evaluation = evaluate_images(*folders, jobs=1)
    assert evaluation.total.imq.mad == evaluation.total.rq == 1
    assert evaluation.total.tp == 6
    assert [image.case.name for image in evaluation.images] == ["room", "stage", "street"]
    assert evaluation.subsets == {}


def test_processes_give_the_same_numbers(folders: tuple[Path, Path]) -> None:
    seen: list[tuple[int, int]] = []
    several = evaluate_images(*folders, jobs=2, progress=lambda *counts: seen.append(counts))
    assert several == evaluate_images(*folders, jobs=1)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_sixteen_bits_and_alpha_channels_are_the_same_mattes(
    tmp_path: Path, folders: tuple[Path, Path], images: Images
) -> None:
    for name, alphas in images.items():
        for k, alpha in enumerate(alphas):
            write_matte(tmp_path / "deep" / name / f"{k:02d}.png", alpha.astype(np.uint16) * 257)
            rgba = np.dstack([np.full((*alpha.shape, 3), 90, np.uint8), alpha])
            write_matte(tmp_path / "rgba" / name / f"{k:02d}.png", rgba)
            write_matte(tmp_path / "grey" / name / f"{k:02d}.png", np.dstack([alpha] * 3))
    for kind in ("deep", "rgba", "grey"):
        assert evaluate_images(tmp_path / kind, folders[1], jobs=1).total.imq.mad == 1


def test_subsets_are_scored_apart(tmp_path: Path, images: Images) -> None:
    truth = {f"natural/{k}": v for k, v in images.items()} | {"comp/a": images["room"]}
    targets = write_images(tmp_path / "gt", truth)
    predictions = write_images(tmp_path / "pred", truth | {"comp/a": []})
    evaluation = evaluate_images(predictions, targets, jobs=1)
    assert evaluation.subsets["natural"].imq.mse == 1
    assert evaluation.subsets["comp"].rq == 0
    assert evaluation.total.fn == 1


def test_single_mattes_of_one_person(tmp_path: Path, images: Images) -> None:
    for name, alphas in images.items():
        write_matte(tmp_path / "gt" / f"{name}.png", alphas[0])
        write_matte(tmp_path / "flat" / f"{name}.png", alphas[0])
        write_matte(tmp_path / "folders" / name / "00.png", alphas[0])
    for kind in ("flat", "folders"):
        assert evaluate_images(tmp_path / kind, tmp_path / "gt", jobs=1).total.tp == 3


def test_predictions_of_images_that_the_truth_lacks_are_told_of(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    evaluate_images(*folders, jobs=1)
    assert not caplog.messages
    for name in ("street", "room"):
        shutil.rmtree(folders[1] / name)
    (folders[0] / "a").mkdir()  # of nobody: nothing is lost with it
    assert evaluate_images(*folders, jobs=1).total.fp == 0
    (told,) = caplog.messages
    assert "2 predicted images, room first, are not in " in told


def test_a_missing_folder_is_missed_or_left_out(folders: tuple[Path, Path]) -> None:
    shutil.rmtree(folders[0] / "stage")
    strict = evaluate_images(*folders, jobs=1).total
    official = evaluate_images(*folders, "official", jobs=1).total
    assert (strict.tp, strict.fn) == (3, 3)
    assert (official.tp, official.fn) == (3, 0)


@pytest.mark.parametrize("protocol", ["strict", "official"])
def test_people_invented_in_an_image_of_nobody_are_wrong(
    folders: tuple[Path, Path], images: Images, protocol: Protocol
) -> None:
    write_images(folders[1], {"beach": [], "sky": []})
    write_images(folders[0], {"beach": images["street"], "sky": []})
    total = evaluate_images(*folders, protocol, jobs=1).total
    assert (total.tp, total.fp, total.fn) == (6, 2, 0)
    assert total.rq == pytest.approx(6 / 7)


def test_subsets_may_have_images_of_nobody(tmp_path: Path, images: Images) -> None:
    targets = write_images(tmp_path / "gt", {"comp/a": images["room"], "comp/b": []})
    predictions = write_images(tmp_path / "pred", {"comp/a": [], "comp/b": images["room"]})
    subset = evaluate_images(predictions, targets, jobs=1).subsets["comp"]
    assert (subset.tp, subset.fp, subset.fn) == (0, 1, 1)


def test_single_mattes_may_be_of_any_kind_on_either_side(tmp_path: Path, images: Images) -> None:
    for side, suffixes in (("gt", (".png", ".TIF", ".bmp")), ("pred", (".tiff", ".PNG", ".png"))):
        for (name, alphas), suffix in zip(images.items(), suffixes, strict=True):
            write_matte(tmp_path / side / f"{name}{suffix}", alphas[0])
    total = evaluate_images(tmp_path / "pred", tmp_path / "gt", jobs=1).total
    assert (total.tp, total.fp, total.fn) == (3, 0, 0)


@pytest.mark.parametrize("side", ["pred", "gt"])
@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("overview.png", r"holds both folders of mattes and overview\.png"),
        ("room/inner/00.png", r"room holds both folders of mattes and 00\.png"),
        ("room/00.tif", r"room/00\.tif and 00\.png share one name"),
        ("room/01.jpg", r"room/01\.jpg cannot be taken for a matte"),
        ("lost.jpg", r"lost\.jpg cannot be taken for a matte"),
    ],
)
def test_no_file_is_passed_over(
    folders: tuple[Path, Path], tmp_path: Path, side: str, name: str, complaint: str
) -> None:
    write_matte(tmp_path / side / name, disc(20, 18))
    with pytest.raises(MatteReadError, match=complaint):
        evaluate_images(*folders, jobs=1)


def test_photographs_may_lie_beside_mattes(folders: tuple[Path, Path]) -> None:
    write_matte(folders[1] / "room.jpg", disc(20, 18))
    assert evaluate_images(*folders, jobs=1).total.tp == 6


def test_names_the_file_of_another_size(folders: tuple[Path, Path]) -> None:
    write_matte(folders[0] / "room" / "00.png", np.zeros((30, 64), np.uint8))
    with pytest.raises(MatteReadError, match=r"room/00\.png is 64x30, the others 64x36"):
        evaluate_images(*folders, jobs=1)
    with pytest.raises(MatteReadError, match=r"room/00\.png"):
        evaluate_images(*folders, jobs=2)


def test_names_the_broken_file(folders: tuple[Path, Path]) -> None:
    (folders[1] / "room" / "00.png").write_bytes(b"no picture")
    with pytest.raises(MatteReadError, match=r"gt/room/00\.png.*cannot be decoded"):
        evaluate_images(*folders, jobs=1)


def test_folders_that_cannot_be_meant(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    with pytest.raises(MatteReadError, match="nowhere: no such folder"):
        evaluate_images(tmp_path / "nowhere", folders[1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="no prediction of any image"):
        evaluate_images(tmp_path / "empty", folders[1])
    with pytest.raises(EvaluationError, match="empty: no mattes"):
        evaluate_images(folders[0], tmp_path / "empty")
