"""Progressive refinement: finer heads decide only where coarser ones are uncertain."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

UNCERTAIN_MARGIN = 1 / 255
"""A matte value this far from both 0 and 1 is uncertain."""
WIDTH_OS4_PX = 15
"""Size of the ellipse that dilates the uncertain set for the stride-4 head."""
WIDTH_OS1_PX = 7


@lru_cache
def ellipse_offsets(size_px: int) -> tuple[tuple[int, int], ...]:
    """Return for each row the first and the last column (inclusive) of an elliptic kernel.

    Rows and columns are relative to the anchor at `size_px // 2`; the shape is OpenCV's
    MORPH_ELLIPSE.

    Args:
        size_px: Side of the kernel in pixels, at least 1.
    """
    radius = size_px // 2
    if size_px == 1:
        return ((0, 0),)
    spans = []
    for row in range(size_px):
        dy = row - radius
        # ref: cv::getStructuringElement: half-width c * sqrt(1 - dy²/r²), rounded half to even
        half = round(radius * max(0.0, 1 - dy * dy / (radius * radius)) ** 0.5)
        spans.append((max(-half, -radius), min(half, size_px - 1 - radius)))
    return tuple(spans)


def dilate(region: Tensor, size_px: int) -> Tensor:
    """Return the region grown by an elliptic structuring element.

    Args:
        region: `(N, C, H, W)`, bool.
        size_px: Side of the ellipse in pixels.

    Returns:
        `(N, C, H, W)`, bool.
    """
    height, width = region.shape[-2:]
    spans = ellipse_offsets(size_px)
    radius = size_px // 2
    padded = F.pad(region.to(torch.uint8), (radius, radius, radius, radius))
    # Rows of the ellipse contain one another: each distinct row is its predecessor, widened.
    widened: dict[tuple[int, int], Tensor] = {}
    first, last = 0, 0
    row = padded[..., radius : radius + width].clone()
    for span in sorted(set(spans), key=lambda span: span[1] - span[0]):
        while first > span[0]:
            first -= 1
            row |= padded[..., radius + first : radius + first + width]
        while last < span[1]:
            last += 1
            row |= padded[..., radius + last : radius + last + width]
        widened[span] = row.clone()
    result = torch.zeros_like(region, dtype=torch.uint8)
    for index, span in enumerate(spans):
        result |= widened[span][..., index : index + height, :]
    return result.bool()


def grow_square(region: Tensor, reach_px: int) -> Tensor:
    """Return a region `(N, 1, H, W)`, bool, grown by a square that reaches so far on every side."""
    side = 2 * reach_px + 1
    rows = F.max_pool2d(region.to(torch.float32), (side, 1), 1, (reach_px, 0))
    return F.max_pool2d(rows, (1, side), 1, (0, reach_px)) > 0


def uncertain(mattes: Tensor) -> Tensor:
    """Return where mattes `(N, C, H, W)` are neither 0 nor 1 within a level of 8 bit, bool."""
    return (mattes >= UNCERTAIN_MARGIN) & (mattes <= 1 - UNCERTAIN_MARGIN)


def fuse_tri_mattes(
    os8: Tensor,
    os4: Tensor,
    os1: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the fused tri-mattes and the region that the stride-1 head decided.

    One region serves the three channels: where any of them is uncertain, all are refined.

    Args:
        os8: Tri-mattes at full size, `(N, 3, H, W)`, 0..1.
        os4: As `os8`.
        os1: As `os8`.

    Returns:
        Tri-mattes `(N, 3, H, W)` and the region `(N, 1, H, W)`, bool.

    Source:
        Yu et al. 2021 (progressive refinement module), in InstMatt's three-channel version.
    """
    fused, region = fuse_coarse_mattes(os8, os4)
    return torch.where(region, os1, fused), region


def fuse_coarse_mattes(
    os8: Tensor,
    os4: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the fusion of the two coarser heads, and the region that the finest is to decide.

    Args:
        os8: As for `fuse_tri_mattes`.
        os4: As for `fuse_tri_mattes`.
    """
    # The union of the channels' dilations is the dilation of their union.
    region_os4 = dilate(uncertain(os8).any(1, keepdim=True), WIDTH_OS4_PX)
    fused = torch.where(region_os4, os4, os8)
    return fused, dilate(uncertain(fused).any(1, keepdim=True), WIDTH_OS1_PX)
