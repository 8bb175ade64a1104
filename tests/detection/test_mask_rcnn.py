from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights

from instmatt_video.checksums import digest
from instmatt_video.cli import main
from instmatt_video.detection import mask_rcnn
from instmatt_video.detection.detector import DetectorChoice, create_detector
from instmatt_video.detection.mask_rcnn import MaskRcnnDetector
from instmatt_video.errors import OptionError, WeightsError
from instmatt_video.weights.cache import OFFLINE_VARIABLE, weights_path
from instmatt_video.weights.registry import ENTRIES
from tests.synthetic_clip import write_clip


class Transform(nn.Module):
    """Stands for torchvision's: the network sees the pictures at half their size."""

    def forward(self, images):
        self.seen = images
        sizes = [(image.shape[1] // 2, image.shape[2] // 2) for image in images]
        return SimpleNamespace(tensors=torch.stack(images)[..., ::2, ::2], image_sizes=sizes), None


class RoiHeads(nn.Module):
    def forward(self, features, proposals, sizes):
        result = {
            "boxes": torch.tensor([[1.0, 2, 3, 4], [0, 0, 4, 4], [2, 2, 5, 8], [0, 0, 1, 1]]),
            "labels": torch.tensor([1, 17, 1, 1]),
            "scores": torch.tensor([0.4, 0.99, 0.9, 0.05]),
            "masks": torch.arange(4.0)[:, None, None, None].expand(4, 1, 28, 28) / 4,
        }
        return [result for _ in sizes], {}


class Backbone(nn.Module):
    def forward(self, tensors):
        return {"0": tensors}


class Rpn(nn.Module):
    def forward(self, batch, features):
        return None, {}


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.transform, self.backbone = Transform(), Backbone()
        self.rpn, self.roi_heads = Rpn(), RoiHeads()


def test_people_in_the_pictures_own_pixels_best_first():
    image = np.zeros((20, 16, 3), np.uint8)
    found = MaskRcnnDetector(build_network=Network).detect([image, image])
    assert len(found) == 2
    # The dog (label 17) and the person below 0.1 are left out; boxes double with the picture.
    np.testing.assert_allclose(found[0].boxes, [[4, 4, 10, 16], [2, 4, 6, 8]])
    np.testing.assert_allclose(found[0].scores, [0.9, 0.4])
    np.testing.assert_allclose(found[0].masks[:, 0, 0], [0.5, 0.0])
    assert found[0].masks.shape == (2, 28, 28)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_white_is_one_at_every_depth(dtype, white):
    detector = MaskRcnnDetector(build_network=Network)
    detector.detect([np.full((4, 4, 3), white, dtype)])
    assert float(detector._network.transform.seen[0].min()) == 1.0


def test_no_images():
    assert MaskRcnnDetector(build_network=Network).detect([]) == []


@pytest.fixture
def cached(monkeypatch, tmp_path):
    """Where the weights lie, of a network with two numbers; pinned as the real ones are."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(mask_rcnn, "maskrcnn_resnet50_fpn_v2", lambda **_: nn.Linear(1, 1))
    entry = ENTRIES["maskrcnn"]
    path = weights_path(entry)
    path.parent.mkdir(parents=True)
    torch.save({"weight": torch.tensor([[2.0]]), "bias": torch.tensor([3.0])}, path)
    monkeypatch.setitem(ENTRIES, "maskrcnn", replace(entry, sha256=digest(path)[:8]))
    return path


class TestWeights:
    def test_are_those_of_torchvision(self):
        assert ENTRIES["maskrcnn"].url == MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1.url

    def test_that_are_cached_are_loaded(self, cached):
        network = MaskRcnnDetector(is_offline=True)._network
        assert (network.weight.item(), network.bias.item()) == (2, 3)

    def test_that_are_damaged_are_refused(self, cached):
        cached.write_bytes(cached.read_bytes() + b"!")
        with pytest.raises(WeightsError, match=r"73cbd019\.pth has the SHA-256 .* delete it"):
            MaskRcnnDetector()

    @pytest.mark.parametrize("by_option", [True, False], ids=["option", "environment"])
    def test_that_are_missing_are_not_fetched_offline(
        self, by_option, cached, tmp_path, monkeypatch, capsys
    ):
        cached.unlink()
        words = [str(write_clip(tmp_path / "walk.mp4", 2)), "--out-dir", str(tmp_path / "out")]
        words += ["--detector", "maskrcnn", "--json"]
        if by_option:
            words.append("--offline")
        else:
            monkeypatch.setenv(OFFLINE_VARIABLE, "1")
        assert main(words) == 6
        spoken = capsys.readouterr()
        assert spoken.out == ""
        assert "'maskrcnn' are missing and this run is offline" in spoken.err
        assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_torchvisions_own_network_with_random_weights():
    def build():
        torch.manual_seed(0)
        return mask_rcnn.maskrcnn_resnet50_fpn_v2(
            weights=None, weights_backbone=None, min_size=64, max_size=96
        )

    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    found = MaskRcnnDetector(build_network=build).detect([image])[0]
    assert found.masks.shape == (len(found), 28, 28)
    assert (np.diff(found.scores) <= 0).all()


def choose(name):
    """Return a stand-in that gives the name of a detector in its place, and the reason."""

    def choice(*words, **_):
        return DetectorChoice(name, next(word for word in words if " " in str(word)))

    return choice


class TestCreateDetector:
    @pytest.mark.parametrize("name", ["yolo", "lite", "weights.pth"])
    def test_unknown_name(self, name):
        with pytest.raises(OptionError, match=f"'{name}' is unknown: use auto, compact"):
            create_detector(name)

    def test_auto_on_a_cpu_is_compact_and_says_why(self, monkeypatch):
        monkeypatch.setattr("instmatt_video.detection.detector._compact", choose("compact"))
        choice = create_detector("auto", "cpu")
        assert choice.detector == "compact"
        assert "needs a GPU" in choice.reason

    def test_auto_on_a_gpu_fetches_nothing_and_says_how(self, cached, monkeypatch):
        def fetch(*_):
            raise AssertionError("something is fetched")

        cached.unlink()
        monkeypatch.setattr("instmatt_video.weights.cache.pooch.HTTPDownloader", fetch)
        monkeypatch.setattr("instmatt_video.detection.detector._compact", choose("compact"))
        choice = create_detector("auto", "cuda")
        assert choice.detector == "compact"
        assert "not here (`instmatt-video weights fetch maskrcnn` brings them)" in choice.reason

    def test_auto_on_a_gpu_with_damaged_weights_is_compact_and_says_why(self, cached, monkeypatch):
        cached.write_bytes(cached.read_bytes() + b"!")
        monkeypatch.setattr("instmatt_video.detection.detector._compact", choose("compact"))
        choice = create_detector("auto", "cuda")
        assert choice.detector == "compact"
        assert f"{cached} has the SHA-256" in choice.reason and "delete it" in choice.reason

    def test_auto_on_a_gpu_with_weights_is_mask_rcnn(self, cached, monkeypatch):
        monkeypatch.setattr("instmatt_video.detection.detector._mask_rcnn", choose("maskrcnn"))
        assert create_detector("auto", "cuda").detector == "maskrcnn"
