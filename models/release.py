"""The authors' release, step by step, on tensors: for its checkpoint to give its own output.

Sums instead of unions in the tri-masks, a padded frame, refinement in windows and at most two
passes.
"""

from __future__ import annotations

from types import EllipsisType
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .blocks import BLOCK_PX, BlockFeatures
from .instance_matting import STRIDE, InstanceMattingNetwork
from .matting_network import REFINEMENT_REACH_PX
from .progressive_refinement import grow_square
from .refinement import MultiInstanceRefinement
from .release_windows import Window, find_duplicates, select_windows
from .tri_mask import build_release_tri_masks

FRAME_PX = 32
"""Reflected border on all four sides."""
WINDOW_BORDER_PX = 10
"""A window's own border, which it reads but does not write."""
MIN_CHANGE = 0.01
"""An instance whose target matte changed no more than this in a pass is done."""
MAX_PASSES = 2
GUESSED_GROWTH_PX = 24
"""How far around the pixels that count two passes and their overlaps usually have to refine."""


@torch.no_grad()
def matte_as_release(network: InstanceMattingNetwork, image: Tensor, masks: Tensor) -> Tensor:
    """Return everybody's alpha in one picture as the release computes it, `(n, h, w)`, 0..1.

    Args:
        network: With the release's weights, in evaluation mode.
        image: Normalised RGB, `(3, h, w)`.
        masks: Instance masks, `(n, h, w)`, 0..1; may overlap. `n` may be 0.
    """
    count, height, width = masks.shape
    if count == 0:
        return masks.clone()
    padded = pad_as_release(image)
    guidance = build_release_tri_masks(pad_as_release(masks))
    coarse = network.predict_coarse(padded.expand(count, -1, -1, -1), guidance)
    guess = grow_square(coarse.region.any(0, keepdim=True), GUESSED_GROWTH_PX)
    fused, features = network.branch.predict_fine(coarse, guess.expand_as(coarse.region))
    windows = select_windows(fused)
    is_duplicate = find_duplicates(fused)
    everywhere = torch.ones_like(coarse.region)
    # Usually the pixels that count show who is still changing; if not, the release looks
    # everywhere.
    for counted in (coarse.region, everywhere):
        plan = plan_steps(counted, windows)
        if (plan.wanted & ~guess).any():
            _, features = network.branch.predict_fine(coarse, plan.wanted.expand_as(everywhere))
            guess = plan.wanted
        result = run_steps(network.refinement, padded, fused, features, plan, is_duplicate)
        if result.is_decided:
            break
    final = torch.where(coarse.region, result.tri_mattes, fused)
    return final[:, 0, FRAME_PX : FRAME_PX + height, FRAME_PX : FRAME_PX + width]


def pad_as_release(planes: Tensor) -> Tensor:
    """Return `(C, h, w)` grown by reflection to multiples of 32 and a frame of 32 px around.

    A picture smaller than its padding is reflected again and again.
    """
    height, width = planes.shape[-2:]
    rows = _reflected(height, FRAME_PX, -height % STRIDE + FRAME_PX, planes.device)
    columns = _reflected(width, FRAME_PX, -width % STRIDE + FRAME_PX, planes.device)
    return planes[..., rows, :][..., columns]


class RefinementPlan(NamedTuple):
    """Which pixels each step has to refine, a step being one window in one pass."""

    windows: list[Window]
    steps: list[Tensor]
    """For both passes, in order, `(n, 1, h, w)`, bool: inside the border of the step's window."""
    wanted: Tensor
    """Everything that any step refines, for anyone, `(1, 1, H, W)`, bool."""


class WindowedRefinement(NamedTuple):
    """What the release's refinement of one picture did."""

    tri_mattes: Tensor
    """`(n, 3, H, W)`, 0..1; right where the plan counted pixels."""
    num_passes: int
    is_decided: bool
    """Whether the planned pixels were enough to know who goes into the second pass."""


def plan_steps(counted: Tensor, windows: list[Window]) -> RefinementPlan:
    """Return what has to be refined for the last pass to be right where it counts.

    A step reads what the steps before it wrote, `REFINEMENT_REACH_PX` around its own pixels.

    Args:
        counted: Where each instance's result is used, `(n, 1, H, W)`, bool.
        windows: In their order.
    """
    needed = counted.clone()
    wanted = torch.zeros_like(counted[:1])
    steps = []
    for window in reversed(windows * MAX_PASSES):
        inside = _area(window, WINDOW_BORDER_PX)
        mask = needed[inside].clone()
        steps.append(mask)
        together = mask.any(0, keepdim=True)
        wanted[inside] |= together
        reach = REFINEMENT_REACH_PX
        padded = F.pad(together, (reach, reach, reach, reach))
        needed[_area(window, WINDOW_BORDER_PX - reach)] |= grow_square(padded, reach)
    return RefinementPlan(windows, steps[::-1], wanted)


def run_steps(
    refinement: MultiInstanceRefinement,
    image: Tensor,
    tri_mattes: Tensor,
    features: BlockFeatures,
    plan: RefinementPlan,
    is_duplicate: Tensor,
) -> WindowedRefinement:
    """Return tri-mattes refined window by window, each reading what those before it wrote.

    Args:
        refinement: Of a network with the release's rule.
        image: Normalised RGB, `(3, H, W)`.
        tri_mattes: Fused, `(n, 3, H, W)`, 0..1; `n` is at least 1.
        features: Right within the refinement's reach of what the plan wants.
        plan: What to refine.
        is_duplicate: `(n,)`, bool; they are not refined, and not heard.
    """
    members = (~is_duplicate).nonzero().flatten()
    if len(members) == 0:
        return WindowedRefinement(tri_mattes, 0, True)
    current = tri_mattes[members]
    heard = features.of(members)
    is_active = torch.ones(len(members), dtype=torch.bool, device=members.device)
    passes = 0
    is_decided = True
    # The release stops after its second pass, whatever that changed.
    while passes < MAX_PASSES and is_active.any():
        before = current[:, 0].clone()
        first = passes * len(plan.windows)
        for window, mask in zip(plan.windows, plan.steps[first:], strict=False):
            _refine_window(
                refinement, image, current, heard, window, mask[members] & _per_sample(is_active)
            )
        passes += 1
        is_active = (current[:, 0] - before).abs().amax((1, 2)) > MIN_CHANGE
        if passes == 1:
            is_everywhere = all(mask.all() for mask in plan.steps[: len(plan.windows)])
            is_decided = bool(is_active.all()) or is_everywhere
    result = tri_mattes.clone()
    result[members] = current
    return WindowedRefinement(result, passes, is_decided)


def _refine_window(
    refinement: MultiInstanceRefinement,
    image: Tensor,
    tri_mattes: Tensor,
    features: BlockFeatures,
    window: Window,
    mask: Tensor,
) -> None:
    """Refine the masked pixels inside one window of `tri_mattes` in place."""
    top, left = window.top // BLOCK_PX, window.left // BLOCK_PX
    bottom, right = -(-window.bottom // BLOCK_PX), -(-window.right // BLOCK_PX)
    # The window's own border keeps every read inside these whole blocks.
    area = (
        ...,
        slice(top * BLOCK_PX, bottom * BLOCK_PX),
        slice(left * BLOCK_PX, right * BLOCK_PX),
    )
    region = torch.zeros_like(tri_mattes[:, :1], dtype=torch.bool)
    region[_area(window, WINDOW_BORDER_PX)] = mask
    tri_mattes[area] = refinement.refine_region(
        image[area],
        tri_mattes[area],
        features.crop(slice(top, bottom), slice(left, right)),
        region[area],
    )


def _area(window: Window, border: int) -> tuple[EllipsisType, slice, slice]:
    return (
        ...,
        slice(window.top + border, window.bottom - border),
        slice(window.left + border, window.right - border),
    )


def _per_sample(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def _reflected(size: int, before: int, after: int, device: torch.device) -> Tensor:
    """Return the source of each row of an axis padded by reflection, its edge not repeated."""
    index = torch.arange(-before, size + after, device=device)
    period = max(2 * (size - 1), 1)
    index = index % period
    return torch.where(index < size, index, period - index)
