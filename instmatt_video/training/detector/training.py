"""`train detector`: from a configuration to the embedded detector's weights.

Knows where the data lies and in which order the two networks are trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from instmatt_video.models.person_detector import PersonDetector
from instmatt_video.models.person_proposals import PersonProposals

from ...checksums import digest
from ...detection.compact import CompactDetector, CompactSettings
from ...errors import OptionError, disk_errors
from ...weights.loading import load_detector_networks, resolve_weights
from ...whole_file import whole_file
from ..config_file import read_config
from ..loop import train
from ..pictures.marked_photos import Photo
from ..processes import is_first_process
from ..task import TrainingTask
from .config import PARTS, DetectorData, DetectorTraining
from .crop_task import CropTask
from .crops import CropSample, CropSampler, jitter_box, make_sample
from .material import DetectorMaterial, read_material
from .mutual_crops import MutualCropSampler
from .proposal_task import ProposalTask, find_proposals
from .weights import (
    begin_mutual,
    load_detector_part,
    load_initialisation,
    save_detector,
)

PartReport = Callable[[str, int, int, Mapping[str, float]], None]
"""As `loop.StepReport`, with the name of the part before."""
FIRST_WEIGHTS = "first weights"
"""Under this name files keep the digest of the weights that a training began with."""
MIN_VALIDATION_PX = 48.0
MAX_PEOPLE = 12
"""Looked at in a photo before the third look learns from it: of crowds the nearest will do."""


def train_detector(
    config_path: Path,
    data_path: Path,
    out_dir: Path,
    parts: Sequence[str] = PARTS,
    progress: PartReport = lambda part, step, steps, figures: None,
    licences: tuple[int, ...] | None = None,
    initialisation: Path | None = None,
    steps: int | None = None,
    start_from: Path | None = None,
    seed: int | None = None,
) -> dict[str, float]:
    """Train the named parts and return their last figures on held-out photos.

    Leaves `out_dir/person_detector.safetensors`, the whole detector, once every part is trained: of
    each its last weights, not the best, for a few dozen photos rank neighbours by chance.

    Args:
        config_path: TOML of `DetectorTraining`.
        data_path: TOML of `DetectorData`.
        out_dir: Folder for checkpoints, logs and weights; a run that was killed goes on from there.
        parts: Some of `PARTS`, trained in its order; what is left out must have been trained.
        progress: Told of steps as they pass.
        licences: Train on photos of these COCO licence ids, and on no other pack.
        initialisation: NanoDet-m's weights instead of those that the data names.
        steps: Length of every part that has steps, instead of the schedule's.
        start_from: A whole detector to go on from, a file or a name. Its decoder is not trained
            apart again, and a part whose schedule has no steps stays as it is.
        seed: Of every part instead of the schedule's.

    Raises:
        OptionError: A configuration or a pack cannot be used.
        WeightsError: The weights to begin with, the initialisation, or a part that another builds
            on, is missing.
        DeviceError: This machine has not the devices.
        AlphaWriteError: A file cannot be written.
        DivergenceError: Gradients or weights are finite no more.
    """
    if steps == 0:
        raise OptionError("a training needs a step at least")
    config = read_config(config_path, DetectorTraining)
    data = read_config(data_path, DetectorData)
    if licences is not None:
        data = data.licensed(licences)
    config = config.as_told(steps, seed)
    material = read_material(data, data_path, config)
    if start_from is None:
        first_weights = initialisation or data.initialisation_from(data_path)
        detector = _initialised(first_weights, config.decoder.seed)
    else:
        first_weights = resolve_weights(start_from)
        detector = load_detector_networks(first_weights).train()
        parts = [part for part in parts if part != "decoder" and getattr(config, part).steps]
    made_by = material.made_by(config) | {FIRST_WEIGHTS: digest(first_weights)}
    run = _Run(detector, material, config, out_dir, progress, made_by)
    figures: dict[str, float] = {}
    if "decoder" in parts or "crops" in parts:
        figures |= run.train_crops(parts, goes_on=start_from is not None)
    if "proposals" in parts:
        figures |= run.train_proposals()
    files = {part: out_dir / part / "last.safetensors" for part in ("proposals", "crops")}
    if start_from is None and not all(file.is_file() for file in files.values()):
        return figures
    for part, file in files.items():
        if file.is_file():
            load_detector_part(getattr(detector, part), part, file)
    if "mutual" in parts and config.mutual.steps:
        figures |= run.train_mutual()
    if is_first_process():
        path = out_dir / "person_detector.safetensors"
        with disk_errors(path), whole_file(path) as temporary:
            save_detector(detector, temporary)
    return figures


def _initialised(initialisation: Path, seed: int) -> PersonDetector:
    """Return a detector that begins as another network's trunk; what that lacks is chance."""
    torch.manual_seed(seed)
    detector = PersonDetector(has_mutual_look=False)
    load_initialisation(detector, initialisation)
    return detector


@dataclass(frozen=True)
class _Run:
    """A detector whose parts are trained one after another."""

    detector: PersonDetector
    material: DetectorMaterial
    config: DetectorTraining
    out_dir: Path
    progress: PartReport
    made_by: Mapping[str, object]

    def train_crops(self, parts: Sequence[str], goes_on: bool) -> dict[str, float]:
        """Train the second look; return its masks' overlap with the truth.

        Args:
            parts: Trained are `decoder` and `crops` of them.
            goes_on: The look is trained already, not begun by its decoder.
        """
        config, network = self.config, self.detector.crops
        recorded = _recorded_proposals(
            self.out_dir / "start_proposals.npz",
            self.detector.proposals,
            str(self.made_by[FIRST_WEIGHTS]),
            self.material.photos,
        )
        sampler = CropSampler(self.material.mixed(), recorded)
        held_out = _validation_crops(self.material.held_out)
        figures = {}
        for part, loop in (("decoder", config.decoder), ("crops", config.crops)):
            if part not in parts:
                continue
            if part == "crops" and not goes_on:
                load_detector_part(network, "crops", self.out_dir / "decoder" / "last.safetensors")
            task = CropTask(
                network,
                sampler,
                held_out,
                config.crops_per_step,
                loop.seed,
                part,
                drawn_outline_weight=config.drawn_outline_weight,
            )
            figures["mask_iou"] = self._train(part, task)
        return figures

    def train_proposals(self) -> dict[str, float]:
        """Train the first look; return its boxes' average precision."""
        task = ProposalTask(
            self.detector.proposals,
            self.material.photos,
            self.material.held_out,
            self.material.patches,
            self.config.photos_per_step,
            self.config.proposals.seed,
        )
        return {"box_ap": self._train("proposals", task)}

    def train_mutual(self) -> dict[str, float]:
        """Train the third look by what the other two say; return its masks' overlap."""
        config, detector = self.config, self.detector
        if detector.mutual is None:
            detector.mutual = begin_mutual(detector.crops)
        first_looks = PersonDetector(has_mutual_look=False)
        first_looks.proposals, first_looks.crops = detector.proposals, detector.crops
        mixed = replace(self.material.mixed(), single_share=0.15, composite_share=0.4)
        settings = CompactSettings(max_people=MAX_PEOPLE)
        # As in use where the training runs in bfloat16, which halves the guides' time.
        precision = torch.bfloat16 if config.mutual.precision.startswith("bf16") else torch.float32
        guides = CompactDetector(network=first_looks, settings=settings, precision=precision)
        sampler = MutualCropSampler(mixed, guides)
        held_out = [crop for photo in self.material.held_out for crop in sampler.samples_of(photo)]
        task = CropTask(
            detector.mutual,
            sampler,
            [crop for crop in held_out if crop.is_person],
            config.crops_per_step,
            config.mutual.seed,
            part="mutual",
            drawn_outline_weight=config.drawn_outline_weight,
        )
        score = self._train("mutual", task)
        load_detector_part(detector.mutual, "mutual", self.out_dir / "mutual" / "last.safetensors")
        return {"mutual_mask_iou": score}

    def _train(self, part: str, task: TrainingTask) -> float:
        """Train a part by its schedule; return the score of its last weights."""
        loop = getattr(self.config, part)
        told = partial(self.progress, part)
        return train(task, loop, self.out_dir / part, told, self.made_by).last["score"]


def _recorded_proposals(
    path: Path, network: PersonProposals, first_weights: str, photos: Sequence[Photo]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return what the network finds in the photos; `path` keeps it for resumed runs.

    Args:
        path: What it holds of other weights, or of other photos, is found anew.
        network: As the training begins.
        first_weights: Digest of what it began as.
        photos: Where people are looked for.

    Raises:
        AlphaWriteError: The file cannot be written.
    """
    if path.is_file():
        with np.load(path) as archive:
            kept = dict(archive)
        is_of_them = str(kept.pop(FIRST_WEIGHTS, "")) == first_weights
        if is_of_them and kept.keys() == {photo.name for photo in photos}:
            return kept
    found = find_proposals(network, photos)
    if is_first_process():  # the others of torchrun find the same at the same time
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as partial, partial.open("wb") as file:
                np.savez(file, **found, **{FIRST_WEIGHTS: first_weights})  # type: ignore[arg-type]
    return found


def _validation_crops(photos: Sequence[Photo]) -> list[CropSample]:
    rng = np.random.default_rng(0)
    return [
        make_sample(photo, person, jitter_box(person.box, rng))
        for photo in photos
        for person in photo.people
        if person.height_px >= MIN_VALIDATION_PX
    ]
