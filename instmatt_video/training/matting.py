"""`train matting`: from two TOML files to trained weights."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from instmatt_video.models.checkpoint import CheckpointError, load_matting_weights
from instmatt_video.models.config import PRESETS
from instmatt_video.models.instance_matting import InstanceMattingNetwork

from ..checksums import digest
from ..detection.compact import CompactDetector
from ..errors import OptionError, WeightsError
from ..weights.loading import resolve_weights
from .composite_pool import CompositePool
from .config import MattingData, MattingTraining, read_config, resolve
from .cutout_names import photo_stem
from .cutouts import CutoutLibrary, read_long_hair_names
from .loop import Progress, train
from .loop_config import LoopConfig
from .marked_photos import Photo
from .matted_pictures import MattedFiles
from .matting_batch import MattingBatchMaker
from .matting_photos import read_marked_photos, read_matted
from .matting_task import MattingTask
from .matting_validation import (
    MIN_HELD_OUT_PEOPLE,
    ValidationPicture,
    hide_photos,
    hold_out,
    make_validation,
)
from .packs import ImagePack, Pack
from .photo_windows import MIN_HEIGHT_PX
from .processes import shares_norms

logger = logging.getLogger(__name__)


def train_matting(
    config_path: Path,
    data_path: Path,
    stage: int,
    out_dir: Path,
    start_from: Path | None = None,
    progress: Progress | None = None,
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
        if config.preset not in PRESETS:
            raise OptionError(f"{config_path}: preset must be one of {', '.join(PRESETS)}")
        torch.manual_seed(loop.seed)  # the first weights are chance, too
        network = InstanceMattingNetwork(
            PRESETS[config.preset], mask_channels or config.mask_channels
        )
    else:
        raise OptionError("stage 2 refines a trained branch: name its weights with --start-from")
    is_branch_trained = stage == 1 or not config.is_branch_frozen
    is_normed = network.config.has_fine_norm and is_branch_trained
    if is_normed and batch.pictures < 2 and not shares_norms(loop):
        # Of a picture with one person its pooled branch has one value a channel.
        raise OptionError(f"{config_path}: batch.pictures must be 2 or more for a network's norms")
    marked = read_marked_photos(data, data_path)
    people, validation, hidden = _read_people(data, data_path, config, marked)
    photos: list[Photo | MattedFiles] = [
        photo for stem, photo in marked.items() if stem not in hidden
    ]
    photos += read_matted(data, data_path)
    detector = CompactDetector() if batch.detected_chance else None
    batches = MattingBatchMaker(people, photos, batch, loop.seed, detector, stage)
    if people is None and not batches.photos:
        raise OptionError(f"{data_path}: nobody in the photos can be learned from")
    if len(batches.photos) < len(photos):
        logger.warning(
            "%d of %d photos are learned from: nobody in the others is %d px tall",
            len(batches.photos),
            len(photos),
            MIN_HEIGHT_PX,
        )
    if not validation:
        logger.warning("no held-out people or backgrounds: the last weights count as the best")
    curriculum = config.curriculum if stage == 1 else config.stage2_curriculum
    network = _looking_twice(network, config.second_look_chance > 0)
    task = MattingTask(
        network,
        stage,
        batches,
        validation,
        curriculum,
        loop.steps,
        config.is_branch_frozen,
        config.second_look_chance,
    )
    matted = [photo for photo in batches.photos if isinstance(photo, MattedFiles)]
    made_by = {f"batch.{name}": _plain(value) for name, value in vars(batch).items()} | {
        "first weights": "chance" if start_from is None else digest(start_from),
        "curriculum.starts": curriculum.starts,
        "curriculum.sizes_px": curriculum.sizes_px,
        "second_look_chance": config.second_look_chance,
        "number of cut-outs": 0 if people is None else len(people.cutouts),
        "number of backgrounds": 0 if people is None else len(people.background_names),
        "number of photos": len(batches.photos),
        "number of photos with soft alphas": len(matted),
        "number of photos with known colours": sum(bool(files.foregrounds) for files in matted),
        # The best of one validation is not the best of another.
        "number of validation pictures": len(validation),
        "validation_side_px": config.validation_side_px,
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


def _read_people(
    data: MattingData, data_path: Path, config: MattingTraining, photos: Collection[str]
) -> tuple[CompositePool | None, list[ValidationPicture], set[str]]:
    """Return what composites are made of, pictures of those who are held out, and their photos."""
    if data.cutouts is None or data.backgrounds is None:
        return None, [], hide_photos([], photos)
    pack = ImagePack(resolve(data.cutouts, data_path), data.cutouts_under)
    backgrounds = ImagePack(resolve(data.backgrounds, data_path))
    held_out, held_out_backgrounds = hold_out(pack.names, backgrounds.names)
    strangers, elsewhere = set(held_out), set(held_out_backgrounds)  # both may have a 0001.png
    hidden = hide_photos(held_out, photos)
    known = [n for n in pack.names if n not in strangers and photo_stem(n) not in hidden]
    cutouts = CutoutLibrary(pack, known)
    long_hair = read_long_hair_names(Pack(pack.path))
    weights = [config.batch.long_hair_weight if n in long_hair else 1.0 for n in cutouts.names]
    places = [n for n in backgrounds.names if n not in elsewhere]
    people = CompositePool(cutouts, np.array(weights), backgrounds, places)
    if len(held_out) < MIN_HELD_OUT_PEOPLE or not held_out_backgrounds:
        return people, [], hidden
    validation = make_validation(
        CutoutLibrary(pack, held_out),
        backgrounds,
        held_out_backgrounds,
        config.validation_pictures,
        config.validation_side_px,
    )
    return people, validation, hidden


def _looking_twice(network: InstanceMattingNetwork, is_wanted: bool) -> InstanceMattingNetwork:
    """Return the network, with or without a second look."""
    if network.config.has_second_look == is_wanted:
        return network
    config = replace(network.config, has_second_look=is_wanted)
    changed = InstanceMattingNetwork(config, network.mask_channels)
    changed.load_state_dict(network.state_dict())
    return changed
