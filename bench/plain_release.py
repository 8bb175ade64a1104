"""The release's way through one picture with nothing saved, to compare ours with on one machine.

Norms beside their convolutions, every head and layer at full size, one person after the other, and
the refinement of whole windows: what the authors' code computes, told by its facts. Its own time
is known from another machine only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.progressive_refinement import fuse_tri_mattes
from instmatt_video.models.release import (
    FRAME_PX,
    MAX_PASSES,
    MIN_CHANGE,
    WINDOW_BORDER_PX,
    pad_as_release,
)
from instmatt_video.models.release_windows import find_duplicates, select_windows
from instmatt_video.models.tri_mask import build_release_tri_masks


@torch.no_grad()
def matte_plainly(network: InstanceMattingNetwork, image: Tensor, masks: Tensor) -> Tensor:
    """Return what `matte_as_release` returns, `(n, h, w)`, 0..1.

    Args:
        network: With the release's rule, in evaluation mode, its norms as they were trained.
        image: Normalised RGB, `(3, h, w)`.
        masks: Instance masks, `(n, h, w)`, 0..1; `n` is at least 1.
    """
    _, height, width = masks.shape
    padded = pad_as_release(image)
    looks = [
        network.branch(padded[None], guidance[None])
        for guidance in build_release_tri_masks(pad_as_release(masks))
    ]
    os1, os4, os8, features = (torch.cat(maps) for maps in zip(*looks, strict=True))
    fused, region = fuse_tri_mattes(os8, os4, os1)
    refined = _refine_windows(network, padded, fused, features)
    final = torch.where(region, refined, fused)
    return final[:, 0, FRAME_PX : FRAME_PX + height, FRAME_PX : FRAME_PX + width]


def _refine_windows(
    network: InstanceMattingNetwork, image: Tensor, fused: Tensor, features: Tensor
) -> Tensor:
    members = (~find_duplicates(fused)).nonzero().flatten()
    current, heard = fused[members], features[members]
    together = torch.zeros(len(members), dtype=torch.long)
    is_active = torch.ones(len(members), dtype=torch.bool)
    passes = 0
    while passes < MAX_PASSES and is_active.any():
        before = current[:, 0].clone()
        for window in select_windows(fused):
            area = (..., slice(window.top, window.bottom), slice(window.left, window.right))
            new = network.refinement(
                image[area].expand(len(members), -1, -1, -1), current[area], heard[area], together
            )
            inner = (..., *(slice(WINDOW_BORDER_PX, -WINDOW_BORDER_PX),) * 2)
            written = current[area][inner]
            written[is_active] = new[inner][is_active]
        passes += 1
        is_active = (current[:, 0] - before).abs().amax((1, 2)) > MIN_CHANGE
    result = fused.clone()
    result[members] = current
    return result
