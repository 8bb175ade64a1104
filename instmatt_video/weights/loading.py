"""Networks ready to run, by the name of their weights or from a file of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from instmatt_video.models.checkpoint import CheckpointError, load_matting_weights
from instmatt_video.models.folding import fold_norms
from instmatt_video.models.instance_matting import InstanceMattingNetwork

from ..errors import WeightsError
from .cache import find_weights
from .registry import ENTRIES

if TYPE_CHECKING:
    from instmatt_video.models.person_detector import PersonDetector


def load_matting_network(
    name_or_path: str | Path, device: torch.device | str = "cpu"
) -> InstanceMattingNetwork:
    """Return a matting network for inference: norms folded, on its device, without gradients.

    Args:
        name_or_path: `lite`, `base`, or a weights file (`.safetensors`).
        device: Where it runs.

    Raises:
        WeightsError: The weights are missing, not whole, or hold no matting network.
    """
    path = resolve_weights(name_or_path)
    try:
        network = load_matting_weights(path)
    except CheckpointError as error:
        raise WeightsError(str(error)) from error
    network.requires_grad_(False)
    fold_norms(network)
    # Convolutions of a CPU are half as fast again with their channels last.
    return network.to(memory_format=torch.channels_last).to(device)


def load_detector_networks(name_or_path: str | Path = "compact") -> PersonDetector:
    """Return the compact detector's networks, in single precision and evaluation mode.

    Args:
        name_or_path: `compact`, or a weights file (`.safetensors`).

    Raises:
        WeightsError: The weights are missing, not whole, or hold no person detector.
    """
    # Its blocks are torchvision's: a second and 170 MB, for which mattes have no use.
    from instmatt_video.models.person_detector import load_person_detector

    try:
        return load_person_detector(resolve_weights(name_or_path))
    except CheckpointError as error:
        raise WeightsError(str(error)) from error


def resolve_weights(name_or_path: str | Path) -> Path:
    """Return the weights file of a name, or the file that was named.

    Raises:
        WeightsError: It is neither a name nor a weights file, or the file of a name is not whole.
    """
    if str(name_or_path) in ENTRIES:
        return find_weights(str(name_or_path))
    path = Path(name_or_path)
    if not path.is_file():
        raise WeightsError(
            f"{str(name_or_path)!r} is neither a file nor one of {', '.join(ENTRIES)}"
        )
    if path.suffix in (".pth", ".pt", ".ckpt"):
        raise WeightsError(
            f"{path} is no safetensors file; the authors' checkpoint is converted by "
            f"`instmatt-video weights convert {path}`"
        )
    return path
