"""Learns the detector's second or third look: masks, boxes and quality from crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from instmatt_video.models.person_crops import PersonCropNetwork

from .config import PARTS
from .crop_losses import CropTargets, crop_losses, mask_iou
from .crops import CropSample
from .weights import save_detector_part

LOSS_WEIGHTS = {"mask_bce": 2.0, "mask_dice": 1.0, "box": 2.0, "box_iou": 1.0, "quality": 0.5}


@dataclass(frozen=True)
class CropBatch:
    """Crops and their truth on one device."""

    images: Tensor
    """`(N, 3, h, w)` RGB, 0..255."""
    targets: CropTargets
    guidance: Tensor | None = None
    """`(N, 2, h, w)`, 0..1, for the third look."""

    def to(self, device: torch.device) -> CropBatch:
        """Return the batch on `device`."""
        guidance = None if self.guidance is None else self.guidance.to(device)
        return CropBatch(self.images.to(device), self.targets.to(device), guidance)


class Sampler(Protocol):
    """Draws training crops."""

    def draw(self, count: int, rng: np.random.Generator) -> list[CropSample]:
        """Return `count` crops."""


class CropTask:
    """Trains `PersonCropNetwork`; see `TrainingTask`.

    Args:
        network: What is trained.
        sampler: Draws crops.
        validation: Crops of people whom training never sees.
        batch_size: Crops per step and process.
        seed: With part, step and rank, decides every batch.
        part: Of `PARTS`: `decoder`, `crops` or `mutual`. In the first only what is new learns:
            cheap, and spares the backbone wild steps.
        drawn_outline_weight: See `crop_losses`.
    """

    def __init__(
        self,
        network: PersonCropNetwork,
        sampler: Sampler,
        validation: Sequence[CropSample],
        batch_size: int,
        seed: int,
        part: str = "crops",
        drawn_outline_weight: float = 1.0,
    ) -> None:
        network.backbone.requires_grad_(part != "decoder")
        self.network: nn.Module = network
        self.sampler = sampler
        self.validation = validation
        self.batch_size = batch_size
        self.seed = seed
        self.part = part
        self.drawn_outline_weight = drawn_outline_weight

    def make_batch(self, step: int, rank: int) -> CropBatch:
        """Return the batch of a step and process."""
        rng = np.random.default_rng([self.seed, PARTS.index(self.part), step, rank])
        return collate_crops(self.sampler.draw(self.batch_size, rng))

    def loss(
        self, network: nn.Module, batch: CropBatch, step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum and its parts."""
        outputs = network(batch.images, batch.guidance)
        parts = crop_losses(outputs, batch.targets, self.drawn_outline_weight)
        total = torch.stack([LOSS_WEIGHTS[name] * part for name, part in parts.items()]).sum()
        return total, parts

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return the mean overlap of masks with the truth, and how often it passes 0.5 and 0.75."""
        device = next(network.parameters()).device
        overlaps = []
        for start in range(0, len(self.validation), self.batch_size):
            batch = collate_crops(self.validation[start : start + self.batch_size]).to(device)
            masks = network(batch.images, batch.guidance).mask_logits > 0
            overlaps.append(mask_iou(masks, batch.targets.masks > 0.5))
        overlap = torch.cat(overlaps) if overlaps else torch.zeros(1)
        return {
            "score": float(overlap.mean()),
            "share_iou50": float((overlap > 0.5).float().mean()),
            "share_iou75": float((overlap > 0.75).float().mean()),
        }

    def save_weights(self, network: nn.Module, path: Path) -> None:
        """Write the network's weights, half precision."""
        save_detector_part(network, "crops" if self.part == "decoder" else self.part, path)


def collate_crops(samples: Sequence[CropSample]) -> CropBatch:
    """Return the samples as one batch."""
    images = torch.from_numpy(np.stack([sample.image for sample in samples]))
    channels_last = images.permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
    guidance = [sample.guidance for sample in samples if sample.guidance is not None]
    return CropBatch(
        channels_last,
        CropTargets(
            masks=torch.from_numpy(np.stack([sample.mask for sample in samples])),
            box_deltas=torch.from_numpy(np.stack([sample.box_deltas for sample in samples])),
            is_person=torch.tensor([sample.is_person for sample in samples]),
            has_exact_outline=torch.tensor([sample.has_exact_outline for sample in samples]),
        ),
        torch.from_numpy(np.stack(guidance)) if guidance else None,
    )
