"""Where the authors' release refines: its windows, and the instances it takes for duplicates.

Reproduced with its peculiarities for the mode that says so; the default refinement needs neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

GRID_PX = 10
"""Spacing of the windows' candidate centres."""
MIN_DISAGREEMENT = 0.01
MAX_WINDOW_IOU = 0.3
SUPPORT = 0.01
"""Target mattes above this are an instance's silhouette."""
OVERLAP_OF_TWINS = 0.5
OVERLAP_OF_CROWD = 0.3
MANY_INSTANCES = 8
CROWD_INSTANCES = 14


@dataclass(frozen=True)
class Window:
    """One square of the padded frame, `xyxy` pixels, half-open."""

    left: int
    top: int
    right: int
    bottom: int
    score: float
    """The disagreement at its sample."""


def disagreement(tri_mattes: Tensor) -> Tensor:
    """Return how far each pixel's people and background are from filling it, `(H, W)`.

    Args:
        tri_mattes: Of one picture, `(n, 3, H, W)`, 0..1; `n` is at least 1.
    """
    return (1 - tri_mattes[:, 0].sum(0) - tri_mattes[:, 2].mean(0)).abs()


def window_side_px(num_instances: int) -> int:
    """Return the side of the windows for a number of instances, duplicates counted."""
    if num_instances <= MANY_INSTANCES:
        return 320
    return 256 if num_instances <= CROWD_INSTANCES else 128


def select_windows(tri_mattes: Tensor) -> list[Window]:
    """Return the windows to refine, the one of highest disagreement first; at least one.

    Args:
        tri_mattes: Of one picture, `(n, 3, H, W)`, 0..1; `n` is at least 1, sides at least 10.
    """
    count, _, height, width = tri_mattes.shape
    side = min(window_side_px(count), height, width)
    grid = disagreement(tri_mattes)[::GRID_PX, ::GRID_PX][: height // GRID_PX, : width // GRID_PX]
    columns = grid.shape[1]
    scores = grid.flatten()
    candidates = (scores > MIN_DISAGREEMENT).nonzero().flatten()
    if len(candidates) == 0:
        candidates = scores.argmax()[None]
    candidates = candidates[scores[candidates].argsort(descending=True, stable=True)]
    before = side - side // 2
    lefts = (GRID_PX * (candidates % columns) - before).clamp(0, width - side)
    tops = (GRID_PX * (candidates // columns) - before).clamp(0, height - side)
    kept: list[Window] = []
    is_open = torch.ones_like(candidates, dtype=torch.bool)
    while is_open.any():
        first = int(is_open.to(torch.uint8).argmax())
        left, top = int(lefts[first]), int(tops[first])
        score = float(scores[candidates[first]])
        kept.append(Window(left, top, left + side, top + side, score))
        is_open &= ~_is_covered((lefts - left).abs(), (tops - top).abs(), side)
        is_open[first] = False
    return kept


def find_duplicates(tri_mattes: Tensor) -> Tensor:
    """Return which instances of a picture the release leaves out of its refinement, `(n,)`, bool.

    Args:
        tri_mattes: `(n, 3, H, W)`, 0..1.
    """
    count = len(tri_mattes)
    step = 2 if count > MANY_INSTANCES else 1
    support = (tri_mattes[:, 0, ::step, ::step] > SUPPORT).flatten(1).float()
    area = support.sum(1)
    overlap = support @ support.T / (torch.minimum(area[:, None], area) + 1)
    overlap.fill_diagonal_(0)
    is_crowded = (overlap > OVERLAP_OF_CROWD).sum(1) > 1
    # Of every pair of twins the later one is left out.
    is_later_twin = (overlap > OVERLAP_OF_TWINS).triu(1).any(0)
    return is_crowded | is_later_twin


def _is_covered(dx: Tensor, dy: Tensor, side: int) -> Tensor:
    """Return whether windows this far from a kept one of the same size are dropped, bool."""
    # Sides count one pixel more than the windows have, as there.
    extent = side + 1
    shared = (extent - dx).clamp(min=0) * (extent - dy).clamp(min=0)
    iou = shared / (2 * extent**2 - shared)
    return (iou > MAX_WINDOW_IOU) & (dx < side // 2) & (dy < side // 2)
