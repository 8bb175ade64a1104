"""The pictures that a matting network learns from, and those by which it is measured meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..config_file import resolve
from ..pictures.composite_pool import CompositePool
from ..pictures.cutout_names import photo_stem
from ..pictures.cutouts import CutoutLibrary, read_long_hair_names
from ..pictures.data import MattingData
from ..pictures.held_out import MIN_HELD_OUT_PEOPLE, hide_photos, hold_out
from ..pictures.marked_photos import Photo
from ..pictures.matted_pictures import MattedFiles
from ..pictures.packs import ImagePack, Pack
from ..pictures.photos import read_marked_photos, read_matted
from .config import MattingTraining
from .validation import ValidationPicture, make_validation


@dataclass(frozen=True)
class MattingMaterial:
    """Who and what a matting network learns from."""

    people: CompositePool | None
    """What composites are made of; `None` where there are photos alone."""
    photos: list[Photo | MattedFiles]
    """Less those of people who are held out."""
    validation: list[ValidationPicture]
    """Of people and places that are held out; none where those are too few."""

    def made_by(
        self, config: MattingTraining, learned: Sequence[Photo | MattedFiles]
    ) -> dict[str, object]:
        """Return what of the material decides the batches and the validation.

        Args:
            config: The training's.
            learned: Those of the photos that are learned from.
        """
        matted = [photo for photo in learned if isinstance(photo, MattedFiles)]
        people = self.people
        return {
            "number of cut-outs": 0 if people is None else len(people.cutouts),
            "number of backgrounds": 0 if people is None else len(people.background_names),
            "number of photos": len(learned),
            "number of photos with soft alphas": len(matted),
            "number of photos with known colours": sum(bool(files.foregrounds) for files in matted),
            # The best of one validation is not the best of another.
            "number of validation pictures": len(self.validation),
            "validation_side_px": config.validation_side_px,
        }


def read_material(data: MattingData, data_path: Path, config: MattingTraining) -> MattingMaterial:
    """Return the pictures that a data file names, with whoever is held out apart.

    Raises:
        OptionError: A pack or a picture cannot be read, or nobody held out can stand beside
            another.
    """
    marked = read_marked_photos(data, data_path)
    people, validation, hidden = _read_people(data, data_path, config, marked)
    photos: list[Photo | MattedFiles] = [
        photo for stem, photo in marked.items() if stem not in hidden
    ]
    photos += read_matted(data, data_path)
    return MattingMaterial(people, photos, validation)


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
