"""Networks that are handed over in memory are those that a worker would read itself."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.config import DetectionConfig, MatteConfig, MattingConfig
from instmatt_video.detection.detections import Detections
from instmatt_video.errors import WeightsError
from instmatt_video.media.frame import ClipInfo
from instmatt_video.networks import load_networks, load_weights
from instmatt_video.weights.loading import resolve_weights
from tests.synthetic_clip import SIZE, boxes_at, picture

CONFIG = MatteConfig(
    detection=DetectionConfig(detector="compact"),
    matting=MattingConfig(device="cpu", precision="fp32", matte_size=64),
)
INFO = ClipInfo("walk", None, *SIZE, Fraction(25), Fraction(1, 25))


@pytest.mark.parametrize("detector", ["compact", "own.safetensors"])
def test_handed_over_and_pickled_they_compute_the_same(
    detector: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(resolve_weights("compact"), "own.safetensors")
    config = replace(CONFIG, detection=DetectionConfig(detector=detector))
    loaded = pickle.loads(pickle.dumps(load_weights(config)))
    read = load_networks(config, INFO)
    Path("own.safetensors").unlink()  # as on another machine
    handed = loaded(config, INFO)
    assert handed.weights == read.weights
    assert [record.name for record in read.weights] == [detector, "lite"]
    assert all(record.sha256 for record in read.weights)
    assert (handed.detector.name, handed.reason) == (read.detector.name, read.reason)
    found = [networks.detector.detect([picture(30)])[0] for networks in (handed, read)]
    assert np.array_equal(found[0].boxes, found[1].boxes)
    boxes = np.array(list(boxes_at(30).values()), np.float32)
    people = Detections(boxes, np.ones(2, np.float32), np.ones((2, 28, 28), np.float32))
    alphas = [networks.matter.matte(picture(30), people) for networks in (handed, read)]
    for one, other in zip(*alphas, strict=True):
        assert (one.left, one.top) == (other.left, other.top)
        assert np.array_equal(one.alpha, other.alpha)


def test_missing_weights_are_named() -> None:
    for config in (
        MatteConfig(matting=MattingConfig(model="nowhere.safetensors")),
        MatteConfig(detection=DetectionConfig(detector="nowhere.safetensors")),
    ):
        with pytest.raises(WeightsError, match=r"nowhere\.safetensors"):
            load_weights(config)
