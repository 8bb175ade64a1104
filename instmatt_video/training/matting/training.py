"""`train matting`: from two TOML files to trained weights."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import torch

from instmatt_video.models.checkpoint import CheckpointError, load_matting_weights
from instmatt_video.models.config import PRESETS
from instmatt_video.models.instance_matting import InstanceMattingNetwork

from ...checksums import digest
from ...detection.compact import CompactDetector
from ...errors import OptionError, WeightsError
from ...weights.loading import resolve_weights
from ..config_file import read_config
from ..loop import StepReport, train
from ..loop_config import LoopConfig
from ..pictures.data import MattingData
from ..pictures.photo_windows import MIN_HEIGHT_PX
from ..processes import shares_norms
from .batch import MattingBatchMaker
from .config import MattingTraining
from .material import read_material
from .task import MattingTask

logger = logging.getLogger(__name__)


def train_matting(
    config_path: Path,
    data_path: Path,
    stage: int,
    out_dir: Path,
    start_from: Path | None = None,
    progress: StepReport | None = None,
    mask_channels: int | None = None,
    steps: int | None = None,
    seed: int | None = None,
) -> dict[str, float]:
    """Train one stage of a matting network and return the figures of its best validation.

    Args:
        config_path: `MattingTraining` as TOML.
        data_path: `MattingData` as TOML.
        stage: 1 for the matting branch, 2 for the refinement.
        out_dir: Folder for checkpoints, weights and logs; a run found there is resumed.
        start_from: Weights to begin with, a file or a name; stage 2 needs those of stage 1.
        progress: Told of steps as they pass.
        mask_channels: Overrides the config's, for the ablation of Table 3; weights to begin with
            have their own.
        steps: Overrides the config's length.
        seed: Overrides the config's seed.

    Raises:
        OptionError: A file is missing or wrong, or stage 2 has nothing to start from.
        WeightsError: The weights to begin with cannot be read.
        DeviceError: This machine has not the devices.
        AlphaWriteError: A file cannot be written.
        DivergenceError: Gradients or weights are finite no more.
    """
    cv2.setNumThreads(0)  # batches are made in processes of their own, or beside a busy network
    config = read_config(config_path, MattingTraining)
    data = read_config(data_path, MattingData)
    loop = _schedule(config, config_path, stage, steps, seed)
    batch = config.batch
    if stage == 2 and config.stage2_targets is not None:
        batch = replace(batch, targets=config.stage2_targets)
    if start_from is not None:
        start_from = resolve_weights(start_from)
        network = _trained_network(start_from, mask_channels)
    elif stage == 1:
        network = _new_network(config, config_path, mask_channels, loop.seed)
    else:
        raise OptionError("stage 2 refines a trained branch: name its weights with --start-from")
    is_branch_trained = stage == 1 or not config.is_branch_frozen
    is_normed = network.config.has_fine_norm and is_branch_trained
    if is_normed and batch.pictures < 2 and not shares_norms(loop):
        # Of a picture with one person its pooled branch has one value a channel.
        raise OptionError(f"{config_path}: batch.pictures must be 2 or more for a network's norms")
    material = read_material(data, data_path, config)
    detector = CompactDetector() if batch.detected_chance else None
    batches = MattingBatchMaker(material.people, material.photos, batch, loop.seed, detector, stage)
    if material.people is None and not batches.photos:
        raise OptionError(f"{data_path}: nobody in the photos can be learned from")
    if len(batches.photos) < len(material.photos):
        logger.warning(
            "%d of %d photos are learned from: nobody in the others is %d px tall",
            len(batches.photos),
            len(material.photos),
            MIN_HEIGHT_PX,
        )
    if not material.validation:
        logger.warning("no held-out people or backgrounds: the last weights count as the best")
    curriculum = config.curriculum if stage == 1 else config.stage2_curriculum
    network = _looking_twice(network, config.second_look_chance > 0)
    task = MattingTask(
        network,
        stage,
        batches,
        material.validation,
        curriculum,
        loop.steps,
        config.is_branch_frozen,
        config.second_look_chance,
    )
    made_by: dict[str, object] = {
        **{f"batch.{name}": _plain(value) for name, value in vars(batch).items()},
        "first weights": "chance" if start_from is None else digest(start_from),
        "curriculum.starts": curriculum.starts,
        "curriculum.sizes_px": curriculum.sizes_px,
        "second_look_chance": config.second_look_chance,
        **material.made_by(config, batches.photos),
    }
    return train(task, loop, out_dir, progress, made_by).best


def _schedule(
    config: MattingTraining, config_path: Path, stage: int, steps: int | None, seed: int | None
) -> LoopConfig:
    """Return a stage's schedule, of another length and seed where they are given."""
    loop = config.stage1 if stage == 1 else config.stage2
    if not loop.steps:
        raise OptionError(f"{config_path} is no schedule of stage {stage}: it names no steps of it")
    if steps == 0:
        raise OptionError(f"stage {stage} needs a step at least")
    return replace(
        loop,
        steps=loop.steps if steps is None else steps,
        seed=loop.seed if seed is None else seed,
    )


def _new_network(
    config: MattingTraining, config_path: Path, mask_channels: int | None, seed: int
) -> InstanceMattingNetwork:
    """Return a network of the config's preset, whose weights are chance."""
    if config.preset not in PRESETS:
        raise OptionError(f"{config_path}: preset must be one of {', '.join(PRESETS)}")
    torch.manual_seed(seed)
    return InstanceMattingNetwork(PRESETS[config.preset], mask_channels or config.mask_channels)


def _trained_network(path: Path, mask_channels: int | None) -> InstanceMattingNetwork:
    """Return the network of a weights file, to be trained on."""
    try:
        network = load_matting_weights(path).train()
    except CheckpointError as error:
        raise WeightsError(str(error)) from error
    if mask_channels not in (None, network.mask_channels):
        raise OptionError(f"{path} has {network.mask_channels} mask channels: keep them")
    return network


def _plain(value: Any) -> int | float | str:
    """Return a setting as a checkpoint holds it: a number, or a group of settings in words."""
    return value if isinstance(value, int | float) else repr(value)


def _looking_twice(network: InstanceMattingNetwork, is_wanted: bool) -> InstanceMattingNetwork:
    """Return the network, with or without a second look."""
    if network.config.has_second_look == is_wanted:
        return network
    config = replace(network.config, has_second_look=is_wanted)
    changed = InstanceMattingNetwork(config, network.mask_channels)
    changed.load_state_dict(network.state_dict())
    return changed
