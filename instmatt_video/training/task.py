"""What a training loop needs of what is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn


class TrainingTask(Protocol):
    """What is learned: a network, its data, its loss, and how good it is."""

    network: nn.Module
    """What is trained; parameters with `requires_grad` off stay as they are."""

    def make_batch(self, step: int, rank: int) -> Any:
        """Return the batch of a step and process, on the CPU; the same for the same arguments."""

    def loss(self, network: nn.Module, batch: Any, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss and its parts; `network` is `self.network` as Fabric wrapped it."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return figures of merit; `score` decides which weights are best, the newest of equals.

        A score of NaN is the least of all.
        """

    def save_weights(self, network: nn.Module, path: Path) -> None:
        """Write the network's weights as the product loads them."""
