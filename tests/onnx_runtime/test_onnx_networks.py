"""What onnxruntime computes is what torch computes, and who may ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from instmatt_video import extras, matte_video
from instmatt_video.cli import main
from instmatt_video.config import MatteConfig, MattingConfig, OutputConfig, RunConfig
from instmatt_video.detection.compact import CompactDetector
from instmatt_video.detection.letterbox import letterbox
from instmatt_video.device import check_runtime
from instmatt_video.errors import OptionError
from instmatt_video.manifest import load_manifest
from instmatt_video.matting.matter import Matter
from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.matting_network import MattingNetwork, TrunkFeatures
from instmatt_video.models.person_crops import CROP_SIZE, MUTUAL_CROP_SIZE, PersonLooks
from instmatt_video.models.person_detector import PersonDetector, load_person_detector
from instmatt_video.onnx_runtime import networks
from instmatt_video.onnx_runtime.graph_cache import load_graph
from instmatt_video.onnx_runtime.networks import OnnxGraph, OnnxPersonNetworks, OnnxTrunk
from instmatt_video.weights.loading import load_matting_network, resolve_weights
from tests.onnx_runtime.quick_export import QuickExport
from tests.synthetic_clip import SIZE, BoxMatter, ColorDetector, write_clip

FRAMES = 8


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a cache folder of the module's own, into which graphs are exported quickly."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSTMATT_VIDEO_HOME", str(folder))
        patch.setattr(networks, "load_graph", partial(load_graph, export=QuickExport()))
        yield folder


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    """Return a woman before a shuttle, `(192, 320, 3)` RGB."""
    data = pytest.importorskip("skimage.data")
    picture = np.asarray(data.astronaut())[:307]
    return np.asarray(cv2.resize(picture, (320, 192), interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="module")
def detector() -> PersonDetector:
    return load_person_detector(resolve_weights("compact"))


@pytest.fixture(scope="module")
def lite() -> InstanceMattingNetwork:
    return load_matting_network("lite")


def as_batch(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture)[None].permute(0, 3, 1, 2)


def assert_same_looks(found: PersonLooks, expected: PersonLooks) -> None:
    for mine, true in (
        (found.masks(), expected.masks()),
        (found.box_deltas, expected.box_deltas),
        (found.qualities(), expected.qualities()),
    ):
        torch.testing.assert_close(mine, true, atol=1e-4, rtol=0)


class TestWhatIsComputed:
    @torch.inference_mode()
    def test_both_looks(self, home: Path, detector: PersonDetector, photograph: np.ndarray) -> None:
        onnx = OnnxPersonNetworks(detector)
        image = as_batch(letterbox(photograph, 416).canvas)
        for images in (image, image.repeat(2, 1, 1, 1), image[..., :224]):
            expected, found = detector.proposals(images), onnx.proposals(images)
            pictures = torch.arange(len(images)).repeat_interleave(2)
            cells = torch.tensor([5, expected.logits.shape[1] - 1]).repeat(len(images))
            boxes = expected.boxes()[pictures, cells]
            torch.testing.assert_close(found.boxes_of(pictures, cells), boxes, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(found.scores(), expected.scores(), atol=1e-4, rtol=0)
        height, width = CROP_SIZE
        crops = torch.cat([as_batch(cv2.resize(photograph, (width, height)))] * 3)
        crops[1] = crops[1].flip(-1)
        for some in (crops, crops[1:2]):
            assert_same_looks(onnx.crops(some), detector.crops(some))
        assert (onnx.mutual is None) == (detector.mutual is None)

    @torch.inference_mode()
    def test_the_look_among_neighbours(self, home: Path) -> None:
        torch.manual_seed(0)
        detector = PersonDetector().eval()
        mutual = OnnxPersonNetworks(detector).mutual
        assert mutual is not None and detector.mutual is not None
        for count in (1, 2):
            size = MUTUAL_CROP_SIZE
            crops, guidance = torch.rand(count, 3, *size), torch.rand(count, 2, *size)
            assert_same_looks(mutual(255 * crops, guidance), detector.mutual(255 * crops, guidance))

    def test_people(self, home: Path, detector: PersonDetector, photograph: np.ndarray) -> None:
        nobody = np.full_like(photograph, 127)
        large = np.tile(photograph, (2, 3, 1))  # looked at more finely, too
        pictures = [photograph, nobody, photograph[:, ::-1].copy(), large]
        expected = CompactDetector(network=detector).detect(pictures)
        found = CompactDetector(network=OnnxPersonNetworks(detector)).detect(pictures)
        assert len(expected[0]) and [len(one) for one in found] == [len(one) for one in expected]
        for mine, true in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine.boxes, true.boxes, atol=1e-3)
            np.testing.assert_allclose(mine.scores, true.scores, atol=1e-4)
            np.testing.assert_allclose(mine.masks, true.masks, atol=1e-3)

    @torch.inference_mode()
    def test_the_trunk(
        self, home: Path, lite: InstanceMattingNetwork, photograph: np.ndarray
    ) -> None:
        run_trunk = OnnxTrunk(lite)
        image = as_batch(photograph).float() / 255
        guidance = torch.zeros_like(image)
        guidance[:, 0, 40:, 80:200] = guidance[:, 2, :, 240:] = 1
        picture = torch.cat((image, guidance), 1)
        for pictures in (picture, picture[..., :160].repeat(2, 1, 1, 1)):
            found, expected = run_trunk(pictures), lite.branch.run_trunk(pictures)
            for name, mine, true in zip(TrunkFeatures._fields, found, expected, strict=True):
                scale = float(true.abs().max().clamp(min=1))
                assert float((mine - true).abs().max()) < 1e-4 * scale, name
        alphas = [
            lite.predict_coarse(image, guidance, trunk).tri_mattes for trunk in (run_trunk, None)
        ]
        torch.testing.assert_close(*alphas, atol=1e-4, rtol=0)

    def test_threads_may_share_a_graph(self, home: Path, detector: PersonDetector) -> None:
        graph = OnnxPersonNetworks(detector).crops
        torch.manual_seed(0)
        batches = [torch.rand(count, 3, *CROP_SIZE) * 255 for count in (1, 2, 1, 3)]
        alone = [graph(batch).masks() for batch in batches]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda batch: graph(batch).masks(), batches))
        for one, other in zip(alone, together, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


class TestWhoMayAsk:
    def test_not_a_gpu(self) -> None:
        for name in ("cuda", "mps"):
            with pytest.raises(OptionError, match=f"would use {name}: add --device cpu"):
                check_runtime("onnx", torch.device(name))
            check_runtime("torch", torch.device(name))

    def test_a_missing_extra_is_one_line(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(extras, "find_spec", lambda name: None)
        clip = write_clip(tmp_path / "walk.mp4", 2)
        words = [str(clip), "--out-dir", str(tmp_path / "out"), "--quiet", "--device", "cpu"]
        assert main([*words, "--runtime", "onnx"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith('onnx, onnxruntime, onnxscript: pip install "instmatt-video[onnx]"')
        assert not (tmp_path / "out").exists()

    def test_no_other_name(self) -> None:
        with pytest.raises(ValueError, match="runtime must be one of torch, onnx, not 'tpu'"):
            MattingConfig(runtime="tpu")

    def test_in_half_precision_the_trunk_stays_in_torch(
        self, home: Path, lite: InstanceMattingNetwork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[Any] = []
        monkeypatch.setattr(networks, "OnnxTrunk", lambda network: made.append(network) or None)
        config = MattingConfig(device="cpu", runtime="onnx", precision="bf16")
        Matter.from_config(config, lite)
        assert made == []
        Matter.from_config(replace(config, precision="fp32"), lite)
        Matter.from_config(replace(config, precision="fp32", runtime="torch"), lite)
        assert made == [lite]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by a number with every graph that onnxruntime runs."""
    made: list[int] = []
    run = OnnxGraph.__call__

    def counted(graph: OnnxGraph, *inputs: torch.Tensor) -> list[torch.Tensor]:
        made.append(len(inputs[0]))
        return run(graph, *inputs)

    monkeypatch.setattr(OnnxGraph, "__call__", counted)
    return made


def test_the_same_people_end_to_end(
    home: Path,
    lite: InstanceMattingNetwork,
    photograph: np.ndarray,
    tmp_path: Path,
    calls: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    OnnxTrunk(lite)  # exported by now: that runs the trunk, too
    trunks: list[int] = []
    run_trunk = MattingNetwork.run_trunk

    def counted(network: MattingNetwork, picture: torch.Tensor) -> TrunkFeatures:
        trunks.append(len(picture))
        return run_trunk(network, picture)

    monkeypatch.setattr(MattingNetwork, "run_trunk", counted)
    small = cv2.resize(photograph, SIZE, interpolation=cv2.INTER_AREA)
    clip = write_clip(tmp_path / "walk.mp4", FRAMES, picture=lambda index: np.roll(small, index, 1))
    words = [str(clip), "--device", "cpu", "--precision", "fp32", "--detector", "compact"]
    words += ["--format", "matte-ffv1", "--matte-size", "96", "--no-solved-edges", "--quiet"]
    words += ["--no-preview", "--no-report", "--clean"]
    folders = {name: tmp_path / name / "walk" for name in ("torch", "onnx")}
    for name, folder in folders.items():
        assert main([*words, "--out-dir", str(folder.parent), "--runtime", name]) == 0
        if name == "torch":
            assert calls == []
            num_trunks = len(trunks)
    # Three looks of the detector a frame, and as many of the trunk as torch takes: two, and two
    # more where a piece that comes in at the other edge is taken for somebody.
    assert num_trunks >= 2 * FRAMES and len(trunks) == num_trunks
    assert len(calls) == 3 * FRAMES + num_trunks
    expected, found = (load_manifest(folder) for folder in folders.values())
    assert found.settings["matting"]["runtime"] == "onnx"
    assert found.weights == expected.weights
    spans = [(track.id, track.first_frame, track.last_frame) for track in expected.tracks]
    assert spans == [(1, 1, FRAMES)]
    assert [(t.id, t.first_frame, t.last_frame) for t in found.tracks] == spans
    streams = (
        read_alpha(folders["torch"] / expected.tracks[0].file),
        read_alpha(folders["onnx"] / found.tracks[0].file),
    )
    for true, mine in zip(*streams, strict=True):
        assert true.max() > 0.9
        assert np.abs(mine.astype(np.float32) - true).max() < 0.01


def test_the_people_of_pictures(
    home: Path, photograph: np.ndarray, tmp_path: Path, calls: list[int]
) -> None:
    (tmp_path / "in").mkdir()
    assert cv2.imwrite(str(tmp_path / "in" / "a.png"), photograph[..., ::-1])
    words = ["predict-images", str(tmp_path / "in"), "--device", "cpu", "--precision", "fp32"]
    words += ["--detector", "compact", "--matte-size", "96", "--no-solved-edges", "--quiet"]
    for name in ("torch", "onnx"):
        assert main([*words, "--out", str(tmp_path / name), "--runtime", name]) == 0
        assert len(calls) == (0 if name == "torch" else 5)
    expected, found = (
        cv2.imread(str(tmp_path / name / "a" / "00.png"), cv2.IMREAD_GRAYSCALE).astype(int)
        for name in ("torch", "onnx")
    )
    assert expected.max() == 255
    assert np.abs(found - expected).max() <= 2


def test_a_run_is_not_resumed_by_another_runtime(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    clip = write_clip(tmp_path / "walk.mp4", 4)
    config = MatteConfig(
        matting=MattingConfig(device="cpu"),
        output=OutputConfig(format="matte-ffv1", has_preview=False, has_report=False),
    )
    own = {"detector": ColorDetector(), "matter": BoxMatter()}
    matte_video(clip, tmp_path / "out", config, **own)
    again = replace(config, run=RunConfig(is_resumed=True))
    other = replace(again, matting=replace(config.matting, runtime="onnx"))
    with pytest.raises(OptionError, match=r"another setting of matting \(runtime\)"):
        matte_video(clip, tmp_path / "out", other, **own)
    matte_video(clip, tmp_path / "out", again, **own)
