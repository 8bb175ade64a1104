"""Guidance masks as detectors fail: coarse grids, blobs lost or leaked, neighbours missing."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ...rectangle import Rectangle
from ..ranges import check_ranges

FloatArray = npt.NDArray[np.float32]

LEAST_NOISE = 0.2
"""Least standard deviation of the low-frequency error in logits."""


@dataclass(frozen=True)
class GuidanceConfig:
    """Chances and sizes of a detector's faults."""

    grids: tuple[int, ...] = (28, 28, 28, 56)
    """Cells a side of the mask heads that are imitated, one drawn at random."""
    exact_chance: float = 0.08
    """A mask as good as another tool's: the alpha above one half."""
    hard_chance: float = 0.5
    """A mask of 0 and 1 instead of probabilities."""
    noise: float = 1.6
    """Largest standard deviation of the low-frequency error in logits."""
    jitter: float = 0.03
    """Shift and scale error of the box, as a share of its sides."""
    morphology_chance: float = 0.3
    blob_chance: float = 0.3
    """A round piece at the edge lost, or gained."""
    leak_chance: float = 0.15
    """A piece of a neighbour taken for the person."""
    cut_chance: float = 0.1
    """A rectangle overwritten by another place of the mask (cut-mask of Yu et al. 2021)."""
    missing_chance: float = 0.08
    """A neighbour who was not detected."""

    def __post_init__(self) -> None:
        chances = ("exact", "hard", "morphology", "blob", "leak", "cut", "missing")
        check_ranges(self, (f"{name}_chance" for name in chances), 0, 1)
        check_ranges(self, ("jitter",), 0, 0.4)  # at half of its sides nothing of a box is left
        check_ranges(self, ("noise",), LEAST_NOISE)
        check_ranges(self, ("grids",), 1)
        if not self.grids:
            raise ValueError("grids must name one at least, not ()")


def simulate_masks(
    alphas: FloatArray, config: GuidanceConfig, rng: np.random.Generator
) -> FloatArray:
    """Return one detector-like mask for each visible alpha.

    Args:
        alphas: Visible alphas of one picture, `(n, H, W)`, 0..1.
        config: Chances and sizes.
        rng: Source of chance.

    Returns:
        `(n, H, W)`, 0..1; hard and soft masks are not mixed in one picture.
    """
    is_hard = rng.random() < config.hard_chance
    masks = np.stack([_simulate_mask(i, alphas, config, rng) for i in range(len(alphas))])
    return np.asarray(masks > 0.5 if is_hard else masks, np.float32)


def drop_neighbours(
    count: int, config: GuidanceConfig, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Return which of the people the detector has found, `(count,)`; never nobody."""
    found = rng.random(count) >= config.missing_chance
    if not found.any():
        found[int(rng.integers(count))] = True
    return found


def _simulate_mask(
    index: int, alphas: FloatArray, config: GuidanceConfig, rng: np.random.Generator
) -> FloatArray:
    alpha = alphas[index]
    if rng.random() < config.exact_chance:
        return np.asarray(alpha > 0.5, np.float32)
    part = Rectangle.around(alpha > 0.3)
    if part is None:
        return np.zeros_like(alpha)
    box = np.array([part.left, part.top, part.right, part.bottom], np.float64)
    side = np.array([box[2] - box[0], box[3] - box[1]])
    size = float(np.sqrt(side.prod()))
    shape = _deform(alpha, alphas, index, box, size, config, rng)

    # Box-local grid, as a mask head sees it, from a box that is a little off.
    grid = int(rng.choice(config.grids))
    off = rng.uniform(-config.jitter, config.jitter, 4) * np.tile(side, 2)
    x0, y0, x1, y1 = box + off
    to_grid = np.array(
        [
            [grid / (x1 - x0), 0, -x0 * grid / (x1 - x0)],
            [0, grid / (y1 - y0), -y0 * grid / (y1 - y0)],
        ]
    )
    cell = max(x1 - x0, y1 - y0) / grid
    blurred = cv2.GaussianBlur(shape, (0, 0), max(0.3, 0.5 * cell * rng.uniform(0.7, 1.8)))
    half = 0.5 * to_grid[:, :2].sum(1) - 0.5
    matrix = to_grid.copy()
    matrix[:, 2] += half
    small = cv2.warpAffine(blurred, matrix, (grid, grid), flags=cv2.INTER_LINEAR)
    probability = np.clip(small, 0.02, 0.98)
    logits = np.log(probability / (1 - probability))
    knots = int(rng.integers(5, 12))
    field = rng.standard_normal((knots, knots), np.float32) * rng.uniform(LEAST_NOISE, config.noise)
    logits = logits * rng.uniform(0.8, 2.0) + cv2.resize(
        field, (grid, grid), interpolation=cv2.INTER_CUBIC
    )
    probability = 1 / (1 + np.exp(-logits))
    # A head that is sure says 0 and 1: stretch away the floor that the clipping left.
    probability = np.clip((probability - 0.03) / 0.94, 0, 1)
    pasted = cv2.warpAffine(
        np.pad(probability, 1),
        matrix + np.array([[0, 0, 1], [0, 0, 1]]),
        (alpha.shape[1], alpha.shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    return np.asarray(pasted, np.float32)


def _deform(
    alpha: FloatArray,
    alphas: FloatArray,
    index: int,
    box: npt.NDArray[np.float64],
    size: float,
    config: GuidanceConfig,
    rng: np.random.Generator,
) -> FloatArray:
    """Return the person's shape with pieces lost, leaked and cut, `(H, W)`, 0..1."""
    shape = np.asarray(alpha > rng.uniform(0.2, 0.7), np.float32)
    if rng.random() < config.morphology_chance:
        radius = max(1, int(size * rng.uniform(0.01, 0.035)))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        operation = rng.choice((cv2.MORPH_ERODE, cv2.MORPH_DILATE, cv2.MORPH_OPEN, cv2.MORPH_CLOSE))
        shape = np.asarray(cv2.morphologyEx(shape, int(operation), kernel), np.float32)
    others = [j for j in range(len(alphas)) if j != index]
    if others and rng.random() < config.leak_chance:
        neighbour = np.asarray(alphas[int(rng.choice(others))] > 0.5, np.uint8)
        reach = np.asarray(cv2.dilate(np.asarray(shape > 0.5, np.uint8), np.ones((5, 5), np.uint8)))
        touching = np.argwhere(neighbour & reach)
        if len(touching):
            y, x = touching[int(rng.integers(len(touching)))]
            disc = np.zeros_like(neighbour)
            cv2.circle(disc, (int(x), int(y)), int(size * rng.uniform(0.05, 0.25)), 1, -1)
            shape = np.maximum(shape, (disc & neighbour).astype(np.float32))
    if rng.random() < config.blob_chance:
        edge = np.argwhere(
            cv2.morphologyEx(shape, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        )
        for _ in range(int(rng.integers(1, 4))):
            if len(edge):
                y, x = edge[int(rng.integers(len(edge)))]
                value = float(rng.random() < 0.4)
                radius = int(size * rng.uniform(0.03, 0.12))
                cv2.circle(shape, (int(x), int(y)), radius, value, -1)
    if rng.random() < config.cut_chance:
        height, width = shape.shape
        h, w = int((box[3] - box[1]) * rng.uniform(0.1, 0.25)), int((box[2] - box[0]) * 0.25)
        if 0 < h < height and 0 < w < width:
            y0, y1 = rng.integers(0, height - h, 2)
            x0, x1 = rng.integers(0, width - w, 2)
            shape[y0 : y0 + h, x0 : x0 + w] = shape[y1 : y1 + h, x1 : x1 + w].copy()
    return shape
