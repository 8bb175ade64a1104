"""Stand-ins for the matting network that return their guidance, so that geometry shows."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from instmatt_video.models.blocks import BLOCK_PX, BlockFeatures, BlockGrid
from instmatt_video.models.matting_network import CoarseMattes
from tests.tiny_network import TINY


class EchoBranch(nn.Module):
    """A matting branch that is certain of what it said at first."""

    def predict_fine(self, coarse: CoarseMattes, wanted: Tensor) -> tuple[Tensor, BlockFeatures]:
        nowhere = torch.zeros(1, *(n // BLOCK_PX for n in wanted.shape[2:]), dtype=torch.bool)
        values = torch.zeros(0, 1, BLOCK_PX, BLOCK_PX)
        return coarse.tri_mattes, BlockFeatures(BlockGrid(nowhere), values)


class EchoNetwork(nn.Module):
    """A network that believes its guidance."""

    config = replace(TINY, has_second_look=True)

    def __init__(self) -> None:
        super().__init__()
        self.branch = EchoBranch()
        self.batches: list[tuple[int, ...]] = []
        self.first_looks = 0

    def predict_targets(self, image: Tensor, guidance: Tensor, run_trunk: object) -> Tensor:
        self.first_looks += 1
        return guidance[:, 0]

    def predict_coarse(self, image: Tensor, guidance: Tensor, run_trunk: object) -> CoarseMattes:
        self.batches.append(tuple(image.shape))
        region = torch.zeros_like(guidance[:, :1], dtype=torch.bool)
        return CoarseMattes(image, image, image, self.answer(guidance), region)

    def answer(self, guidance: Tensor) -> Tensor:
        return guidance


class StripedNetwork(EchoNetwork):
    """A network that believes each third column of its guidance."""

    def answer(self, guidance: Tensor) -> Tensor:
        return guidance * (torch.arange(guidance.shape[3]) % 3 == 0)
