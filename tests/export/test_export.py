"""Exported files give what torch gives, and a file that does not is not kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from instmatt_video import extras
from instmatt_video.errors import AlphaWriteError, OptionError, WeightsError
from instmatt_video.export import writing
from instmatt_video.export.networks import export_network
from instmatt_video.export.parts import Part, matting_parts, run_part
from instmatt_video.export.pictures import load_picture
from instmatt_video.export.writing import export_part
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from tests.tiny_network import TINY


class Doubled(nn.Module):
    """The least that can be exported."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * x, x.mean(dim=(1, 2, 3))


def small_part(cases: Sequence[tuple[Tensor, ...]]) -> Part:
    return Part("doubled", Doubled(), ("x",), ("twice", "mean"), True, lambda: cases)


def cases() -> list[tuple[Tensor, ...]]:
    torch.manual_seed(0)
    return [(torch.rand(2, 3, 64, 96),), (torch.rand(1, 3, 96, 64),)]


def tiny_branch() -> Part:
    torch.manual_seed(0)
    network = InstanceMattingNetwork(replace(TINY, saturation=0.02)).eval().requires_grad_(False)

    def inputs() -> list[tuple[Tensor, ...]]:
        torch.manual_seed(1)
        shapes = ((2, 3, 64, 96), (1, 3, 96, 64))
        return [(torch.rand(shape), torch.rand(shape).softmax(1)) for shape in shapes]

    return matting_parts(network, inputs)[0]


@pytest.mark.parametrize("name", ["", "people_0001.png", "people_####.png"])
def test_a_picture_to_check_on_is_asked_for_no_frame_rate(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    assert cv2.imwrite(str(tmp_path / "people_0001.png"), picture[..., ::-1])
    np.testing.assert_array_equal(load_picture(tmp_path / name), picture)
    assert caplog.messages == []


def test_the_branch_is_the_network_itself() -> None:
    """Exported in 0..1 RGB: the part's own centring must be the network's."""
    part = tiny_branch()
    image, tri_masks = part.check_inputs()[0]
    tri_mattes, region, _ = run_part(part, (image, tri_masks))
    branch = part.module.branch
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        expected, decided, _ = branch.predict((image - mean) / std, tri_masks)
    torch.testing.assert_close(tri_mattes, expected)
    assert torch.equal(region.bool(), decided)


def test_torchscript_of_the_branch_takes_any_size(tmp_path: Path) -> None:
    exported = export_part(tiny_branch(), tmp_path / "a.pt", "torchscript", {"preset": "tiny"})
    assert exported.difference < 1e-5
    extra = {"preset": ""}
    torch.jit.load(str(tmp_path / "a.pt"), _extra_files=extra)
    assert extra["preset"] in (b"tiny", "tiny")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_onnx_takes_any_batch_and_size(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    exported = export_part(small_part(cases()), tmp_path / "a.onnx", "onnx", {"preset": "tiny"})
    assert exported.difference < 1e-6
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"))
    assert session.get_modelmeta().custom_metadata_map["preset"] == "tiny"
    x = np.random.default_rng(0).random((5, 3, 96, 128), np.float32)
    twice, mean = session.run(["twice", "mean"], {"x": x})
    np.testing.assert_allclose(twice, 2 * x)
    np.testing.assert_allclose(mean, x.mean((1, 2, 3)), rtol=1e-5)


@pytest.mark.slow
def test_onnx_of_the_branch(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    assert export_part(tiny_branch(), tmp_path / "a.onnx", "onnx", {}).difference < 1e-4


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda x: [2 * x + 0.01, x.mean(dim=(1, 2, 3))], id="off by a hundredth"),
        pytest.param(lambda x: [x * float("nan"), x.mean(dim=(1, 2, 3))], id="no number"),
        pytest.param(lambda x: [2 * x[:1], x.mean(dim=(1, 2, 3))], id="another shape"),
    ],
)
def test_a_file_that_differs_is_not_kept(
    fault: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_read_script", lambda path: lambda inputs: fault(*inputs))  # type: ignore[operator]
    with pytest.raises(AlphaWriteError, match="differs from torch by"):
        export_part(small_part(cases()), tmp_path / "a.pt", "torchscript", {})
    assert not list(tmp_path.iterdir())


FULL = """
import resource, sys
from pathlib import Path
from instmatt_video.errors import AlphaWriteError
from instmatt_video.export.pictures import load_picture
from instmatt_video.export.writing import export_part
from tests.export.test_export import cases, small_part

part = small_part(cases())
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    export_part(part, Path(sys.argv[1]), sys.argv[2], {})
except AlphaWriteError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sets files no limit")
@pytest.mark.parametrize("format", writing.FORMATS)
def test_where_a_file_finds_no_room_it_is_one_line(tmp_path: Path, format: str) -> None:
    if format == "onnx":
        pytest.importorskip("onnxscript")
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "net"), format],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip().endswith("net cannot be written: File too large")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"torchscript is written to \.pt files"):
        list(export_network("matting", tmp_path / "a.onnx", "torchscript"))
    with pytest.raises(WeightsError, match="neither a file nor one of"):
        list(export_network("matting", tmp_path / "a.pt", "torchscript", "nobody"))


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r'pip install "instmatt-video\[onnx\]"'):
        list(export_network("detector", tmp_path / "a.onnx", "onnx"))


def test_detector_as_torchscript_with_what_it_was_made_from(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    found = list(export_network("detector", tmp_path / "d.pt", "torchscript"))
    names = [item.path.name for item in found]
    assert names == ["d.proposals.pt", "d.crops.pt", "d.mutual.pt"]
    assert max(item.difference for item in found) < 1e-4
    extra = {"weights_sha256": "", "network": ""}
    torch.jit.load(str(tmp_path / "d.crops.pt"), _extra_files=extra)
    folder = Path(writing.__file__).parents[1] / "weights"
    expected = json.loads((folder / "checksums.json").read_text())["person_detector.safetensors"]
    assert extra["weights_sha256"] in (expected["sha256"], expected["sha256"].encode())
