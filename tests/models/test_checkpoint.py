"""Weights files that do not fit their network: one line that tells what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from instmatt_video.models.checkpoint import (
    CheckpointError,
    load_matting_weights,
    save_matting_weights,
)
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from tests.tiny_network import TINY

BIAS = "refinement.head.bias"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({BIAS: None}, f"{BIAS} is missing"),
        ({BIAS: torch.zeros(4)}, rf"{BIAS} is \(4,\), not \(3,\)"),
        ({"extra.weight": torch.zeros(4)}, "extra.weight is not of this network"),
    ],
    ids=["missing", "of another shape", "one too many"],
)
def test_what_does_not_fit_is_told_in_a_line(
    tmp_path: Path, change: dict[str, torch.Tensor | None], told: str
) -> None:
    path = tmp_path / "w.safetensors"
    save_matting_weights(InstanceMattingNetwork(TINY), path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path) | change
    save_file({k: v for k, v in tensors.items() if v is not None}, path, metadata)
    with pytest.raises(CheckpointError, match=told) as caught:
        load_matting_weights(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"config": None}, "'config'"),
        ({"mask_channels": None}, "'mask_channels'"),
        ({"config": "{"}, "Expecting property name"),
        ({"config": "[]"}, "'list' object"),
        ({"config": '{"widen": 1}'}, "'widen'"),
        ({"config": '{"stem": [8]}'}, "out of range"),
        ({"config": '{"stem": [-1, 8, 8]}'}, "negative dimension"),
        ({"config": '{"activation": "relu"}'}, "activation must be tanh or softmax, not 'relu'"),
        ({"mask_channels": "three"}, "'three'"),
    ],
    ids=[
        "no config",
        "no mask channels",
        "no JSON",
        "a list",
        "an unknown field",
        "too few widths",
        "a negative width",
        "an unknown activation",
        "no number",
    ],
)
def test_a_config_that_is_no_networks_is_told_in_a_line(
    tmp_path: Path, changed: dict[str, str | None], told: str
) -> None:
    path = tmp_path / "w.safetensors"
    save_matting_weights(InstanceMattingNetwork(TINY), path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() | changed
    save_file(load_file(path), path, {k: v for k, v in metadata.items() if v is not None})
    with pytest.raises(CheckpointError) as caught:
        load_matting_weights(path)
    line = str(caught.value)
    assert line.startswith(f"{path} is of another version, or damaged: ")
    assert told in line and "\n" not in line


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    network, path = InstanceMattingNetwork(TINY), tmp_path / "w.safetensors"
    written = set()
    for _ in range(10):
        save_matting_weights(network, path)
        written.add(path.read_bytes())
    assert len(written) == 1
    assert load_matting_weights(path).config == TINY
    assert load_file(path).keys() == network.state_dict().keys()


def test_a_file_that_is_shortened_later_does_no_harm(tmp_path: Path) -> None:
    network, path = InstanceMattingNetwork(TINY), tmp_path / "w.safetensors"
    save_matting_weights(network, path, torch.float32)
    loaded = load_matting_weights(path)
    path.write_bytes(b"")  # pages of a mapped file would be gone, and reading them end the process
    for key, value in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], value, rtol=0, atol=0)
