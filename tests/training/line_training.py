"""A training that is solved in a second: a line to be learned, and what a run of it leaves."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from instmatt_video.training.loop_config import LoopConfig

CONFIG = LoopConfig(
    steps=24,
    learning_rate=0.05,
    min_learning_rate=0.01,
    warmup_steps=4,
    ema_decay=0.9,
    checkpoint_steps=5,
    validate_steps=8,
    log_steps=4,
    accelerator="cpu",
)


class Line:
    """Learns y = W x from samples; batch norm stands for everything that is no parameter."""

    def __init__(self, fails_at: int | None = None, infinite_at: int | None = None) -> None:
        torch.manual_seed(7)
        self.network: nn.Module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        self.fails_at, self.infinite_at = fails_at, infinite_at
        self.made: list[tuple[int, int]] = []
        self.validated: list[dict[str, Tensor]] = []

    def make_batch(self, step: int, rank: int) -> Tensor:
        if step == self.fails_at:
            raise RuntimeError("killed")
        self.made.append((step, rank))
        batch = torch.randn(16, 3, generator=torch.Generator().manual_seed(1000 * rank + step))
        if step == self.infinite_at:
            batch[0] = math.inf
        return batch

    def loss(self, network: nn.Module, batch: Any, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        target = torch.stack((batch.sum(1), batch[:, 0] - 2 * batch[:, 1]), 1)
        error = ((network(batch) - target) ** 2).mean()
        return error, {"mse": error}

    def validate(self, network: nn.Module) -> dict[str, float]:
        assert not network.training
        self.validated.append({k: v.clone() for k, v in network.state_dict().items()})
        with torch.no_grad():
            error, _ = self.loss(network, self.make_batch(-1, 9), -1)
        return {"score": -float(error)}

    def save_weights(self, network: nn.Module, path: Path) -> None:
        save_file(network.state_dict(), path)


def checkpoint(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(folder / "last.ckpt", weights_only=True)
    return loaded


def equal(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def rows(folder: Path) -> list[list[str]]:
    with (folder / "log.csv").open(newline="") as file:
        return [row for row in csv.reader(file) if row[1] != "steps_per_s"]


def losses(folder: Path) -> list[float]:
    return [float(row[2]) for row in rows(folder) if row[1] == "loss"]
