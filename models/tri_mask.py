"""Tri-masks: what each instance's matting sees of itself, of the others, and of the background."""

from __future__ import annotations

import torch
from torch import Tensor


def build_tri_masks(masks: Tensor) -> Tensor:
    """Return each instance's tri-mask: target, reference and background.

    The union of soft masks is their maximum, so hard masks give the paper's sets exactly and soft
    ones never leave 0..1.

    Args:
        masks: Instance masks of one image, `(n, h, w)`, 0..1. `n` may be 0.

    Returns:
        `(n, 3, h, w)` in the order target, reference, background.

    Raises:
        ValueError: `masks` is not `(n, h, w)`.

    Source:
        InstMatt Eq. 5 and 6.
    """
    if masks.ndim != 3:
        raise ValueError(f"masks must be (n, h, w), not {tuple(masks.shape)}")
    if len(masks) == 0:
        return masks.new_zeros((0, 3, *masks.shape[1:]))
    everybody = masks.amax(0)
    if len(masks) == 1:
        reference = torch.zeros_like(masks)
    else:
        # The maximum over the others is the overall maximum, or the runner-up where i itself is it.
        top = masks.topk(2, dim=0)
        indices = torch.arange(len(masks), device=masks.device)[:, None, None]
        reference = torch.where(top.indices[0] == indices, top.values[1], top.values[0])  # eq. (5)
    background = (1 - everybody).expand_as(masks)  # eq. (6)
    return torch.stack((masks, reference, background), dim=1)


def replace_targets(tri_masks: Tensor, targets: Tensor) -> Tensor:
    """Return the tri-masks of one image's people with other masks for them, or mattes.

    Args:
        tri_masks: `(n, 3, h, w)`, 0..1. References may hold somebody who is not among the `n`:
            what none of them explains stays.
        targets: The new masks, `(n, h, w)`, 0..1.

    Returns:
        `(n, 3, h, w)`; of all the image's people, what `build_tri_masks` makes of the targets.
    """
    reference = build_tri_masks(tri_masks[:, 0])[:, 1]
    strangers = torch.where(tri_masks[:, 1] > reference, tri_masks[:, 1], 0)
    rebuilt = build_tri_masks(targets)
    reference = torch.maximum(rebuilt[:, 1], strangers)
    background = torch.minimum(rebuilt[:, 2], 1 - strangers)
    return torch.stack((rebuilt[:, 0], reference, background), dim=1)


def build_release_tri_masks(masks: Tensor) -> Tensor:
    """Return tri-masks as the authors' release builds them: sums where Eq. 5-6 say unions.

    Overlapping masks give a reference above 1 and a background below 0, as there.

    Args:
        masks: Instance masks of one image, `(n, h, w)`, 0..1.

    Returns:
        `(n, 3, h, w)` in the order target, reference, background.
    """
    total = masks.sum(0, keepdim=True)
    return torch.stack((masks, total - masks, (1 - total).expand_as(masks)), dim=1)
