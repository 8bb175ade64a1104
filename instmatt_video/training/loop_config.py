"""How a network is trained: steps, learning rate, averaging, checkpoints, devices."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .ranges import check_ranges

DECISIVE = (
    "seed",
    "learning_rate",
    "min_learning_rate",
    "warmup_steps",
    "betas",
    "weight_decay",
    "clip_norm",
    "ema_decay",
)
"""Settings that a resumed run must share with its beginning; it may well be longer."""

CHECKPOINT_FILE = "last.ckpt"
"""From which a run resumes, in the folder of the training, or of one part of a detector's."""

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class LoopConfig:
    """Schedule and optimiser."""

    steps: int = 20_000
    learning_rate: float = 1e-3
    min_learning_rate: float = 1e-5
    warmup_steps: int = 300
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    """Largest norm of the gradient."""
    ema_decay: float = 0.999
    """Weight of the past in the averaged weights, which are validated and kept; 0 is none."""
    checkpoint_steps: int = 200
    validate_steps: int = 2000
    log_steps: int = 20
    seed: int = 1
    workers: int = 0
    """Processes that make batches; 0 makes them in the training process."""
    precision: str = "32-true"
    """One of `PRECISIONS`, as Fabric names them; `16-mixed` needs a GPU."""
    accelerator: str = "auto"
    devices: int = 1
    """Processes on each node, a device each; 0 is one for each GPU, or one where there is none.
    torchrun's `--nproc-per-node` goes before."""
    nodes: int = 1
    """Machines; torchrun's `--nnodes` goes before."""

    def __post_init__(self) -> None:
        check_ranges(self, ("steps", "warmup_steps", "workers", "devices"), 0)
        check_ranges(self, ("checkpoint_steps", "validate_steps", "log_steps", "nodes"), 1)
        check_ranges(self, ("learning_rate", "min_learning_rate", "weight_decay"), 0)
        check_ranges(self, ("ema_decay",), 0, 1)
        check_ranges(self, ("betas",), 0, 0.999999)
        check_ranges(self, ("clip_norm",), 1e-6)  # at 0 nothing is learned
        check_ranges(self, ("seed",), 0, 2**32 - 1)
        if self.precision not in PRECISIONS:
            allowed = ", ".join(PRECISIONS)
            raise ValueError(f"precision must be one of {allowed}, not {self.precision}")

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step: linear warm-up, then half a cosine."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        swing = (1 + math.cos(math.pi * min(1.0, progress))) / 2
        return self.min_learning_rate + (self.learning_rate - self.min_learning_rate) * swing
