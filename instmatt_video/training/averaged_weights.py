"""The exponential moving average of a network's weights, which is validated and shipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

SPECTRAL_VECTORS = ("._u", "._v")
"""Of spectral norms, unit vectors: a mean of two would be shorter, and the norm too small."""


class AveragedWeights:
    """Exponential moving average of a network's parameters and buffers.

    The decay grows from small, so that the first average is not the random start.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in network.state_dict().items()}

    def update(self, network: nn.Module, step: int) -> None:
        """Draw the average towards the network's present weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            floats, news = [], []
            for key, value in network.state_dict().items():
                if value.dtype.is_floating_point and not key.endswith(SPECTRAL_VECTORS):
                    floats.append(self.state[key])
                    news.append(value)
                else:
                    self.state[key].copy_(value)
            torch._foreach_lerp_(floats, news, 1 - decay)

    @contextmanager
    def lent_to(self, network: nn.Module) -> Iterator[None]:
        """Hold a network at the average for the length of the `with` block."""
        own = {k: v.detach().clone() for k, v in network.state_dict().items()}
        network.load_state_dict(self.state)
        try:
            yield
        finally:
            network.load_state_dict(own)
