"""A trained detector's file takes the embedded detector's place wherever one is asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from instmatt_video.checksums import digest
from instmatt_video.cli import main
from instmatt_video.manifest import Manifest, load_manifest
from instmatt_video.models.checkpoint import save_matting_weights
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.person_detector import PersonDetector
from instmatt_video.training.detector.weights import save_detector
from instmatt_video.weights.loading import resolve_weights
from tests.made_run import alphas
from tests.tiny_network import TINY

QUICK = ("--no-solved-edges", "--no-second-look", "--matte-size", "64", "--device", "cpu")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures of one woman."""
    picture = np.asarray(pytest.importorskip("skimage.data").astronaut())[:307, :, ::-1]
    folder = tmp_path_factory.mktemp("clips") / "woman"
    folder.mkdir()
    for index in range(4):
        moved = np.roll(picture, 2 * index, axis=1)
        small = cv2.resize(moved, (256, 154), interpolation=cv2.INTER_AREA)
        assert cv2.imwrite(str(folder / f"{index:02d}.png"), small)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return weights like the embedded ones in a file of one's own."""
    return Path(shutil.copy(resolve_weights("compact"), tmp_path / "own.safetensors"))


def run(clip: Path, out: Path, detector: str | Path, *more: str) -> int:
    options = ("--format", "matte-ffv1", "--no-preview", "--quiet", *QUICK)
    return main([str(clip), "--out-dir", str(out), "--detector", str(detector), *options, *more])


def weights_of(manifest: Manifest) -> dict[str, str | None]:
    return {record.name: record.sha256 for record in manifest.weights}


@pytest.mark.parametrize("way", [(), ("--online",)], ids=["stored", "online"])
def test_the_same_weights_give_the_same_streams(
    clip: Path, own: Path, tmp_path: Path, way: tuple[str, ...]
) -> None:
    for detector, out in (("compact", "embedded"), (own, "own")):
        assert run(clip, tmp_path / out, detector, *way) == 0
    folders = [tmp_path / out / clip.name for out in ("embedded", "own")]
    embedded, trained = (load_manifest(folder) for folder in folders)
    assert [t.file for t in embedded.tracks] == [t.file for t in trained.tracks]
    assert len(trained.tracks) == 1
    found = [alphas(folder / str(trained.tracks[0].file)) for folder in folders]
    assert np.array_equal(*found) and found[0].max() > 0.9
    assert trained.detector_reason == f"The detector of {own} was asked for."
    assert trained.settings["detection"]["detector"] == str(own)
    others = {name: sha for name, sha in weights_of(embedded).items() if name != "compact"}
    assert weights_of(trained) == {str(own): digest(own), **others}


def test_resume_refuses_another_detector_of_the_same_name(
    clip: Path, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(clip, out, own) == 0
    assert run(clip, out, own, "--resume") == 0
    torch.manual_seed(0)
    save_detector(PersonDetector(), own)
    before = (out / clip.name / "manifest.json").read_bytes()
    capsys.readouterr()
    assert run(clip, out, own, "--resume") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"was made with another set of weights ({own})" in line
    assert (out / clip.name / "manifest.json").read_bytes() == before


def test_pictures_are_predicted_with_it(clip: Path, own: Path, tmp_path: Path) -> None:
    for detector, out in (("compact", "embedded"), (str(own), "own")):
        words = ["predict-images", str(clip), "--out", str(tmp_path / out), "--quiet", *QUICK]
        assert main([*words, "--detector", detector]) == 0
    found = [sorted((tmp_path / out).glob("*/*.png")) for out in ("embedded", "own")]
    assert found[0] and [p.read_bytes() for p in found[0]] == [p.read_bytes() for p in found[1]]


@pytest.mark.parametrize(
    ("kind", "command", "reason"),
    [
        ("missing", "job", "is neither a file nor one of"),
        ("damaged", "job", "cannot be read as weights"),
        ("matting", "job", "holds no person detector of this program"),
        ("matting", "onnx", "holds no person detector of this program"),
        ("missing", "predict-images", "is neither a file nor one of"),
        ("matting", "live", "holds no person detector of this program"),
    ],
)
def test_a_file_that_is_no_detector_is_named_and_nothing_is_left(
    kind: str,
    command: str,
    reason: str,
    clip: Path,
    own: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if kind == "missing":
        own.unlink()
    elif kind == "damaged":
        own.write_bytes(own.read_bytes()[:1000])
    else:
        save_matting_weights(InstanceMattingNetwork(TINY), own)
    out = tmp_path / "out"
    words = {
        "job": [str(clip), "--out-dir", str(out)],
        "onnx": [str(clip), "--out-dir", str(out), "--runtime", "onnx"],
        "predict-images": ["predict-images", str(clip), "--out", str(out)],
        "live": ["live", "--source", str(clip), "--record", str(out)],
    }[command]
    if command == "onnx":
        pytest.importorskip("onnxruntime")
    assert main([*words, "--detector", str(own), "--device", "cpu", "--quiet"]) == 6
    (line,) = capsys.readouterr().err.splitlines()
    assert str(own) in line and reason in line
    assert not out.exists()
