"""Chance arrangements of people before a background, seen through a window of the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ...resizing import area_resize
from ..ranges import check_ranges
from .composites import Composite, Layer, composite
from .cutouts import Cutout
from .degradation import match_light, soften

FloatArray = npt.NDArray[np.float32]


MAX_SCENES = 50
"""Attempts at a scene with anybody in it."""
MIN_STRETCH = 0.92
"""Of a person's width."""
SPANNING = 1.2
"""Width, as a share of the window's, of those whom their picture cut off at both sides."""


@dataclass(frozen=True)
class SceneConfig:
    """How people stand in a composite."""

    count_weights: tuple[float, ...] = (0.2, 0.4, 0.22, 0.12, 0.06)
    """Chances of 1, 2, … people (the paper composes 2 to 5)."""
    height_range: tuple[float, float] = (0.45, 1.7)
    """A person's height as a share of the window's, drawn log-uniformly."""
    gap_range: tuple[float, float] = (0.25, 1.15)
    """Distance of two people's centres as a share of their mean width: below 1 they overlap."""
    min_visible: float = 0.3
    """Share of a person's area that those in front must leave visible."""
    min_area: float = 0.01
    """Share of the window that a person must fill to count."""
    has_augmentation: bool = True
    """Change light and sharpness of each layer."""
    is_posed: bool = False
    """People stand upright and whole in the window, as in a benchmark; not turned, not cut off."""

    def __post_init__(self) -> None:
        check_ranges(self, ("count_weights", "gap_range"), 0)
        check_ranges(self, ("height_range",), 0.01)
        check_ranges(self, ("min_visible", "min_area"), 0, 1)
        if not sum(self.count_weights) > 0:
            raise ValueError(f"count_weights must hold one above 0, not {self.count_weights}")
        for name in ("height_range", "gap_range"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must go from the least to the most, not {(low, high)}")


def compose_scene(
    cutouts: Sequence[Cutout],
    background: npt.NDArray[np.uint8],
    size: tuple[int, int],
    config: SceneConfig,
    rng: np.random.Generator,
) -> Composite:
    """Return a composite in which every layer shows enough of its person.

    The first cut-out is placed freely, the others beside one of those before, with a random gap or
    overlap; the order from back to front is random. One that would hide another, or be hidden, is
    tried anew a few times and left out at last, so fewer people than cut-outs may appear, but at
    least one.

    Args:
        cutouts: One for each person, in no order.
        background: A picture without people, `(h, w, 3)`.
        size: (width, height) of the window in pixels.
        config: Ranges.
        rng: Source of chance.

    Raises:
        ValueError: Nobody can be placed as the config asks.
    """
    for _ in range(MAX_SCENES):
        scene = place_background(background, size, config, rng)
        layers = _lay_people(cutouts, scene, size, config, rng)
        if layers:
            return composite(scene, layers)
    names = ", ".join(cutout.name for cutout in cutouts)
    raise ValueError(f"nobody of {names} can be placed in {size[0]}x{size[1]} as asked")


def _lay_people(
    cutouts: Sequence[Cutout],
    scene: FloatArray,
    size: tuple[int, int],
    config: SceneConfig,
    rng: np.random.Generator,
) -> list[Layer]:
    """Return the layers of those who found a place, from back to front."""
    layers: list[Layer] = []
    spans: list[tuple[float, float]] = []
    for cutout in cutouts:
        for _ in range(4):
            matrix, span = place_cutout(cutout, spans, size, config, rng)
            layer = cutout.lay(matrix, size)
            position = int(rng.integers(0, len(layers) + 1))
            candidate = [*layers[:position], layer, *layers[position:]]
            if not _all_visible(candidate, config):
                continue
            if config.has_augmentation:
                candidate[position] = soften(match_light(layer, scene, rng), rng)
            layers = candidate
            spans.append(span)
            break
    return layers


def place_background(
    image: npt.NDArray[np.uint8],
    size: tuple[int, int],
    config: SceneConfig,
    rng: np.random.Generator,
) -> FloatArray:
    """Return a random part of a picture at the window's size, `(H, W, 3)`, 0..1."""
    height, width = image.shape[:2]
    cover = max(size[0] / width, size[1] / height)
    scale = cover * float(np.exp(rng.uniform(0, 0.7)))
    crop_w = min(width, max(1, round(size[0] / scale)))
    crop_h = min(height, max(1, round(size[1] / scale)))
    x, y = int(rng.integers(0, width - crop_w + 1)), int(rng.integers(0, height - crop_h + 1))
    crop = image[y : y + crop_h, x : x + crop_w]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    scene = area_resize(np.ascontiguousarray(crop), size[::-1])
    result = np.asarray(scene, np.float32) / 255
    if config.has_augmentation:
        if rng.random() < 0.4:
            result = cv2.GaussianBlur(result, (0, 0), rng.uniform(0.5, 0.02 * max(size)))
        result = np.clip(result * np.exp(rng.normal(0, 0.2)), 0, 1)
    return np.asarray(result, np.float32)


def place_cutout(
    cutout: Cutout,
    spans: Sequence[tuple[float, float]],
    size: tuple[int, int],
    config: SceneConfig,
    rng: np.random.Generator,
) -> tuple[FloatArray, tuple[float, float]]:
    """Return the affine map from cut-out to window, and the person's (centre, width) in it.

    A person whose picture cuts them off below stands on the window's lower edge, as in a real
    half-body shot; otherwise the network would learn flat cuts. So does one who is cut off at the
    sides: one side lies outside of the window, or the person spans it.

    Args:
        cutout: Whom to place.
        spans: (centre, width) of the people placed before.
        size: (width, height) of the window in pixels.
        config: Ranges.
        rng: Source of chance.
    """
    window_w, window_h = size
    low, high = np.log(config.height_range)
    height = window_h * float(np.exp(rng.uniform(low, high)))
    if spans and not config.is_posed:
        # People of one shot are of like size: stay near the first one's scale.
        height = spans[0][1] / cutout.width * cutout.height * float(np.exp(rng.uniform(-0.3, 0.3)))
        height = float(np.clip(height, 0.3 * window_h, 2.2 * window_h))
    is_spanning = cutout.is_cut_left and cutout.is_cut_right and not config.is_posed
    if is_spanning:
        height = max(height, SPANNING * window_w / cutout.width * cutout.height)
    scale = height / cutout.height
    width = scale * cutout.width
    if spans:
        anchor, anchor_width = spans[int(rng.integers(len(spans)))]
        gap = rng.uniform(*config.gap_range) * (width + anchor_width) / 2
        centre = anchor + gap * rng.choice((-1, 1))
    else:
        centre = window_w * rng.uniform(0.15, 0.85)
    angle = 0.0 if config.is_posed else rng.uniform(-8, 8)
    if is_spanning:
        angle, reach = 0.0, MIN_STRETCH * width / 2 - 2
        centre = float(np.clip(centre, window_w - reach, reach))
    if config.is_posed:
        centre = float(np.clip(rng.uniform(0, window_w), width / 2, window_w - width / 2))
        bottom = rng.uniform(height, window_h) if not cutout.is_cut_below else window_h + 1.0
    elif cutout.is_cut_below:
        # Deep enough that turning the cut edge cannot lift it into the window.
        bottom = window_h + width * abs(np.sin(np.radians(angle))) + height * rng.uniform(0, 0.35)
        bottom = min(bottom, height + 0.8 * window_h)
        bottom = max(bottom, window_h + width * abs(np.sin(np.radians(angle))))
    else:
        bottom = rng.uniform(max(0.6 * window_h, height * 0.45), window_h + 0.6 * height)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    turn = cv2.getRotationMatrix2D((0, 0), angle, scale)
    stretch = 1.0 if config.is_posed else rng.uniform(MIN_STRETCH, 1.08)
    matrix = turn.copy()
    matrix[:, 0] *= flip * stretch
    middle = np.array([cutout.width / 2, cutout.height / 2])
    matrix[:, 2] = np.array([centre, bottom - height / 2]) - matrix[:, :2] @ middle
    shift = _shift_of_cut_side(cutout, matrix, window_w)
    matrix[0, 2] += shift
    return np.asarray(matrix, np.float32), (float(centre + shift), width)


def _shift_of_cut_side(cutout: Cutout, matrix: npt.NDArray[np.float64], window_width: int) -> float:
    """Return by how much somebody moves whose picture cut them off at one side.

    That side lies outside of the window, or the network would learn flat cuts.

    Args:
        cutout: The person.
        matrix: `(2, 3)`, from the cut-out to the window.
        window_width: In pixels.
    """
    if cutout.is_cut_left == cutout.is_cut_right:
        return 0.0
    column = 0 if cutout.is_cut_left else cutout.width
    ends = matrix[0] @ np.array([[column, column], [0, cutout.height], [1, 1]])
    is_on_left = (matrix[0, 0] > 0) == cutout.is_cut_left
    if is_on_left:
        return min(0.0, -2 - float(ends.max()))
    return max(0.0, window_width + 2 - float(ends.min()))


def _all_visible(layers: Sequence[Layer], config: SceneConfig) -> bool:
    """Say whether each layer, from back to front, keeps enough of itself in sight."""
    through = np.ones(layers[0].alpha.shape, np.float32)
    for layer in reversed(layers):
        area = float(layer.alpha.sum())
        visible = float((layer.alpha * through).sum())
        if visible < config.min_area * layer.alpha.size or visible < config.min_visible * area:
            return False
        through = through * (1 - layer.alpha)
    return True
