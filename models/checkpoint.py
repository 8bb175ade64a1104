"""Weights files, safetensors; those of matting networks carry their config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from .config import MattingNetworkConfig
from .instance_matting import InstanceMattingNetwork

FORMAT = "instmatt-video matting 1"
KEPT_SINGLE = ("running_mean", "running_var", "._u", "._v")
"""Ends of the names of tensors that are not rounded."""

UNFIT = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What is raised for a config that describes no network, depending on what is wrong with it."""


class CheckpointError(RuntimeError):
    """A weights file cannot be read, or is no network of ours."""


def save_matting_weights(
    network: InstanceMattingNetwork, path: Path, dtype: torch.dtype = torch.float16
) -> None:
    """Write a network's weights and its config.

    Batch-norm statistics and spectral-norm vectors stay in single precision: a small variance is
    nothing in half, and rounded vectors would change the norm of their kernel. The same network
    gives the same bytes: a clip that is resumed asks for weights of the same checksum.

    Args:
        network: Not folded: a file can be trained further.
        path: The `.safetensors` to write.
        dtype: Of the other floats.

    Raises:
        OSError: The file cannot be written.
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
    path.write_bytes(_with_sorted_header(save(tensors, metadata)))


def _with_sorted_header(file: bytes) -> bytes:
    """Return a safetensors file whose header is in order; safetensors writes metadata in any."""
    start = 8  # bytes of the header's length, a little-endian integer, before it
    end = start + int.from_bytes(file[:start], "little")
    header = json.dumps(json.loads(file[start:end]), sort_keys=True, separators=(",", ":"))
    return file[:start] + header.encode().ljust(end - start) + file[end:]


def load_matting_weights(path: Path) -> InstanceMattingNetwork:
    """Return the network of a weights file, in single precision and evaluation mode.

    Raises:
        CheckpointError: The file is missing, damaged, or holds something else.
    """
    metadata, tensors = read_weights(path, FORMAT, "matting network")
    try:
        config = _config_from(json.loads(metadata["config"]))
        with torch.device("meta"):  # no memory and no time for values that the file replaces
            network = InstanceMattingNetwork(config, int(metadata["mask_channels"]))
    except UNFIT as error:
        raise CheckpointError(f"{path} is of another version, or damaged: {error}") from error
    load_tensors(network, tensors, f"{path} does not fit its own config", assign=True)
    return network.eval()


def read_weights(
    path: Path, file_format: str, what: str
) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return what a weights file says of itself, and its tensors, floats in single precision.

    Args:
        path: A `.safetensors`.
        file_format: What the file must say that it is.
        what: It holds then, for the error's line.

    Raises:
        CheckpointError: The file is missing, damaged, or of another format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: _copy(file.get_tensor(key)) for key in file.keys()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read as weights: {error}") from error
    if metadata.get("format") != file_format:
        raise CheckpointError(f"{path} holds no {what} of this program")
    return metadata, tensors


def _copy(tensor: Tensor) -> Tensor:
    """Return a tensor of a file in memory of its own, floats in single precision.

    One that shares the file's pages keeps all of them in memory, and ends the process where
    another one shortens the file.
    """
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return tensor.to(dtype, copy=True)


def load_tensors(
    network: nn.Module, tensors: Mapping[str, Tensor], complaint: str, assign: bool = False
) -> None:
    """Put tensors into a network that has these and no others.

    Args:
        network: Filled in place.
        tensors: By the names of its state dict.
        complaint: How the error's line begins.
        assign: The tensors become the network's own, in their type and place.

    Raises:
        CheckpointError: A tensor is missing, of another shape, or one too many; the line tells the
            first of them.
    """
    expected = network.state_dict()
    for key, value in expected.items():
        if key not in tensors:
            raise CheckpointError(f"{complaint}: {key} is missing")
        if tensors[key].shape != value.shape:
            shapes = f"{tuple(tensors[key].shape)}, not {tuple(value.shape)}"
            raise CheckpointError(f"{complaint}: {key} is {shapes}")
    for key in tensors:
        if key not in expected:
            raise CheckpointError(f"{complaint}: {key} is not of this network")
    network.load_state_dict(tensors, assign=assign)


def _config_from(values: dict[str, Any]) -> MattingNetworkConfig:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    return MattingNetworkConfig(**fields)
