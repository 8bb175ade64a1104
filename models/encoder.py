"""The matting branch's encoder: a ResNet-D trunk, shortcut branches at every stride, and ASPP."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import BLOCK_PX, BlockGrid, cut_patches
from .layers import ConvNormAct


class EncoderBlock(nn.Module):
    """Two 3×3 convolutions beside an identity that a strided block averages first (ResNet-D).

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        stride: 1 or 2.
        has_spectral_norm: Normalise the kernels by their spectral norms.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, has_spectral_norm: bool
    ) -> None:
        super().__init__()
        sn = has_spectral_norm
        self.conv1 = ConvNormAct(in_channels, out_channels, stride=stride, has_spectral_norm=sn)
        self.conv2 = ConvNormAct(
            out_channels, out_channels, negative_slope=None, has_spectral_norm=sn
        )
        self.identity: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            projection = ConvNormAct(
                in_channels, out_channels, 1, negative_slope=None, has_spectral_norm=sn
            )
            pool = nn.AvgPool2d(2) if stride == 2 else nn.Identity()
            self.identity = nn.Sequential(pool, projection)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(N, out_channels, H / stride, W / stride)`."""
        return F.relu(self.conv2(self.conv1(x)) + self.identity(x))


class Aspp(nn.Module):
    """Atrous spatial pyramid pooling over the coarsest map, channels kept.

    Args:
        channels: Channels in and out.
        width: Channels of each of the five branches.
        has_pooled_norm: Batch norm in the pooled branch, which has one value a channel and sample:
            it needs more than one sample a batch, and its statistics are rough.
    """

    def __init__(self, channels: int, width: int, has_pooled_norm: bool) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [
                ConvNormAct(channels, width, 1),
                *(ConvNormAct(channels, width, 3, dilation=d) for d in (2, 4, 8)),
            ]
        )
        self.pooled = ConvNormAct(channels, width, 1, has_norm=has_pooled_norm)
        self.merge = ConvNormAct(5 * width, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(N, channels, H, W)`."""
        pooled = self.pooled(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
        merged: Tensor = self.merge(
            torch.cat([*(branch(x) for branch in self.branches), pooled], 1)
        )
        return merged


class Encoder(nn.Module):
    """Image and tri-mask to one shortcut map a stride, and the coarse map for the decoder.

    Args:
        in_channels: Image channels and mask channels together.
        stem: Channels of the three stem convolutions (strides 1/2, 1/2, 1/4).
        widths: Channels of the four stages (strides 1/4, 1/8, 1/16, 1/32).
        blocks: Blocks of the four stages.
        shortcut_depth: Convolutions of a shortcut branch.
        aspp_width: Channels of a pooling branch.
        has_spectral_norm: Normalise the trunk's and the shortcuts' kernels by their spectral norms.
        has_fine_norm: Batch norm also at strides 1 and 2, where it costs most, and in the pooled
            branch.
    """

    def __init__(
        self,
        in_channels: int,
        stem: Sequence[int],
        widths: Sequence[int],
        blocks: Sequence[int],
        shortcut_depth: int,
        aspp_width: int,
        has_spectral_norm: bool,
        has_fine_norm: bool,
    ) -> None:
        super().__init__()
        sn = has_spectral_norm
        self.stem1 = ConvNormAct(
            in_channels, stem[0], stride=2, has_spectral_norm=sn, has_norm=has_fine_norm
        )
        self.stem2 = ConvNormAct(stem[0], stem[1], has_spectral_norm=sn, has_norm=has_fine_norm)
        self.stem3 = ConvNormAct(stem[1], stem[2], stride=2, has_spectral_norm=sn)
        stages = []
        channels = stem[2]
        for index, (width, depth) in enumerate(zip(widths, blocks, strict=True)):
            strides = [1 if index == 0 else 2] + [1] * (depth - 1)
            stage = nn.Sequential()
            for stride in strides:
                stage.append(EncoderBlock(channels, width, stride, sn))
                channels = width
            stages.append(stage)
        self.stages = nn.ModuleList(stages)
        self.aspp = Aspp(channels, aspp_width, has_pooled_norm=has_fine_norm)
        sources = (in_channels, stem[1], *widths[:3])
        targets = (stem[0], stem[1], *widths[:3])
        self.shortcuts = nn.ModuleList(
            nn.Sequential(
                *(
                    ConvNormAct(
                        source if i == 0 else target,
                        target,
                        has_spectral_norm=sn,
                        has_norm=has_fine_norm or level >= 2,
                        is_norm_last=True,
                    )
                    for i in range(shortcut_depth)
                )
            )
            for level, (source, target) in enumerate(zip(sources, targets, strict=True))
        )

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the map at stride 32 after ASPP, and the shortcuts at strides 1, 2, 4, 8, 16.

        Args:
            x: Normalised image and tri-mask, `(N, in_channels, H, W)`; sides are multiples of 32.
        """
        coarse, maps = self.forward_trunk(x)
        return coarse, [shortcut(m) for shortcut, m in zip(self.shortcuts, maps, strict=True)]

    def forward_trunk(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the map at stride 32 after ASPP, and what the shortcuts at strides 1 to 16 read.

        Args:
            x: As for `forward`.
        """
        half = self.stem2(self.stem1(x))
        maps = [x, half]
        feature = self.stem3(half)
        for stage in self.stages:
            feature = stage(feature)
            maps.append(feature)
        coarse: Tensor = self.aspp(maps.pop())
        return coarse, maps

    def forward_shortcut(self, level: int, dense: Tensor, grid: BlockGrid) -> Tensor:
        """Return a shortcut's output in the active blocks alone, `(K, C, b, b)`.

        Args:
            level: 0 is the shortcut at stride 1, 1 the one at stride 2.
            dense: What the shortcut reads, from `forward_trunk`.
            grid: The active blocks.
        """
        shortcut = self.shortcuts[level]
        assert isinstance(shortcut, nn.Sequential)
        first, *others = (layer for layer in shortcut if isinstance(layer, ConvNormAct))
        x: Tensor = first.forward_valid(cut_patches(dense, grid.places, BLOCK_PX >> level, 1))
        for layer in others:
            x = layer.forward_valid(grid.patches(x))
        return x
