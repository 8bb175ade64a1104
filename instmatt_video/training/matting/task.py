"""Training of the matting network: stage 1 learns the matting branch, stage 2 the refinement (MIR).

Source: InstMatt sections 3.4 and 6.1; the two stages are the authors' release's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from instmatt_video.eval.imq import ImqAccumulator
from instmatt_video.models.checkpoint import save_matting_weights
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.losses import LossTerms, tri_matte_loss, weighted_l1
from instmatt_video.models.matting_network import MattingOutput
from instmatt_video.models.progressive_refinement import (
    WIDTH_OS1_PX,
    WIDTH_OS4_PX,
    grow_square,
    uncertain,
)

from ..processes import process_rank
from ..ranges import check_sides
from .batch import MattingBatch, MattingBatchMaker
from .validation import ValidationPicture

SECOND_LOOKS = 2**32 - 1
"""Draws them apart from the pictures of the batch, which are numbered from 0."""


@dataclass(frozen=True)
class Curriculum:
    """Window sizes by the share of the training that has passed: small windows are cheaper."""

    starts: tuple[float, ...] = (0.0,)
    sizes_px: tuple[int, ...] = (256,)
    """Multiples of 32 from 64, one for each of `starts`."""

    def __post_init__(self) -> None:
        if not self.starts or self.starts[0] != 0 or list(self.starts) != sorted(self.starts):
            raise ValueError(f"starts must grow from 0, not {self.starts}")
        if len(self.sizes_px) != len(self.starts):
            raise ValueError(
                f"there must be a size for each of {len(self.starts)} starts, not {self.sizes_px}"
            )
        check_sides(self, "sizes_px")

    def size_at(self, progress: float) -> int:
        """Return the window's side in pixels at a progress of 0..1."""
        passed = [
            size
            for start, size in zip(self.starts, self.sizes_px, strict=True)
            if progress >= start
        ]
        return passed[-1]


class MattingTask:
    """Learns tri-mattes from composites and photos; see `TrainingTask`.

    Args:
        network: Matting branch and refinement.
        stage: 1 trains the branch alone; 2 the refinement, and the branch unless it is frozen.
        batches: Makes the data.
        validation: Pictures with truth that training never sees; may be empty.
        curriculum: Window sizes.
        steps: Length of the training, for the curriculum.
        is_branch_frozen: Stage 2 leaves the branch as it is, as the release does; else both are
            trained, as the paper says.
        second_look_chance: Share of pictures whose guidance is the network's own first answer.
    """

    def __init__(
        self,
        network: InstanceMattingNetwork,
        stage: int,
        batches: MattingBatchMaker,
        validation: Sequence[ValidationPicture],
        curriculum: Curriculum,
        steps: int,
        is_branch_frozen: bool = False,
        second_look_chance: float = 0.0,
    ) -> None:
        if stage not in (1, 2):
            raise ValueError(f"stage must be 1 or 2, not {stage}")
        self.network: nn.Module = network
        self.stage = stage
        self.batches = batches
        self.validation = validation
        self.curriculum = curriculum
        self.steps = steps
        self.is_branch_frozen = is_branch_frozen
        self.second_look_chance = second_look_chance
        network.branch.requires_grad_(stage == 1 or not is_branch_frozen)
        network.refinement.requires_grad_(stage == 2)

    def make_batch(self, step: int, rank: int) -> MattingBatch:
        """Return the batch of a step and process."""
        return self.batches.make(step, rank, size_px=self.curriculum.size_at(step / self.steps))

    def loss(
        self, network: nn.Module, batch: MattingBatch, step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the stage and its parts."""
        if self.second_look_chance:
            batch = self._looked_at_once(network, batch, step)
        if self.stage == 1:
            return branch_loss(network(batch.image, batch.tri_masks), batch)
        assert isinstance(self.network, InstanceMattingNetwork)
        if self.is_branch_frozen:
            self.network.branch.eval()  # its batch norms keep their statistics
        output, refined, region = network(
            batch.image, batch.tri_masks, batch.groups, self.is_branch_frozen
        )
        terms = _terms(refined, batch, batch.weight * region * _is_in_company(batch.groups))
        total = terms.total()
        if not self.is_branch_frozen:
            total = total + branch_loss(output, batch)[0]
        return total, vars(terms)

    def _looked_at_once(self, network: nn.Module, batch: MattingBatch, step: int) -> MattingBatch:
        """Return the batch; some pictures are guided by what the network answers to them now."""
        assert isinstance(self.network, InstanceMattingNetwork)
        pictures = int(batch.groups.max()) + 1
        seeds = [self.batches.seed, self.stage, step, process_rank(), SECOND_LOOKS]
        chosen = np.random.default_rng(seeds).random(pictures) < self.second_look_chance
        is_chosen = torch.from_numpy(chosen).to(batch.groups.device)[batch.groups]
        if not is_chosen.any():
            return batch
        branch = self.network.branch
        was_training = branch.training
        branch.eval()  # batch norms learn from what is trained on alone
        with torch.no_grad():
            looked_at = network(
                batch.image[is_chosen],
                batch.tri_masks[is_chosen],
                batch.groups[is_chosen],
                is_first_look=True,
            )
        branch.train(was_training)
        guidance = batch.tri_masks.clone()
        guidance[is_chosen] = looked_at
        return replace(batch, tri_masks=guidance)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return IMQ (strict, per cent) on the validation pictures; `score` is their mean."""
        assert isinstance(network, InstanceMattingNetwork)
        if not self.validation:
            return {"score": 0.0}
        accumulator = ImqAccumulator(protocol="strict")
        for picture in self.validation:
            device = next(network.parameters()).device
            alphas = network.matte_picture(
                picture.image.to(device), picture.masks.to(device), has_refinement=self.stage == 2
            )
            accumulator.add(to_8bit(alphas), picture.alphas)
        scores = accumulator.result().imq
        figures = {
            name: 100 * float(getattr(scores, name)) for name in ("mad", "mse", "grad", "conn")
        }
        return {**figures, "score": sum(figures.values()) / 4}

    def save_weights(self, network: nn.Module, path: Path) -> None:
        """Write the weights with their config, half precision."""
        assert isinstance(network, InstanceMattingNetwork)
        save_matting_weights(network, path)


def branch_loss(output: MattingOutput, batch: MattingBatch) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss of the three heads and the parts of the finest.

    Each head answers where progressive refinement would ask it: the coarsest everywhere, a finer
    one where the coarser is uncertain, and, so that it learns even where a coarser one is falsely
    certain, along every true edge.
    """
    edge = uncertain(batch.tri_mattes).any(1, keepdim=True)
    region_os4 = grow_square(uncertain(output.os8).any(1, keepdim=True) | edge, WIDTH_OS4_PX // 2)
    fused = torch.where(region_os4, output.os4, output.os8)
    region_os1 = grow_square(uncertain(fused).any(1, keepdim=True) | edge, WIDTH_OS1_PX // 2)
    known = batch.weight
    fine = _terms(output.os1, batch, known * region_os1)
    weight_os4 = known * region_os4
    # Enlarged four and eight times, these have no fine detail that a pyramid could judge.
    middle = weighted_l1(output.os4, batch.tri_mattes, weight_os4)
    coarse = weighted_l1(output.os8, batch.tri_mattes, known)
    total = (2 * fine.total() + middle + coarse) / 4
    return total, {**vars(fine), "os4": middle, "os8": coarse}


def _is_in_company(groups: Tensor) -> Tensor:
    """Return of whom another of the same picture is learned, `(N, 1, 1, 1)`, 0 or 1.

    The product refines nobody who is alone, so the refinement need not learn it.
    """
    is_shared = torch.bincount(groups)[groups] > 1
    return is_shared.float().view(-1, 1, 1, 1)


def _terms(prediction: Tensor, batch: MattingBatch, weight: Tensor) -> LossTerms:
    # Where the truth is unknown nothing is wrong: the pyramid's coarse levels would carry what is
    # there to pixels that are known.
    prediction = torch.where(batch.weight > 0, prediction, batch.tri_mattes)
    # One weight a colour channel: Eq. 10's mean over them, in the scale of the other terms.
    of_colors = (weight * batch.has_layers).expand(-1, 3, -1, -1)
    return tri_matte_loss(
        prediction, batch.tri_mattes, batch.layers, batch.composite, weight, of_colors
    )


def to_8bit(alphas: Tensor) -> npt.NDArray[np.uint8]:
    """Return mattes 0..1 as they are stored, 0..255, rounded."""
    levels = (alphas * 255 + 0.5).to(torch.uint8).cpu().numpy()
    return np.asarray(levels, np.uint8)
