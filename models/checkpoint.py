"""Weights files: safetensors that carry the config of the network they belong to."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from .instance_matting import InstanceMattingNetwork
from .matting_network import MattingNetworkConfig

FORMAT = "instmatt-video matting 1"
KEPT_SINGLE = ("running_mean", "running_var", "._u", "._v")
"""Ends of the names of tensors that are not rounded."""


class CheckpointError(RuntimeError):
    """A weights file cannot be read, or is no network of ours."""


def save_matting_weights(
    network: InstanceMattingNetwork, path: Path, dtype: torch.dtype = torch.float16
) -> None:
    """Write a network's weights and its config.

    Batch-norm statistics and spectral-norm vectors stay in single precision: a small variance is
    nothing in half, and rounded vectors would change the norm of their kernel.

    Args:
        network: Not folded: a file can be trained further.
        path: The `.safetensors` to write.
        dtype: Of the other floats.
    """
    tensors: dict[str, Tensor] = {}
    for key, value in network.state_dict().items():
        is_weight = value.dtype.is_floating_point and not key.endswith(KEPT_SINGLE)
        tensors[key] = value.detach().cpu().to(dtype if is_weight else value.dtype).contiguous()
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(network.config)),
        "mask_channels": str(network.mask_channels),
    }
    save_file(tensors, path, metadata)


def load_matting_weights(path: Path) -> InstanceMattingNetwork:
    """Return the network of a weights file, in single precision and evaluation mode.

    Raises:
        CheckpointError: The file is missing, damaged, or holds something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read as weights: {error}") from error
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path} holds no matting network of this program")
    config = _config_from(json.loads(metadata["config"]))
    with torch.device("meta"):  # no memory and no time for values that the file replaces
        network = InstanceMattingNetwork(config, int(metadata["mask_channels"]))
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"{path} does not fit its own config: {error}") from error
    return network.float().eval()


def _config_from(values: dict[str, Any]) -> MattingNetworkConfig:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    return MattingNetworkConfig(**fields)
