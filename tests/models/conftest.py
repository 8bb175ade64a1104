"""The released checkpoint, rebuilt by the rule of the reference vectors, and a made one."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from instmatt_video.models.checkpoint import load_matting_weights
from instmatt_video.models.folding import fold_norms
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.official_checkpoint import OfficialLayer, official_layers

NetworkTensors = dict[str, torch.Tensor]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def vectors_dir(shared_dir: Path) -> Path:
    return shared_dir / "spec" / "vectors"


@pytest.fixture(scope="session")
def official_rows(shared_dir: Path) -> dict[str, tuple[int, ...]]:
    """Name (with `module.`) and shape of every tensor of the release."""
    rows = {}
    for line in (shared_dir / "spec" / "state-dict.tsv").read_text().splitlines():
        fields = line.split("\t")
        if fields[0].isdigit():
            sizes = () if fields[2] == "scalar" else tuple(int(x) for x in fields[2].split("x"))
            rows[fields[1]] = sizes
    return rows


@pytest.fixture(scope="session")
def official_checkpoint(
    official_rows: dict[str, tuple[int, ...]],
    vectors_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A `.pth` in the release's format with the weights that made the reference vectors."""
    state: NetworkTensors = {}
    with np.load(vectors_dir / "official_random_overrides.npz") as overrides:
        for name, shape in official_rows.items():
            key = name.removeprefix("module.")
            if key in overrides:
                values = overrides[key].astype(np.float32)
            elif key.endswith("num_batches_tracked"):
                state[name] = torch.tensor(10)
                continue
            else:
                values = _ruled_values(key, shape)
            state[name] = torch.from_numpy(values.astype(np.float32).astype(np.float16))
    path = tmp_path_factory.mktemp("official") / "official.pth"
    torch.save({"iter": 1, "loss": torch.tensor(0.0), **_wrapped(state)}, path)
    return path


@pytest.fixture(scope="session")
def official_network(
    official_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> InstanceMattingNetwork:
    """The network as the product runs it: converted, loaded, folded."""
    from instmatt_video.models.official_checkpoint import convert_official

    converted = tmp_path_factory.mktemp("converted") / "base.safetensors"
    convert_official(official_checkpoint, converted)
    return fold_norms(load_matting_weights(converted))


@pytest.fixture
def made_tensors() -> NetworkTensors:
    """Random tensors of the release's names and shapes."""
    return made_official_tensors()


@pytest.fixture
def made_checkpoint(made_tensors: NetworkTensors, tmp_path: Path) -> Path:
    """A `.pth` of the release's names and shapes, filled without reference material."""
    state = {f"module.{key}": value for key, value in made_tensors.items()}
    path = tmp_path / "made.pth"
    torch.save({"iter": 1, **_wrapped(state)}, path)
    return path


def made_official_tensors() -> NetworkTensors:
    """Random tensors of the release's names."""
    generator = torch.Generator().manual_seed(0)
    shapes = InstanceMattingNetwork(_official_config()).state_dict()
    tensors: NetworkTensors = {}
    for layer in official_layers():
        for key in layer.official_keys():
            tensors[key] = _made_tensor(layer, key, shapes, generator)
    return tensors


def _made_tensor(
    layer: OfficialLayer, key: str, shapes: NetworkTensors, generator: torch.Generator
) -> torch.Tensor:
    part = key.rpartition(".")[2]
    if layer.kind == "spectral":
        shape = shapes[f"{layer.ours}.weight"].shape
        kernel = torch.randn(shape, generator=generator) / shape[1:].numel() ** 0.5
        if part == "weight_bar":
            return kernel
        length = shape[0] if part == "weight_u" else shape[1:].numel()
        # All-positive vectors and a kernel of mixed signs: u · (W v) is some number, not a norm.
        return torch.rand(length, generator=generator) + 0.5
    shape = shapes[f"{layer.ours}.{part}"].shape
    if part == "num_batches_tracked":
        return torch.tensor(3)
    if part == "running_var" or (layer.kind == "norm" and part == "weight"):
        return torch.rand(shape, generator=generator) + 0.5
    return torch.randn(shape, generator=generator) * 0.1


def _official_config() -> Any:
    from instmatt_video.models.official_checkpoint import OFFICIAL_CONFIG

    return OFFICIAL_CONFIG


def _ruled_values(key: str, shape: tuple[int, ...]) -> np.ndarray:
    random = np.random.RandomState(zlib.crc32(key.encode()))
    if len(shape) == 4:
        return random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    if len(shape) == 1 and key.endswith(".weight"):
        return random.uniform(0.5, 1.5, shape)
    return 0.2 * random.standard_normal(shape)


def _wrapped(state: NetworkTensors) -> dict[str, Any]:
    return {"state_dict": state, "opt_state_dict": {}, "lr_state_dict": {}}
