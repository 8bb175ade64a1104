"""One training batch of the matting network, from composites and from photos of marked people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from instmatt_video.models.matting_network import normalise_image
from instmatt_video.models.tri_mask import build_tri_masks

from ...detection.detector import Detector
from ...errors import OptionError
from ..pictures.composite_pool import CompositePool
from ..pictures.composites import Composite
from ..pictures.degradation import degrade, obscure
from ..pictures.dimming import dim_composite, draw_curve
from ..pictures.kept_pictures import PicturesInOrder
from ..pictures.marked_photos import Photo
from ..pictures.matted_pictures import MattedFiles, MattedPicture
from ..pictures.photo_windows import PhotoWindow, has_target, view_matted, view_photo
from ..pictures.scene import SceneConfig
from ..pictures.straight_rgba import straight_color
from ..ranges import check_ranges
from .detected_guidance import detect_masks
from .guidance import GuidanceConfig, drop_neighbours, simulate_masks

FloatArray = npt.NDArray[np.float32]

MAX_WINDOWS = 100
"""Looked into before it is said that nobody is in any."""


@dataclass(frozen=True)
class MattingBatch:
    """Samples of several pictures; one sample is one person as target."""

    image: Tensor
    """Normalised RGB as the network sees it, `(N, 3, H, W)`."""
    tri_masks: Tensor
    """Guidance, `(N, 3, H, W)`, 0..1."""
    tri_mattes: Tensor
    """Truth, `(N, 3, H, W)`, 0..1."""
    weight: Tensor
    """Where the truth is known, `(N, 1, H, W)`, 0 or 1: a hard mask says nothing of its edge."""
    layers: Tensor
    """RGB of target, reference and background, `(N, 3, 3, H, W)`, 0..1."""
    composite: Tensor
    """The picture before noise and compression, `(N, 3, H, W)`, 0..1."""
    has_layers: Tensor
    """`(N, 1, 1, 1)`, 1 where `layers` are known (composites), else 0."""
    groups: Tensor
    """`(N,)` integers: samples of one picture share a number."""

    def to(self, device: torch.device) -> MattingBatch:
        """Return the batch on a device."""
        return MattingBatch(
            **{name: tensor.to(device, non_blocking=True) for name, tensor in vars(self).items()}
        )


@dataclass(frozen=True)
class MattingBatchConfig:
    """What a batch is made of."""

    pictures: int = 4
    """Pictures a batch."""
    targets: int = 2
    """Targets drawn from each picture; fewer where fewer people are found."""
    photo_chance: float = 0.15
    """Share of pictures that are photos of marked people, with hard masks or soft alphas."""
    long_hair_weight: float = 4.0
    """How much oftener a cut-out with long or curly hair is drawn."""
    detected_chance: float = 0.0
    """Share of pictures whose masks the embedded detector makes, instead of a simulation."""
    obscured_chance: float = 0.0
    """Share of those in which the detector sees an obscured picture: it has learned from these
    very people, and its masks of strangers are worse."""
    wall_chance: float = 0.0
    """Share of composites before a plain wall in the people's own colours."""
    dim_chance: float = 0.0
    """Share of pictures in low light or with deep shadows."""
    far_chance: float = 0.0
    """Share of pictures that a camera saw smaller, so that people are enlarged with its noise."""
    scene: SceneConfig = field(default_factory=SceneConfig)
    guidance: GuidanceConfig = field(default_factory=GuidanceConfig)

    def __post_init__(self) -> None:
        check_ranges(self, ("pictures", "targets"), 1)
        check_ranges(self, ("long_hair_weight",), 0.001)
        chances = ("photo", "detected", "obscured", "wall", "dim", "far")
        check_ranges(self, (f"{name}_chance" for name in chances), 0, 1)


class MattingBatchMaker:
    """Makes any batch of a training from its number alone: a resumed run sees the same data.

    Args:
        people: Whom composites are made of; `None` where every picture is a photo.
        photos: Photos whose people have hard masks or soft alphas; may be empty where there are
            `people`. One with hard masks that shows nobody of `photo_windows.MIN_HEIGHT_PX` is
            left out.
        config: What a batch is made of.
        seed: Start of all chance.
        detector: Makes the masks of `detected_chance` of the pictures.
        stage: Of the training: each sees pictures of its own, whatever the seed.
    """

    def __init__(
        self,
        people: CompositePool | None,
        photos: Sequence[Photo | MattedFiles],
        config: MattingBatchConfig,
        seed: int,
        detector: Detector | None = None,
        stage: int = 1,
    ) -> None:
        self.detector = detector
        self.people = people
        self.photos = [p for p in photos if isinstance(p, MattedFiles) or has_target(p)]
        self._read = PicturesInOrder[Photo | MattedPicture]([photo.read for photo in self.photos])
        self.config = config
        self.seed = seed
        self.stage = stage

    def make(self, step: int, rank: int = 0, *, size_px: int) -> MattingBatch:
        """Return batch number `step` of process `rank`.

        Args:
            step: From 0.
            rank: From 0.
            size_px: Side of the square windows; a multiple of 32 from 64.
        """
        samples: list[dict[str, Tensor]] = []
        for picture in range(self.config.pictures):
            rng = np.random.default_rng([self.seed, self.stage, step, rank, picture])
            seen = self._picture(size_px, rng)
            if self.config.dim_chance and rng.random() < self.config.dim_chance:
                seen = _dimmed(seen, rng)
            pixels = degrade(seen.image, rng, self.config.far_chance)
            masks, found = self._guidance(seen.alphas, pixels, rng)
            targets = self.config.targets
            if isinstance(seen, Composite):
                sample = composite_samples(seen, masks, found, pixels, targets, rng)
            else:
                sample = photo_samples(seen, masks, found, pixels, targets, rng)
            count = len(sample["tri_masks"])
            sample["groups"] = torch.full((count,), picture)
            samples.append(sample)
        return MattingBatch(**{key: torch.cat([s[key] for s in samples]) for key in samples[0]})

    def _picture(self, side: int, rng: np.random.Generator) -> Composite | PhotoWindow:
        is_photo = self.photos and rng.random() < self.config.photo_chance
        window = self._window(side, rng) if is_photo else None
        if window is None and self.people is not None:
            return self.people.compose(side, self.config.scene, self.config.wall_chance, rng)
        for _ in range(MAX_WINDOWS):
            window = window or self._window(side, rng)
        if window is None:
            raise OptionError("nobody fills a window of the photos")
        return window

    def _window(self, side: int, rng: np.random.Generator) -> Composite | PhotoWindow | None:
        photo = self._read[int(rng.integers(len(self.photos)))]
        if isinstance(photo, MattedPicture):
            return view_matted(photo, side, rng)
        return view_photo(photo, side, rng)

    def _guidance(
        self, alphas: FloatArray, pixels: FloatArray, rng: np.random.Generator
    ) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Return masks of the people, `(n, H, W)`, and which of them were found, `(n,)`."""
        masks = simulate_masks(alphas, self.config.guidance, rng)
        found = drop_neighbours(len(masks), self.config.guidance, rng)
        is_detected, is_obscured = rng.random(2) < (
            self.config.detected_chance,
            self.config.obscured_chance,
        )
        if self.detector is not None and is_detected:
            shown = obscure(pixels, rng) if is_obscured else pixels
            detected, is_seen = detect_masks(self.detector, shown, alphas)
            if is_seen.any():  # else the simulation stands in: a sample needs somebody
                return detected, is_seen
        return masks, found


def _dimmed(seen: Composite | PhotoWindow, rng: np.random.Generator) -> Composite | PhotoWindow:
    curve = draw_curve(rng)
    if isinstance(seen, Composite):
        return dim_composite(seen, curve)
    return replace(seen, image=curve.of(seen.image))


def composite_samples(
    scene: Composite,
    masks: FloatArray,
    found: npt.NDArray[np.bool_],
    pixels: FloatArray,
    targets: int,
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    """Return the samples of one composite, keyed as `MattingBatch`, without `groups`.

    A person whom the detector missed is background to the network, in guidance and in truth.

    Args:
        scene: The composite.
        masks: Guidance, `(n, H, W)`.
        found: Who was detected, `(n,)`.
        pixels: The degraded picture, `(H, W, 3)`, 0..1.
        targets: At most so many of those found become targets.
        rng: Source of chance.
    """
    drawn, shared = _draw_targets(scene.alphas, masks, found, pixels, targets, rng)
    colors = scene.foregrounds
    everybody = colors[found].sum(0)
    layers = [
        np.stack(
            [
                straight_color(color, alpha)
                for color, alpha in zip(
                    (colors[i], everybody - colors[i], scene.image - everybody), matte, strict=True
                )
            ]
        )
        for i, matte in zip(drawn, shared["tri_mattes"].numpy(), strict=True)
    ]
    count, (height, width) = len(drawn), scene.image.shape[:2]
    stacked = torch.from_numpy(np.stack(layers)).permute(0, 1, 4, 2, 3)  # (n, 3, 3, H, W)
    return {
        **shared,
        "weight": torch.ones(count, 1, height, width),
        "layers": stacked,
        "composite": _to_chw(scene.image).expand(count, -1, -1, -1),
        "has_layers": torch.ones(count, 1, 1, 1),
    }


def photo_samples(
    window: PhotoWindow,
    masks: FloatArray,
    found: npt.NDArray[np.bool_],
    pixels: FloatArray,
    targets: int,
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    """Return the samples of one photo, as `composite_samples` does; its layers are not known."""
    drawn, shared = _draw_targets(window.alphas, masks, found, pixels, targets, rng)
    count, (height, width) = len(drawn), window.known.shape
    return {
        **shared,
        "weight": torch.from_numpy(window.known).expand(count, 1, -1, -1),
        "layers": torch.zeros(1, 1, 1, 1, 1).expand(count, 3, 3, height, width),
        "composite": torch.zeros(1, 1, 1, 1).expand(count, 3, height, width),
        "has_layers": torch.zeros(count, 1, 1, 1),
    }


def _draw_targets(
    alphas: FloatArray,
    masks: FloatArray,
    found: npt.NDArray[np.bool_],
    pixels: FloatArray,
    targets: int,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], dict[str, Tensor]]:
    """Return whom to learn, and what their samples hold whatever the picture was made of."""
    people = np.flatnonzero(found)
    chosen = rng.permutation(len(people))[:targets]
    drawn = people[chosen]
    everybody = alphas[people].sum(0)
    mattes = np.stack([np.stack((a, everybody - a, 1 - everybody)) for a in alphas[drawn]])
    tri_masks = build_tri_masks(torch.from_numpy(masks[people]))
    return drawn, {
        "image": normalise_image(_to_chw(pixels)).expand(len(drawn), -1, -1, -1),
        "tri_masks": tri_masks[torch.from_numpy(chosen)],
        "tri_mattes": torch.from_numpy(np.clip(mattes, 0, 1).astype(np.float32)),
    }


def _to_chw(image: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
