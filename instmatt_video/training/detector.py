"""`train detector`: from a configuration to the embedded detector's weights.

Knows where the data lies and in which order the two networks are trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from instmatt_video.models.person_detector import PersonDetector
from instmatt_video.models.person_proposals import PersonProposals

from ..checksums import digest
from ..detection.compact import CompactDetector, CompactSettings
from ..errors import OptionError, disk_errors
from ..weights.loading import load_detector_networks, resolve_weights
from ..whole_file import whole_file
from .coco_photos import read_coco_photos
from .config import read_config, resolve
from .detector_crop_task import CropTask
from .detector_crops import CropSample, CropSampler, jitter_box, make_sample
from .detector_mutual_crops import MutualCropSampler
from .detector_photos import PhotoMixer, large_people
from .detector_proposal_task import ProposalTask, find_proposals
from .detector_weights import (
    begin_mutual,
    load_detector_part,
    load_initialisation,
    save_detector,
)
from .loop import train
from .loop_config import LoopConfig
from .marked_photos import (
    PersonPatch,
    Photo,
    patches_of_photos,
    read_backgrounds,
    read_masked_photos,
    read_patches,
)
from .matting_validation import read_held_out_people, read_split
from .processes import is_first_process
from .ranges import check_ranges

PARTS = ("decoder", "crops", "proposals", "mutual")
PartProgress = Callable[[str, int, int, Mapping[str, float]], None]
"""As `loop.Progress`, with the name of the part before."""
MIN_PATCH_PX = 80.0
"""Smaller people are not worth pasting elsewhere."""
MIN_VALIDATION_PX = 48.0
MAX_PEOPLE = 12
"""Looked at in a photo before the third look learns from it: of crowds the nearest will do."""


@dataclass(frozen=True)
class DetectorData:
    """Where the pictures are; a relative path starts at the TOML file's folder."""

    photos: Path
    """COCO-format folder or tar pack: `images/` and `instances_person.json`."""
    initialisation: Path | None = None
    """NanoDet-m's COCO weights as safetensors; not needed where others are gone on from."""
    masked_photos: tuple[Path, ...] = ()
    """Packs of one-person photos, `image/` and `mask/`."""
    cutouts: Path | None = None
    """Pack of RGBA people, `rgba/`."""
    backgrounds: Path | None = None
    """Pack of pictures that show nobody."""
    licences: tuple[int, ...] = ()
    """COCO licence ids of the photos to use; none: all."""

    def licensed(self, licences: tuple[int, ...]) -> DetectorData:
        """Return the photos of these COCO licences alone; the other packs have no licence ids."""
        return replace(self, masked_photos=(), cutouts=None, backgrounds=None, licences=licences)


@dataclass(frozen=True)
class DetectorTraining:
    """How the networks are trained."""

    crops_per_step: int = 32
    photos_per_step: int = 4
    held_out_photos: int = 60
    """Photos of the train subset that are not trained on, for watching the training."""
    pastes_photo_people: bool = True
    """The photos' own people are pasted beside the cut-outs, with the hard edges of their masks."""
    drawn_outline_weight: float = 1.0
    """How much masks drawn by hand count at their outlines, 0..1."""
    decoder: LoopConfig = field(default_factory=LoopConfig)
    """The crop network's new layers alone."""
    crops: LoopConfig = field(default_factory=LoopConfig)
    """The whole crop network."""
    proposals: LoopConfig = field(default_factory=LoopConfig)
    mutual: LoopConfig = field(default_factory=lambda: LoopConfig(steps=0))
    """The third look, once the others are trained; without steps there is none."""

    def __post_init__(self) -> None:
        check_ranges(self, ("crops_per_step", "photos_per_step"), 1)
        check_ranges(self, ("held_out_photos",), 0)
        check_ranges(self, ("drawn_outline_weight",), 0, 1)


@dataclass(frozen=True)
class _Material:
    photos: list[Photo]
    held_out: list[Photo]
    single_photos: list[Photo]
    patches: Sequence[PersonPatch]
    backgrounds: Sequence[npt.NDArray[np.uint8]]

    def made_by(self, config: DetectorTraining) -> dict[str, object]:
        """Return what decides the batches, beside a part's schedule."""
        return {
            "crops_per_step": config.crops_per_step,
            "photos_per_step": config.photos_per_step,
            "drawn_outline_weight": config.drawn_outline_weight,
            "number of photos": len(self.photos) + len(self.single_photos),
            "number of cut-outs": len(self.patches),
            "number of backgrounds": len(self.backgrounds),
        }

    def mixed(self) -> PhotoMixer:
        return PhotoMixer(self.photos, self.single_photos, self.patches, self.backgrounds)


def train_detector(
    config_path: Path,
    data_path: Path,
    out_dir: Path,
    parts: Sequence[str] = PARTS,
    progress: PartProgress = lambda part, step, steps, figures: None,
    licences: tuple[int, ...] | None = None,
    initialisation: Path | None = None,
    steps: int | None = None,
    start_from: Path | None = None,
    seed: int | None = None,
) -> dict[str, float]:
    """Train the named parts and return their figures on held-out photos.

    Leaves `out_dir/person_detector.safetensors`, the whole detector, once every part is trained.

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
    """
    if steps == 0:
        raise OptionError("a training needs a step at least")
    config = read_config(config_path, DetectorTraining)
    data = read_config(data_path, DetectorData)
    if licences is not None:
        data = data.licensed(licences)
    config = replace(
        config,
        decoder=_as_told(config.decoder, steps, seed),
        crops=_as_told(config.crops, steps, seed),
        proposals=_as_told(config.proposals, steps, seed),
        mutual=_as_told(config.mutual, steps, seed),
    )
    material = _read(data, data_path, config)
    if start_from is None:
        if initialisation is None:
            if data.initialisation is None:
                raise OptionError(f"{data_path} names no initialisation: name one with --init")
            initialisation = resolve(data.initialisation, data_path)
        begun_with = initialisation
        torch.manual_seed(config.decoder.seed)  # what the initialisation lacks is chance
        detector = PersonDetector(has_mutual_look=False)
        load_initialisation(detector, initialisation)
    else:
        begun_with = resolve_weights(start_from)
        detector = load_detector_networks(begun_with).train()
        parts = [part for part in parts if part != "decoder" and getattr(config, part).steps]
    figures: dict[str, float] = {}
    made_by = material.made_by(config) | {"first weights": digest(begun_with)}
    if "decoder" in parts or "crops" in parts:
        recorded = _recorded_proposals(
            out_dir / "start_proposals.npz", detector.proposals, material.photos
        )
        sampler = CropSampler(material.mixed(), recorded)
        held_out = _validation_crops(material.held_out)
        for part, loop in (("decoder", config.decoder), ("crops", config.crops)):
            if part not in parts:
                continue
            if part == "crops" and start_from is None:
                load_detector_part(detector.crops, "crops", out_dir / "decoder/last.safetensors")
            task = CropTask(
                detector.crops,
                sampler,
                held_out,
                config.crops_per_step,
                loop.seed,
                has_frozen_backbone=part == "decoder",
                drawn_outline_weight=config.drawn_outline_weight,
            )
            told = partial(progress, part)
            best = train(task, loop, out_dir / part, told, made_by)
            figures["mask_iou"] = best["score"]
    if "proposals" in parts:
        proposal_task = ProposalTask(
            detector.proposals,
            material.photos,
            material.held_out,
            material.patches,
            config.photos_per_step,
            config.proposals.seed,
        )
        told = partial(progress, "proposals")
        best = train(proposal_task, config.proposals, out_dir / "proposals", told, made_by)
        figures["box_ap"] = best["score"]
    # The last weights, not the best: a few dozen held-out photos rank neighbours by chance.
    files = {part: out_dir / part / "last.safetensors" for part in ("proposals", "crops")}
    if start_from is None and not all(file.is_file() for file in files.values()):
        return figures
    for part, file in files.items():
        if file.is_file():
            load_detector_part(getattr(detector, part), part, file)
    if "mutual" in parts and config.mutual.steps:
        figures["mutual_mask_iou"] = _train_mutual(
            detector, material, config, out_dir, progress, made_by
        )
    if is_first_process():
        path = out_dir / "person_detector.safetensors"
        with disk_errors(path), whole_file(path) as temporary:
            save_detector(detector, temporary)
    return figures


def _train_mutual(
    detector: PersonDetector,
    material: _Material,
    config: DetectorTraining,
    out_dir: Path,
    progress: PartProgress,
    made_by: Mapping[str, object],
) -> float:
    """Train the third look by what the other two say; return its masks' overlap with the truth."""
    if detector.mutual is None:
        detector.mutual = begin_mutual(detector.crops)
    first_looks = PersonDetector(has_mutual_look=False)
    first_looks.proposals, first_looks.crops = detector.proposals, detector.crops
    mixed = replace(material.mixed(), single_share=0.15, composite_share=0.4)
    settings = CompactSettings(max_people=MAX_PEOPLE)
    # As in use where the training runs in bfloat16, which halves the guides' time.
    precision = torch.bfloat16 if config.mutual.precision.startswith("bf16") else torch.float32
    guides = CompactDetector(network=first_looks, settings=settings, precision=precision)
    sampler = MutualCropSampler(mixed, guides)
    held_out = [sample for photo in material.held_out for sample in sampler.samples_of(photo)]
    task = CropTask(
        detector.mutual,
        sampler,
        [sample for sample in held_out if sample.is_person],
        config.crops_per_step,
        config.mutual.seed,
        part="mutual",
        drawn_outline_weight=config.drawn_outline_weight,
    )
    told = partial(progress, "mutual")
    best = train(task, config.mutual, out_dir / "mutual", told, made_by)
    load_detector_part(detector.mutual, "mutual", out_dir / "mutual" / "last.safetensors")
    return best["score"]


def _as_told(loop: LoopConfig, steps: int | None, seed: int | None) -> LoopConfig:
    """Return a part's schedule with another length, if it has one, and seed."""
    if steps is not None and loop.steps:
        loop = replace(loop, steps=steps)
    return loop if seed is None else replace(loop, seed=seed)


def _read(data: DetectorData, data_path: Path, config: DetectorTraining) -> _Material:
    photos = read_coco_photos(resolve(data.photos, data_path), "train", data.licences or None)
    # A fixed rule, not the run's seed: two runs are compared on the same held-out photos.
    order = np.random.default_rng(0).permutation(len(photos))
    held_out = [photos[i] for i in order[: config.held_out_photos]]
    photos = [photos[i] for i in order[config.held_out_photos :]]
    if not any(large_people(photo) for photo in photos):
        of_licences = f" of licences {', '.join(map(str, data.licences))}" if data.licences else ""
        raise OptionError(
            f"{data.photos} has nobody to learn from in its train photos{of_licences}, "
            f"{len(held_out)} of them held out"
        )
    single_photos = [
        photo
        for pack in data.masked_photos
        for photo in read_masked_photos(resolve(pack, data_path))
    ]
    shown = [*photos, *single_photos] if config.pastes_photo_people else []
    patches = patches_of_photos(shown, MIN_PATCH_PX)
    # Mattes are measured from its masks, too: it must not know those cut-outs and places. Some of
    # the people it knows all the same: they were cut out of its photos.
    if data.cutouts is not None:
        left_out = read_held_out_people()
        patches += read_patches(resolve(data.cutouts, data_path), left_out)
    backgrounds: Sequence[npt.NDArray[np.uint8]] = ()
    if data.backgrounds is not None:
        left_out = read_split("matting_val_backgrounds")
        backgrounds = read_backgrounds(resolve(data.backgrounds, data_path), left_out)
    return _Material(photos, held_out, single_photos, patches, backgrounds)


def _recorded_proposals(
    path: Path, network: PersonProposals, photos: Sequence[Photo]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return what the network finds in the photos; `path` keeps it for resumed runs.

    Raises:
        AlphaWriteError: The file cannot be written.
    """
    if path.is_file():
        with np.load(path) as archive:
            return dict(archive)
    found = find_proposals(network, photos)
    if is_first_process():  # the others of torchrun find the same at the same time
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as partial, partial.open("wb") as file:
                np.savez(file, **found)  # type: ignore[arg-type]
    return found


def _validation_crops(photos: Sequence[Photo]) -> list[CropSample]:
    rng = np.random.default_rng(0)
    return [
        make_sample(photo, person, jitter_box(person.box, rng))
        for photo in photos
        for person in photo.people
        if person.height_px >= MIN_VALIDATION_PX
    ]
