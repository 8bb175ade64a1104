"""Files of detector weights: what a training starts from, and what it leaves.

Knows key names and number formats; knows no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from instmatt_video.models.checkpoint import CheckpointError, load_tensors
from instmatt_video.models.person_crops import GUIDANCE_CHANNELS, PersonCropNetwork
from instmatt_video.models.person_detector import FORMAT, PersonDetector
from instmatt_video.models.person_proposals import NUM_BINS

from ...errors import WeightsError

NANODET_CLASSES = 80
BN_EPSILON = 1e-5


def load_initialisation(detector: PersonDetector, path: Path) -> None:
    """Start both backbones, and the proposals' neck and head, from NanoDet-m's COCO weights.

    Args:
        detector: Changed in place; the crop network's decoder and heads stay as they are.
        path: NanoDet-m as safetensors: `backbone.*` in torchvision's names, `neck.*`, `head.*`.

    Raises:
        WeightsError: The file is missing or holds another network.
    """
    if not path.is_file():
        raise WeightsError(f"no initialisation at {path}")
    try:
        source = load_file(path)
        backbone = fold_batch_norms(
            {k.removeprefix("backbone."): v for k, v in source.items() if k.startswith("backbone.")}
        )
        backbone["conv1.0.weight"] = backbone["conv1.0.weight"].flip(1)  # BGR there, RGB here
        person_rows = [0, *range(NANODET_CLASSES, NANODET_CLASSES + 4 * NUM_BINS)]
        proposals = {f"backbone.{key}": value for key, value in backbone.items()}
        for key, value in source.items():
            if key.startswith("neck."):
                proposals[key.removeprefix("neck.")] = value
            elif key.startswith("head.out."):
                proposals[key.removeprefix("head.")] = value[person_rows]
            elif key.startswith("head."):
                proposals[key.removeprefix("head.")] = value
        detector.proposals.load_state_dict(proposals)
        detector.crops.backbone.load_state_dict(backbone)
    except (SafetensorError, LookupError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path} does not hold the weights of NanoDet-m") from error


def fold_batch_norms(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return convolution weights and biases that do what convolution and norm do in evaluation.

    A norm stands under the layer number after its convolution's, as torchvision names them.
    """
    folded: dict[str, Tensor] = {}
    for key, weight in state.items():
        if not key.endswith(".weight") or weight.ndim != 4:
            continue
        prefix, number, _ = key.rsplit(".", 2)
        norm = f"{prefix}.{int(number) + 1}"
        variance = state[f"{norm}.running_var"].double() + BN_EPSILON
        scale = state[f"{norm}.weight"].double() / variance.sqrt()
        shift = state[f"{norm}.bias"].double() - state[f"{norm}.running_mean"].double() * scale
        folded[key] = (weight.double() * scale[:, None, None, None]).float()
        folded[f"{prefix}.{number}.bias"] = shift.float()
    return folded


def save_detector_part(network: nn.Module, part: str, path: Path) -> None:
    """Write one part of the detector (`proposals`, `crops` or `mutual`) in half precision."""
    _save({f"{part}.{key}": value for key, value in network.state_dict().items()}, path)


def load_detector_part(network: nn.Module, part: str, path: Path) -> None:
    """Put the weights that `save_detector_part` wrote into `network`.

    Raises:
        WeightsError: The file is missing: its part has not been trained yet; or it is damaged, or
            another part's.
    """
    if not path.is_file():
        raise WeightsError(f"no trained {part} at {path}")
    whose = f"{path}: not the weights of trained {part}"
    try:
        state = load_file(path)
        load_tensors(network, {k.removeprefix(f"{part}."): v for k, v in state.items()}, whose)
    except SafetensorError as error:
        raise WeightsError(f"{whose}: {error}") from error
    except CheckpointError as error:
        raise WeightsError(str(error)) from error


def save_detector(detector: PersonDetector, path: Path) -> None:
    """Write the whole detector in half precision."""
    _save(detector.state_dict(), path)


def begin_mutual(crops: PersonCropNetwork) -> PersonCropNetwork:
    """Return a third look that sees what the second sees, and learns what guidance is good for."""
    mutual = PersonCropNetwork(GUIDANCE_CHANNELS)
    state = dict(crops.state_dict())
    stem = state["backbone.conv1.0.weight"]
    blind = stem.new_zeros(stem.shape[0], GUIDANCE_CHANNELS, *stem.shape[2:])
    state["backbone.conv1.0.weight"] = torch.cat([stem, blind], dim=1)
    mutual.load_state_dict(state)
    return mutual


def _save(state: Mapping[str, Tensor], path: Path) -> None:
    half = {k: v.detach().cpu().to(torch.float16).contiguous() for k, v in state.items()}
    path.write_bytes(save(half, {"format": FORMAT}))
