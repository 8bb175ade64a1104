"""The matting branch's decoder: back to full resolution, with heads at strides 8, 4 and 1."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .blocks import BLOCK_PX, BlockGrid, cut_patches
from .config import Upsampling
from .layers import ConvNormAct, convolve_valid, normalisation

LEAKY_SLOPE = 0.2
"""Slope below 0 of every activation of decoder, heads and refinement."""


class Upsample(nn.Module):
    """Double both sides: by a transposed 4×4 convolution, or by a convolution and repeated pixels.

    Args:
        in_channels: Channels in.
        out_channels: Channels out; a transposed convolution before a block keeps them.
        upsampling: `transposed` is the release's; `nearest` convolves before it repeats, a quarter
            of the work.
        has_norm: Batch norm before the activation.
        has_spectral_norm: Normalise the kernel by its spectral norm.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        upsampling: Upsampling,
        has_norm: bool,
        has_spectral_norm: bool,
    ) -> None:
        super().__init__()
        self.transposed: nn.Module | None = None
        if upsampling == "transposed":
            layer = nn.ConvTranspose2d(in_channels, out_channels, 4, 2, 1, bias=not has_norm)
            # ref: the release normalises over dimension 0, a transposed kernel's input channels
            self.transposed = spectral_norm(layer, eps=1e-12, dim=0) if has_spectral_norm else layer
            self.norm = normalisation(out_channels, has_norm)
            self.act = nn.LeakyReLU(LEAKY_SLOPE, inplace=True)
        else:
            self.conv = ConvNormAct(
                in_channels,
                out_channels,
                negative_slope=LEAKY_SLOPE,
                has_norm=has_norm,
                has_spectral_norm=has_spectral_norm,
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return `(N, out_channels, 2H, 2W)`."""
        if self.transposed is not None:
            result: Tensor = self.act(self.norm(self.transposed(x)))
            return result
        return F.interpolate(self.conv(x), scale_factor=2.0, mode="nearest")

    def forward_valid(self, x: Tensor) -> Tensor:
        """Return `(N, out_channels, 2H, 2W)` of an `x` with its border, `(N, C, H + 2, W + 2)`."""
        if self.transposed is not None:
            layer = self.transposed
            assert isinstance(layer, nn.ConvTranspose2d)
            # Padding 3 instead of 1 cuts the border's own two output pixels off each side.
            up = F.conv_transpose2d(x, layer.weight, layer.bias, 2, 3)
            result: Tensor = self.act(self.norm(up))
            return result
        return F.interpolate(self.conv.forward_valid(x), scale_factor=2.0, mode="nearest")


class DecoderBlock(nn.Module):
    """Residual block of the decoder; the first of a stage doubles both sides.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        upsampling: How a doubling block doubles; `None` keeps the size.
        has_norm: Batch norm after each convolution.
        has_spectral_norm: Normalise the kernels by their spectral norms.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        upsampling: Upsampling | None,
        has_norm: bool,
        has_spectral_norm: bool,
    ) -> None:
        super().__init__()
        sn = has_spectral_norm
        inner = in_channels if upsampling == "transposed" else out_channels
        self.conv1: nn.Module = (
            ConvNormAct(
                in_channels,
                inner,
                negative_slope=LEAKY_SLOPE,
                has_norm=has_norm,
                has_spectral_norm=sn,
            )
            if upsampling is None
            else Upsample(in_channels, inner, upsampling, has_norm, sn)
        )
        self.conv2 = ConvNormAct(
            inner, out_channels, negative_slope=None, has_norm=has_norm, has_spectral_norm=sn
        )
        self.projection: nn.Module | None = None
        if upsampling is not None:
            self.projection = ConvNormAct(
                in_channels,
                out_channels,
                1,
                negative_slope=None,
                has_norm=has_norm,
                has_spectral_norm=sn,
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return `(N, out_channels, H, W)`, both sides doubled by a doubling block."""
        identity = x
        if self.projection is not None:
            # A 1×1 convolution and repeated pixels commute: project first, which costs a quarter.
            identity = F.interpolate(self.projection(x), scale_factor=2.0, mode="nearest")
        return F.leaky_relu(self.conv2(self.conv1(x)) + identity, LEAKY_SLOPE)

    def forward_blocks(self, x: Tensor, grid: BlockGrid) -> Tensor:
        """Return the block's output in the active blocks alone, `(K, out_channels, b, b)`.

        Args:
            x: `(K, in_channels, b, b)`; for a doubling block, of half the side and with its border,
                `(K, in_channels, b / 2 + 2, b / 2 + 2)`.
            grid: The active blocks.
        """
        if self.projection is not None:
            assert isinstance(self.conv1, Upsample)
            inner = self.conv1.forward_valid(x)
            projected = self.projection(x[:, :, 1:-1, 1:-1])
            identity = F.interpolate(projected, scale_factor=2.0, mode="nearest")
        else:
            assert isinstance(self.conv1, ConvNormAct)
            inner = self.conv1.forward_valid(grid.patches(x))
            identity = x
        return F.leaky_relu_(
            self.conv2.forward_valid(grid.patches(inner)).add_(identity), LEAKY_SLOPE
        )


class TriMatteHead(nn.Module):
    """Feature map to the three logits of a tri-matte: target, reference, background.

    Args:
        in_channels: Channels in.
        width: Channels of the hidden layer.
        has_norm: Batch norm in the hidden layer.
    """

    def __init__(self, in_channels: int, width: int, has_norm: bool) -> None:
        super().__init__()
        self.hidden = ConvNormAct(in_channels, width, negative_slope=LEAKY_SLOPE, has_norm=has_norm)
        self.logits = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, `(N, 3, H, W)`."""
        logits: Tensor = self.logits(self.hidden(x))
        return logits

    def forward_blocks(self, x: Tensor, grid: BlockGrid) -> Tensor:
        """Return logits in the active blocks alone, `(K, 3, b, b)`.

        Args:
            x: Features with their border, `(K, C, b + 2, b + 2)`.
            grid: The active blocks.
        """
        hidden = self.hidden.forward_valid(x)
        return convolve_valid(self.logits, grid.patches(hidden))


class Decoder(nn.Module):
    """The coarse map and the shortcuts to the features that the three heads read.

    Args:
        coarse_channels: Channels of the map at stride 32.
        shortcut_channels: Channels of the shortcuts at strides 1, 2, 4, 8, 16.
        blocks: Blocks of the four stages (to strides 16, 8, 4, 2).
        upsampling: `transposed` or `nearest`.
        has_spectral_norm: Normalise the blocks' kernels by their spectral norms.
        has_fine_norm: Batch norm also at strides 1 and 2, where it costs most.
    """

    def __init__(
        self,
        coarse_channels: int,
        shortcut_channels: Sequence[int],
        blocks: Sequence[int],
        upsampling: Upsampling,
        has_spectral_norm: bool,
        has_fine_norm: bool,
    ) -> None:
        super().__init__()
        stages = []
        channels = coarse_channels
        for level, depth in zip((4, 3, 2, 1), blocks, strict=True):
            width = shortcut_channels[level]
            has_norm = has_fine_norm or level >= 2
            stage = nn.Sequential()
            for index in range(depth):
                stage.append(
                    DecoderBlock(
                        channels,
                        width,
                        upsampling if index == 0 else None,
                        has_norm,
                        has_spectral_norm,
                    )
                )
                channels = width
            stages.append(stage)
        self.stages = nn.ModuleList(stages)
        self.full = Upsample(
            channels, shortcut_channels[0], upsampling, has_fine_norm, has_spectral_norm
        )

    def forward(self, coarse: Tensor, shortcuts: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the features at strides 8, 4 and 1.

        Args:
            coarse: `(N, C, H / 32, W / 32)`.
            shortcuts: Maps at strides 1, 2, 4, 8, 16.
        """
        feature_os8, feature_os4 = self.forward_coarse(coarse, shortcuts[2:])
        half = self.stages[3](feature_os4) + shortcuts[1]
        return feature_os8, feature_os4, self.full(half) + shortcuts[0]

    def forward_coarse(self, coarse: Tensor, shortcuts: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the features at strides 8 and 4.

        Args:
            coarse: `(N, C, H / 32, W / 32)`.
            shortcuts: Maps at strides 4, 8, 16.
        """
        stride16 = self.stages[0](coarse) + shortcuts[2]
        stride8 = self.stages[1](stride16) + shortcuts[1]
        return stride8, self.stages[2](stride8) + shortcuts[0]

    def forward_half(self, quarter: Tensor, grid: BlockGrid) -> Tensor:
        """Return the last stage's output in the active blocks alone, without its shortcut.

        Args:
            quarter: Feature at stride 4, `(N, C, H / 4, W / 4)`.
            grid: The active blocks; at stride 2 they are `BLOCK_PX / 2` wide.
        """
        x = cut_patches(quarter, grid.places, BLOCK_PX // 4, 1)
        stage = self.stages[3]
        assert isinstance(stage, nn.Sequential)
        for block in stage:
            assert isinstance(block, DecoderBlock)
            x = block.forward_blocks(x, grid)
        return x
