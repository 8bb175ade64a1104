"""The authors' released checkpoint, read strictly and turned into a network of ours.

Knows the names and shapes of its 604 tensors; executes nothing of the file (`weights_only`).
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from .checkpoint import CheckpointError, load_tensors, save_matting_weights
from .config import PRESETS, MattingNetworkConfig
from .instance_matting import InstanceMattingNetwork

OFFICIAL_CONFIG: MattingNetworkConfig = replace(
    PRESETS["base"], has_spectral_norm=False, refinement_rule="release"
)
"""The paper's network, spectral norms folded; MIR was trained without the halves of Eq. 7-8."""

PREFIX = "module."
NORM_TENSORS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
SHOWN_NAMES = 5
"""How many tensors an error names."""

UNREADABLE = (RuntimeError, EOFError, LookupError, ValueError, pickle.UnpicklingError)
"""What torch raises for a file that is no checkpoint, depending on where it stops understanding."""

Kind = Literal["spectral", "plain", "biased", "norm"]


@dataclass(frozen=True)
class OfficialLayer:
    """One layer of the release and its place in our network."""

    official: str
    """Name there, without `module.`."""
    ours: str
    kind: Kind

    def official_keys(self) -> tuple[str, ...]:
        """Return the names of its tensors there."""
        if self.kind == "spectral":
            return tuple(f"{self.official}.module.weight_{part}" for part in ("bar", "u", "v"))
        if self.kind == "norm":
            return tuple(f"{self.official}.{part}" for part in NORM_TENSORS)
        parts = ("weight", "bias") if self.kind == "biased" else ("weight",)
        return tuple(f"{self.official}.{part}" for part in parts)


def official_layers() -> Iterator[OfficialLayer]:
    """Yield every layer of the release; their tensors are the 604 of a stage-2 checkpoint."""
    config = OFFICIAL_CONFIG
    encoder, decoder = "branch.encoder", "branch.decoder"
    for index in (1, 2, 3):
        yield from _pair(
            f"encoder.conv{index}", f"encoder.bn{index}", f"{encoder}.stem{index}", "spectral"
        )
    for stage, blocks in enumerate(config.encoder_blocks):
        name = f"encoder.layer{stage + 1}" if stage < 3 else "encoder.layer_bottleneck"
        for block in range(blocks):
            theirs, ours = f"{name}.{block}", f"{encoder}.stages.{stage}.{block}"
            for i in (1, 2):
                yield from _pair(
                    f"{theirs}.conv{i}", f"{theirs}.bn{i}", f"{ours}.conv{i}", "spectral"
                )
            if stage > 0 and block == 0:
                yield from _pair(
                    f"{theirs}.downsample.1",
                    f"{theirs}.downsample.2",
                    f"{ours}.identity.1",
                    "spectral",
                )
    for level in range(5):
        theirs = f"encoder.shortcut.{level}"
        for i in range(config.shortcut_depth):
            yield from _pair(
                f"{theirs}.{3 * i}",
                f"{theirs}.{3 * i + 2}",
                f"{encoder}.shortcuts.{level}.{i}",
                "spectral",
            )
    places = (*(f"branches.{i}" for i in range(4)), "pooled")
    for index, place in enumerate(places, 1):
        yield from _pair(
            f"aspp.aspp{index}", f"aspp.aspp{index}_bn", f"{encoder}.aspp.{place}", "plain"
        )
    yield from _pair("aspp.conv2", "aspp.bn2", f"{encoder}.aspp.merge", "plain")
    for stage, blocks in enumerate(config.decoder_blocks):
        for block in range(blocks):
            theirs, ours = (
                f"decoder.layer{stage + 1}.{block}",
                f"{decoder}.stages.{stage}.{block}",
            )
            yield from _decoder_block(theirs, ours, is_doubling=block == 0)
    yield OfficialLayer("decoder.conv1", f"{decoder}.full.transposed", "spectral")
    yield OfficialLayer("decoder.bn1", f"{decoder}.full.norm", "norm")
    for stride in (1, 4, 8):
        theirs, ours = f"decoder.refine_OS{stride}", f"branch.head_os{stride}"
        yield from _pair(f"{theirs}.0", f"{theirs}.1", f"{ours}.hidden", "plain")
        yield OfficialLayer(f"{theirs}.3", f"{ours}.logits", "biased")
    for theirs, ours in (("split",) * 2, ("merge.0", "merge1"), ("merge.2", "merge2")):
        yield OfficialLayer(f"refiner.{theirs}", f"refinement.{ours}", "biased")
    yield OfficialLayer("refiner.head", "refinement.head", "biased")


def read_official_checkpoint(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a released stage-2 checkpoint, without `module.`, floats single.

    Args:
        path: A `.pth` as the authors' trainer writes it.

    Raises:
        CheckpointError: The file cannot be read, or its tensors are not exactly the release's.
    """
    try:
        # By its name torch would take a .safetensors for what it says.
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
            # Warnings are of pickles that are then refused.
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error.strerror}") from error
    except UNREADABLE as error:
        # What torch says is advice to let the file run code.
        raise CheckpointError(
            f"{path} cannot be read as a checkpoint: it is none, is cut off, or holds more than "
            "tensors"
        ) from error
    if not isinstance(content, Mapping) or not isinstance(content.get("state_dict"), Mapping):
        raise CheckpointError(f"{path} holds no state_dict: it is no checkpoint of InstMatt")
    tensors: dict[str, Tensor] = {}
    for key, value in content["state_dict"].items():
        if not isinstance(value, Tensor):
            raise CheckpointError(f"{path}: {key} is no tensor")
        value = value.detach()
        tensors[key.removeprefix(PREFIX)] = value.float() if value.is_floating_point() else value
    expected = {key for layer in official_layers() for key in layer.official_keys()}
    missing, unexpected = expected - tensors.keys(), tensors.keys() - expected
    if missing or unexpected:
        raise CheckpointError(
            f"{path} is no stage-2 checkpoint of InstMatt: "
            f"{_describe('missing', missing)}; {_describe('unexpected', unexpected)}"
        )
    return tensors


def network_from_official(tensors: Mapping[str, Tensor]) -> InstanceMattingNetwork:
    """Return our network with the release's weights, spectral norms folded, in evaluation mode.

    Args:
        tensors: As `read_official_checkpoint` returns them.

    Raises:
        CheckpointError: A tensor's shape is not the release's.
    """
    network = InstanceMattingNetwork(OFFICIAL_CONFIG)
    state: dict[str, Tensor] = {}
    for layer in official_layers():
        if layer.kind == "spectral":
            bar, u, v = (tensors[key] for key in layer.official_keys())
            state[f"{layer.ours}.weight"] = fold_spectral_norm(bar, u, v, layer.official)
        else:
            for key in layer.official_keys():
                state[f"{layer.ours}.{key.rpartition('.')[2]}"] = tensors[key]
    load_tensors(network, state, "tensors of InstMatt's names, but not its shapes")
    return network.eval()


def fold_spectral_norm(weight: Tensor, u: Tensor, v: Tensor, name: str) -> Tensor:
    """Return the kernel divided by its stored spectral norm, u · (W v).

    Args:
        weight: The raw kernel; its first axis is one side of the matrix, the others the second.
        u: Left singular vector, as long as the first axis (a transposed kernel's input channels).
        v: Right singular vector.
        name: The layer, for the error.

    Raises:
        CheckpointError: The vectors do not fit the kernel.
    """
    matrix = weight.flatten(1)
    if u.shape != matrix.shape[:1] or v.shape != matrix.shape[1:]:
        raise CheckpointError(
            f"{name}: vectors {tuple(u.shape)} and {tuple(v.shape)} "
            f"do not fit {tuple(weight.shape)}"
        )
    # In double precision the order of the sums, each processor's own, is lost in rounding.
    return weight / torch.dot(u.double(), matrix.double() @ v.double())


def convert_official(source: Path, target: Path) -> None:
    """Write a released checkpoint as our weights file, in single precision.

    Args:
        source: The authors' `.pth`.
        target: The `.safetensors` to write.

    Raises:
        CheckpointError: The source is no released checkpoint.
    """
    network = network_from_official(read_official_checkpoint(source))
    save_matting_weights(network, target, torch.float32)


def _pair(conv: str, norm: str, ours: str, kind: Kind) -> Iterator[OfficialLayer]:
    yield OfficialLayer(conv, f"{ours}.conv", kind)
    yield OfficialLayer(norm, f"{ours}.norm", "norm")


def _decoder_block(theirs: str, ours: str, is_doubling: bool) -> Iterator[OfficialLayer]:
    first = "transposed" if is_doubling else "conv"
    yield OfficialLayer(f"{theirs}.conv1", f"{ours}.conv1.{first}", "spectral")
    yield OfficialLayer(f"{theirs}.bn1", f"{ours}.conv1.norm", "norm")
    yield from _pair(f"{theirs}.conv2", f"{theirs}.bn2", f"{ours}.conv2", "spectral")
    if is_doubling:
        upsample = f"{theirs}.upsample"
        yield from _pair(f"{upsample}.1", f"{upsample}.2", f"{ours}.projection", "spectral")


def _describe(what: str, names: set[str]) -> str:
    if not names:
        return f"none {what}"
    shown = sorted(names)[:SHOWN_NAMES]
    more = len(names) - len(shown)
    return f"{len(names)} {what} ({', '.join(shown)}{f' and {more} more' if more else ''})"
