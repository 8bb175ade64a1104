"""The authors' release, step by step, on tensors: for its checkpoint to give its own output.

Sums instead of unions in the tri-masks, a padded frame, refinement in windows and at most two passes.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .instance_matting import STRIDE, InstanceMattingNetwork
from .refinement import MultiInstanceRefinement
from .release_windows import Window, find_duplicates, select_windows
from .tri_mask import build_release_tri_masks

FRAME_PX = 32
"""Reflected border on all four sides."""
WINDOW_BORDER_PX = 10
"""A window's own border, which it reads but does not write."""
MIN_CHANGE = 0.01
"""An instance whose target matte changed no more than this in a pass is done."""


class WindowedRefinement(NamedTuple):
    """What the release's refinement of one picture did."""

    tri_mattes: Tensor
    """`(n, 3, H, W)`, 0..1."""
    windows: list[Window]
    is_duplicate: Tensor
    """`(n,)`, bool."""
    num_passes: int


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
    fused, region, feature = network.branch.predict(padded.expand(count, -1, -1, -1), guidance)
    refined = refine_in_windows(network.refinement, padded, fused, feature).tri_mattes
    final = torch.where(region, refined, fused)
    return final[:, 0, FRAME_PX : FRAME_PX + height, FRAME_PX : FRAME_PX + width]


def pad_as_release(planes: Tensor) -> Tensor:
    """Return `(C, h, w)` grown by reflection to multiples of 32 and a frame of 32 px around.

    A picture smaller than its padding is reflected again and again.
    """
    height, width = planes.shape[-2:]
    rows = _reflected(height, FRAME_PX, -height % STRIDE + FRAME_PX, planes.device)
    columns = _reflected(width, FRAME_PX, -width % STRIDE + FRAME_PX, planes.device)
    return planes[..., rows, :][..., columns]


def refine_in_windows(
    refinement: MultiInstanceRefinement, image: Tensor, tri_mattes: Tensor, features: Tensor
) -> WindowedRefinement:
    """Return tri-mattes refined window by window, each window reading what those before it wrote.

    Args:
        refinement: Of a network with the release's rule.
        image: Normalised RGB, `(3, H, W)`.
        tri_mattes: Fused, `(n, 3, H, W)`, 0..1; `n` is at least 1.
        features: `(n, C, H, W)`.
    """
    windows = select_windows(tri_mattes)
    is_duplicate = find_duplicates(tri_mattes)
    members = (~is_duplicate).nonzero().flatten()
    current = tri_mattes[members]
    kept_features = features[members]
    is_active = torch.ones(len(members), dtype=torch.bool, device=members.device)
    passes = 0
    # The release stops after its second pass, whatever that changed.
    while passes < 2 and is_active.any():
        before = current[:, 0].clone()
        for window in windows:
            _refine_window(refinement, image, current, kept_features, window, is_active)
        passes += 1
        is_active = (current[:, 0] - before).abs().amax((1, 2)) > MIN_CHANGE
    result = tri_mattes.clone()
    result[members] = current
    return WindowedRefinement(result, windows, is_duplicate, passes)


def _refine_window(
    refinement: MultiInstanceRefinement,
    image: Tensor,
    tri_mattes: Tensor,
    features: Tensor,
    window: Window,
    is_active: Tensor,
) -> None:
    """Refine one window of `tri_mattes` in place, for the active instances."""
    area = (..., slice(window.top, window.bottom), slice(window.left, window.right))
    count = len(tri_mattes)
    refined = refinement(
        image[area].expand(count, -1, -1, -1),
        tri_mattes[area],
        features[area],
        torch.zeros(count, dtype=torch.long, device=tri_mattes.device),
    )
    border = WINDOW_BORDER_PX
    inside = (..., slice(border, -border), slice(border, -border))
    tri_mattes[area][inside][is_active] = refined[inside][is_active]


def _reflected(size: int, before: int, after: int, device: torch.device) -> Tensor:
    """Return the source of each row of an axis padded by reflection, its edge not repeated."""
    index = torch.arange(-before, size + after, device=device)
    period = max(2 * (size - 1), 1)
    index = index % period
    return torch.where(index < size, index, period - index)
