"""Pictures of people and places that training never sees, the same for every run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from instmatt_video.models.matting_network import normalise_image

from ..detection.detector import Detector
from ..errors import OptionError
from .cutout_names import photo_stem
from .cutouts import CutoutLibrary
from .detected_guidance import detect_masks
from .guidance import GuidanceConfig, simulate_masks
from .packs import ImagePack, read_color
from .scene import SceneConfig, compose_scene

VALIDATION_SEED = 2022
MIN_HELD_OUT_PEOPLE = 5
"""A picture shows up to so many."""
MIN_LISTED = 5
"""Fewer people, or places, of somebody's own have names of our lists by chance."""
OWN_SHARE = 10
"""Of people and places that no list names, one in so many is held out."""
MAX_DRAWS = 200
"""Attempts at a picture in which two people or more found a place."""
BENCHMARK_SCENES = SceneConfig(
    count_weights=(0, 0.4, 0.3, 0.2, 0.1),
    height_range=(0.5, 0.9),
    min_visible=0.6,
    min_area=0.02,
    has_augmentation=False,
    is_posed=True,
)
"""As in HIM2K's synthetic subset people are laid over the background as they are, half to nine
tenths of its height tall, and at least 0.6 of each stays in sight."""


@dataclass(frozen=True)
class ValidationPicture:
    """One picture, its guidance and its truth."""

    image: Tensor
    """Normalised RGB, `(3, H, W)`."""
    pixels: npt.NDArray[np.uint8]
    """The same picture as RGB, `(H, W, 3)`."""
    masks: Tensor
    """Guidance, `(n, H, W)`, 0..1."""
    alphas: npt.NDArray[np.uint8]
    """Visible alphas, `(n, H, W)`, 0..255."""


def read_split(name: str) -> list[str]:
    """Return the file names of a held-out list, such as `matting_val_cutouts`."""
    text = (files("instmatt_video.training") / "splits" / f"{name}.txt").read_text()
    return text.split()


def read_held_out_people() -> list[str]:
    """Return the names of our cut-outs by which mattes are measured: trainings leave them out."""
    return read_split("matting_val_cutouts") + read_split("matting_val_photo_people")


def hold_out(cutouts: Sequence[str], backgrounds: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return which people and places training must not see: those of our lists, or some.

    People of whom our lists name hardly any are somebody's own, and places likewise: of these it is
    every tenth in order of their names, or none where people or places are too few for that.

    Args:
        cutouts: Names of all people.
        backgrounds: Names of all places.
    """
    people = _listed(cutouts, read_held_out_people())
    places = _listed(backgrounds, read_split("matting_val_backgrounds"))
    has_people = people or len(cutouts) >= OWN_SHARE * MIN_HELD_OUT_PEOPLE
    has_places = places or len(backgrounds) > 1
    if not (has_people and has_places):
        return people, places
    return people or sorted(cutouts)[::OWN_SHARE], places or sorted(backgrounds)[::OWN_SHARE]


def _listed(names: Sequence[str], ours: Sequence[str]) -> list[str]:
    """Return which of the names are ours, none where they are there by chance."""
    listed = set(ours).intersection(names)
    return [name for name in names if name in listed] if len(listed) >= MIN_LISTED else []


def hide_photos(held_out: Sequence[str], photos: Collection[str]) -> set[str]:
    """Return the stems of the photos that people were cut out of whom training must not see.

    With each goes everybody of the photo. Those of our list are hidden whoever is held out: what is
    learned from photos alone may be gone on with, and then measured by these people.

    Args:
        held_out: Names of cut-outs.
        photos: Stems of all photos, as `cutout_names` has them; a cut-out of none of them is called
            as it likes.
    """
    listed = {photo_stem(name) for name in read_split("matting_val_photo_people")}
    return listed | {photo_stem(name) for name in held_out}.intersection(photos)


def make_validation(
    cutouts: CutoutLibrary,
    backgrounds: ImagePack,
    background_names: list[str],
    count: int,
    side_px: int = 512,
    detector: Detector | None = None,
    scenes: SceneConfig = BENCHMARK_SCENES,
) -> list[ValidationPicture]:
    """Return composites of 2 to 5 people, with masks as a detector makes them.

    Picture k depends on k and the pools alone, so a shorter set is the beginning of a longer one.

    Args:
        cutouts: Held-out people.
        backgrounds: Pictures without people.
        background_names: The held-out ones.
        count: How many.
        side_px: Side of the square pictures; a multiple of 32.
        detector: Makes the masks, empty ones for those whom it misses; `None` simulates them.
        scenes: How people stand in them.

    Raises:
        OptionError: Nobody of those who were drawn can stand beside another.
    """
    pictures = []
    for index in range(count):
        rng = np.random.default_rng([VALIDATION_SEED, index])
        num_people = 1 + int(rng.choice(5, p=scenes.count_weights))
        for _ in range(MAX_DRAWS):
            chosen = rng.choice(len(cutouts), num_people, replace=False)
            name = background_names[int(rng.integers(len(background_names)))]
            scene = compose_scene(
                [cutouts[int(i)] for i in chosen],
                read_color(backgrounds, name),
                (side_px, side_px),
                scenes,
                rng,
            )
            if len(scene.alphas) > 1:
                break
        else:
            raise OptionError(
                f"{cutouts.pack.path}: held-out cut-outs hide one another: no two of those drawn "
                f"find a place in a picture of {side_px}x{side_px}"
            )
        pixels = np.asarray(np.clip(scene.image, 0, 1) * 255 + 0.5, np.uint8)
        if detector is None:
            masks = simulate_masks(scene.alphas, GuidanceConfig(), rng)
        else:
            masks, _ = detect_masks(detector, scene.image, scene.alphas)
        image = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)
        alphas = np.asarray(np.clip(scene.alphas, 0, 1) * 255 + 0.5, np.uint8)
        pictures.append(
            ValidationPicture(normalise_image(image), pixels, torch.from_numpy(masks), alphas)
        )
    return pictures
