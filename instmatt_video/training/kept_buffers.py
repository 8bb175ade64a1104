"""A network's buffers, such as means of batch norms, kept from before a step that goes wrong."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class KeptBuffers:
    """A network's buffers as they were after its last good step."""

    def __init__(self, network: nn.Module) -> None:
        self._live = list(network.buffers())
        self._kept = [buffer.detach().clone() for buffer in self._live]

    def keep(self) -> None:
        """Take the buffers as they are now."""
        _copy(self._kept, self._live)

    def restore(self) -> None:
        """Bring the buffers back: a forward pass that was not finite has spoilt them."""
        _copy(self._live, self._kept)


def _copy(to: list[Tensor], of: list[Tensor]) -> None:
    with torch.no_grad():
        for one, other in zip(to, of, strict=True):
            one.copy_(other)
