"""A network that looks twice: its first answers, to the mirrored picture, guide its second look."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from instmatt_video.models.checkpoint import FORMAT, load_matting_weights, save_matting_weights
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.tri_mask import build_tri_masks
from tests.tiny_network import TINY


@pytest.fixture(scope="module")
def once() -> InstanceMattingNetwork:
    torch.manual_seed(5)
    return InstanceMattingNetwork(TINY).eval()


@pytest.fixture(scope="module")
def twice(once: InstanceMattingNetwork) -> InstanceMattingNetwork:
    network = InstanceMattingNetwork(replace(TINY, has_second_look=True)).eval()
    network.load_state_dict(once.state_dict())
    return network


@pytest.fixture(scope="module")
def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(6)
    guidance = torch.zeros(2, 3, 64, 96)
    guidance[0, 0, :, :30] = guidance[1, 1, :, :30] = 1
    guidance[0, 1, 20:, 40:70] = guidance[1, 0, 20:, 40:70] = 1
    guidance[:, 2] = 1 - guidance[:, :2].sum(1)
    return torch.randn(1, 3, 64, 96).expand(2, -1, -1, -1), guidance


@torch.no_grad()
def test_the_second_look_hears_what_the_first_said_of_everybody(
    once: InstanceMattingNetwork, twice: InstanceMattingNetwork, inputs: tuple[Tensor, Tensor]
) -> None:
    """The first look is at the mirrored picture."""
    image, masks = inputs
    groups = torch.zeros(2, dtype=torch.long)
    first, _, _ = once.branch.predict(image.flip(3), masks.flip(3))
    together = build_tri_masks(first.flip(3)[:, 0])
    found = twice.predict(image, masks, groups)
    torch.testing.assert_close(found, once.predict(image, together, groups), atol=1e-5, rtol=0)
    assert not torch.allclose(found, once.predict(image, masks, groups))


@torch.no_grad()
def test_pictures_are_looked_at_apart(
    twice: InstanceMattingNetwork, inputs: tuple[Tensor, Tensor]
) -> None:
    image, masks = (torch.cat([part, part.flip(2)]) for part in inputs)
    whole = twice.look_first(image, masks, torch.tensor([0, 0, 1, 1]))
    for picture in (slice(0, 2), slice(2, 4)):
        alone = twice.look_first(image[picture], masks[picture], torch.zeros(2))
        torch.testing.assert_close(whole[picture], alone, atol=1e-6, rtol=0)


@torch.no_grad()
def test_dense_and_sparse_prediction_look_alike(
    twice: InstanceMattingNetwork, inputs: tuple[Tensor, Tensor]
) -> None:
    image, masks = inputs
    dense, region, _ = twice.branch.predict(image, masks)
    coarse = twice.predict_coarse(image, twice.branch.look_first(image, masks))
    sparse, _ = twice.branch.predict_fine(coarse)
    assert torch.equal(region, coarse.region)
    torch.testing.assert_close(sparse, dense, atol=1e-5, rtol=0)


@torch.no_grad()
def test_as_many_channels_as_the_network_reads(inputs: tuple[Tensor, Tensor]) -> None:
    image, masks = inputs
    torch.manual_seed(7)
    network = InstanceMattingNetwork(replace(TINY, has_second_look=True), mask_channels=2).eval()
    assert network.branch.look_first(image, masks[:, :2]).shape == (2, 2, 64, 96)
    guidance = network.look_first(image, masks, torch.zeros(2))
    assert guidance.shape == (2, 3, 64, 96)
    assert network.predict_coarse(image, guidance).tri_mattes.shape == (2, 3, 64, 96)


def test_weights_say_how_often_they_look(
    once: InstanceMattingNetwork, twice: InstanceMattingNetwork, tmp_path: Path
) -> None:
    for network in (once, twice):
        save_matting_weights(network, tmp_path / "w.safetensors")
        assert load_matting_weights(tmp_path / "w.safetensors").config == network.config


def test_weights_from_before_there_was_a_second_look_look_once(
    once: InstanceMattingNetwork, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    save_matting_weights(once, path)
    config = asdict(TINY)
    del config["has_second_look"]
    metadata = {"format": FORMAT, "config": json.dumps(config), "mask_channels": "3"}
    save_file(load_file(path), path, metadata)
    assert not load_matting_weights(path).config.has_second_look
