"""What torchrun starts in `test_ddp.py`: a training of a line, in one piece and broken off.

Each process leaves `rank<n>.pt` behind: the weights it ended with and the batches it made.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from instmatt_video.errors import OptionError
from instmatt_video.training.loop import train
from instmatt_video.training.loop_config import LoopConfig

CONFIG = LoopConfig(
    steps=8,
    learning_rate=0.05,
    min_learning_rate=0.01,
    warmup_steps=2,
    # A gradient that is clipped would hide a wrong scale.
    clip_norm=1e9,
    ema_decay=0.5,
    checkpoint_steps=4,
    validate_steps=4,
    log_steps=1,
    accelerator="cpu",
)
BATCH = 16


class SharedLine:
    """Learns y = w x, from w = 1; each process draws its own samples."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.network: nn.Module = nn.Linear(3, 1)
        for parameter in self.network.parameters():
            nn.init.ones_(parameter)
        self.fails_at = fails_at
        self.made: list[tuple[int, int]] = []
        self.num_validated = 0
        self.num_saved = 0

    def make_batch(self, step: int, rank: int) -> Tensor:
        if step == self.fails_at:
            raise RuntimeError("killed")
        self.made.append((step, rank))
        return torch.randn(BATCH, 3, generator=torch.Generator().manual_seed(100 * rank + step))

    def loss(self, network: nn.Module, batch: Any, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        target = batch @ torch.tensor([[2.0], [-1.0], [0.5]])
        return ((network(batch) - target) ** 2).mean(), {}

    def validate(self, network: nn.Module) -> dict[str, float]:
        self.num_validated += 1
        return {"score": float(self.num_validated)}

    def save_weights(self, network: nn.Module, path: Path) -> None:
        self.num_saved += 1
        save_file(network.state_dict(), path)


class BothShares(SharedLine):
    """The same in one process, whose batch is that of two together."""

    def make_batch(self, step: int, rank: int) -> Tensor:
        return torch.cat([super(BothShares, self).make_batch(step, share) for share in (0, 1)])


def main() -> None:
    out, rank = Path(sys.argv[1]), int(os.environ["RANK"])
    torch.set_num_threads(1)
    whole, resumed = SharedLine(), SharedLine()
    if rank == 1:
        nn.init.zeros_(next(whole.network.parameters()))  # the first process's weights are taken
    best = train(whole, CONFIG, out / "whole").best
    with contextlib.suppress(RuntimeError):
        train(SharedLine(fails_at=5), CONFIG, out / "broken")
    train(resumed, CONFIG, out / "broken")
    try:
        train(SharedLine(), CONFIG, out / "held")
        refusal = ""
    except OptionError as error:
        refusal = str(error)
    torch.save(
        {
            "whole": whole.network.state_dict(),
            "resumed": resumed.network.state_dict(),
            "made": whole.made,
            "made_after": resumed.made,
            "num_validated": whole.num_validated,
            "num_saved": whole.num_saved,
            "best": best,
            "refusal": refusal,
        },
        out / f"rank{rank}.pt",
    )


if __name__ == "__main__":
    main()
