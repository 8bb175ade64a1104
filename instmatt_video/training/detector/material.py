"""The pictures that a detector learns from: photos, cut-outs, places, and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...errors import OptionError
from ..config_file import resolve
from ..pictures.coco_photos import read_coco_photos
from ..pictures.held_out import read_held_out_people, read_split
from ..pictures.marked_photos import (
    PersonPatch,
    Photo,
    patches_of_photos,
    read_backgrounds,
    read_masked_photos,
    read_patches,
)
from .config import DetectorData, DetectorTraining
from .photos import PhotoMixer, large_people

MIN_PATCH_PX = 80.0
"""Smaller people are not worth pasting elsewhere."""


@dataclass(frozen=True)
class DetectorMaterial:
    """Who and what a detector learns from."""

    photos: list[Photo]
    """Of the train subset, everybody marked."""
    held_out: list[Photo]
    """Of the same subset, for watching the training."""
    single_photos: list[Photo]
    """Of one marked person each."""
    patches: Sequence[PersonPatch]
    """People to paste."""
    backgrounds: Sequence[npt.NDArray[np.uint8]]
    """Places that show nobody, `(H, W, 3)` RGB."""

    def made_by(self, config: DetectorTraining) -> dict[str, object]:
        """Return what decides the batches, beside a part's schedule."""
        return {
            "crops_per_step": config.crops_per_step,
            "photos_per_step": config.photos_per_step,
            "drawn_outline_weight": config.drawn_outline_weight,
            "number of photos": len(self.photos) + len(self.single_photos),
            "number of photos of one person": len(self.single_photos),
            "number of held-out photos": len(self.held_out),
            "number of cut-outs": len(self.patches),
            "number of backgrounds": len(self.backgrounds),
        }

    def mixed(self) -> PhotoMixer:
        """Return photos as they are, and composed ones."""
        return PhotoMixer(self.photos, self.single_photos, self.patches, self.backgrounds)


def read_material(
    data: DetectorData, data_path: Path, config: DetectorTraining
) -> DetectorMaterial:
    """Return the pictures that a data file names, less those by which mattes are measured.

    Raises:
        OptionError: A pack cannot be used, or there is nobody to learn from.
    """
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
    return DetectorMaterial(photos, held_out, single_photos, patches, backgrounds)
