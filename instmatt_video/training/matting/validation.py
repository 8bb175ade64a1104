"""Pictures of people and places that training never sees, the same for every run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from instmatt_video.models.matting_network import normalise_image

from ...detection.detector import Detector
from ...errors import OptionError
from ..pictures.cutouts import CutoutLibrary
from ..pictures.packs import ImagePack, read_color
from ..pictures.scene import SceneConfig, compose_scene
from .detected_guidance import detect_masks
from .guidance import GuidanceConfig, simulate_masks

VALIDATION_SEED = 2022
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
