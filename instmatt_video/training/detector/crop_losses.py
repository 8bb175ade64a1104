"""What the looks at crops are trained to lower; knows tensors, knows no data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import generalized_box_iou_loss

from instmatt_video.models.person_crops import CropOutputs

THIN_SHARE = 11 / 96
"""Of a mask's height: narrower parts of it are limbs, and narrower gaps lie between them."""
THIN_WEIGHT = 3.0
"""How much a cell of them counts against any other: they are few, and are what masks lose."""


@dataclass(frozen=True)
class CropTargets:
    """The truth about `N` crops."""

    masks: Tensor
    """`(N, h, w)` share of each cell that shows the person, 0..1."""
    box_deltas: Tensor
    """`(N, 4)` from the proposal to the true box, in the proposal's sides."""
    is_person: Tensor
    """`(N,)` bool."""
    has_exact_outline: Tensor
    """`(N,)` bool: the mask was not drawn by hand."""

    def to(self, device: torch.device) -> CropTargets:
        """Return the targets on `device`."""
        return CropTargets(
            self.masks.to(device),
            self.box_deltas.to(device),
            self.is_person.to(device),
            self.has_exact_outline.to(device),
        )


def crop_losses(
    outputs: CropOutputs, targets: CropTargets, drawn_outline_weight: float = 1.0
) -> dict[str, Tensor]:
    """Return the named losses of a batch of crops, each a mean over the crops that it concerns.

    Crops without a person teach the quality alone: there is no mask that would be right for them.

    Args:
        outputs: Of the network.
        targets: The truth.
        drawn_outline_weight: How much a cell at an outline that was drawn by hand counts, 0..1:
            such lie a pixel or two beside the person's edge.
    """
    people = targets.is_person
    logits, truth = outputs.mask_logits[people], targets.masks[people]
    probability = logits.sigmoid()
    quality = torch.zeros_like(outputs.quality_logits)
    quality[people] = mask_iou(probability.detach() > 0.5, truth > 0.5)
    # Nothing, but of every output: torchrun's processes wait for a gradient of each parameter.
    zero_mask, zero_box = outputs.mask_logits.sum() * 0, outputs.box_deltas.sum() * 0
    losses = {
        "quality": F.binary_cross_entropy_with_logits(outputs.quality_logits, quality),
        "mask_bce": zero_mask,
        "mask_dice": zero_mask,
        "box": zero_box,
        "box_iou": zero_box,
    }
    if bool(people.any()):
        weights = limb_weights(truth)
        if drawn_outline_weight < 1:
            is_exact = targets.has_exact_outline[people]
            weights = weights * outline_weights(truth, is_exact, drawn_outline_weight)
        unit = torch.tensor([0.0, 0.0, 1.0, 1.0], device=logits.device)
        deltas, true_deltas = outputs.box_deltas[people], targets.box_deltas[people]
        losses |= {
            "mask_bce": F.binary_cross_entropy_with_logits(logits, truth, weights),
            "mask_dice": (1 - dice(probability, truth)).mean(),
            "box": F.smooth_l1_loss(deltas, true_deltas, beta=0.05),
            "box_iou": generalized_box_iou_loss(unit + deltas, unit + true_deltas, "mean"),
        }
    return losses


def outline_weights(masks: Tensor, is_exact: Tensor, drawn_weight: float) -> Tensor:
    """Return how much each cell counts for where its mask comes from, `(N, h, w)`.

    Args:
        masks: `(N, h, w)`, 0..1.
        is_exact: `(N,)` bool; in these masks all cells count 1.
        drawn_weight: Of the cells on either side of the other masks' outlines.
    """
    is_person = (masks > 0.5).to(masks.dtype)[:, None]
    is_near = (_grown(is_person, 3) - _shrunk(is_person, 3))[:, 0]
    return 1 - (1 - drawn_weight) * is_near * (~is_exact)[:, None, None]


def limb_weights(masks: Tensor) -> Tensor:
    """Return how much each cell counts, `(N, h, w)`: limbs and the gaps beside them more.

    Limbs are what a morphological opening takes away, gaps what a closing fills. A limb that the
    crop cuts off goes on outside.

    Args:
        masks: `(N, h, w)`, 0..1.
    """
    is_person = (masks > 0.5).to(masks.dtype)[:, None]
    cells = round(THIN_SHARE * masks.shape[1]) // 2 * 2 + 1
    opened = _grown(_shrunk(is_person, cells), cells)
    closed = _shrunk(_grown(is_person, cells), cells)
    is_thin = ((is_person - opened) + (closed - is_person))[:, 0]
    return 1 + (THIN_WEIGHT - 1) * is_thin


def _grown(masks: Tensor, cells: int) -> Tensor:
    # Rows, then columns: the same as squares, in a tenth of the time.
    rows = F.max_pool2d(masks, (1, cells), stride=1, padding=(0, cells // 2))
    return F.max_pool2d(rows, (cells, 1), stride=1, padding=(cells // 2, 0))


def _shrunk(masks: Tensor, cells: int) -> Tensor:
    return -_grown(-masks, cells)


def dice(prediction: Tensor, target: Tensor) -> Tensor:
    """Return Dice coefficients `(N,)` of maps `(N, h, w)` in 0..1; 1 for two empty maps."""
    overlap = (prediction * target).sum(dim=(1, 2))
    total = prediction.sum(dim=(1, 2)) + target.sum(dim=(1, 2))
    return (2 * overlap + 1) / (total + 1)


def mask_iou(prediction: Tensor, target: Tensor) -> Tensor:
    """Return intersections over unions `(N,)` of bool maps `(N, h, w)`; 0 for two empty maps."""
    intersection = (prediction & target).sum(dim=(1, 2))
    union = (prediction | target).sum(dim=(1, 2))
    return intersection / union.clamp(min=1)
