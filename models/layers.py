"""The convolution that every matting layer is built from, with its optional norms."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


def convolution(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    *,
    stride: int = 1,
    dilation: int = 1,
    bias: bool = False,
    has_spectral_norm: bool = False,
) -> nn.Module:
    """Return a size-keeping convolution (up to its stride), spectrally normalised where asked."""
    padding = dilation * (kernel_size // 2)
    layer = nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, padding, dilation=dilation, bias=bias
    )
    return spectral_norm(layer, eps=1e-12) if has_spectral_norm else layer


def normalisation(channels: int, has_norm: bool) -> nn.Module:
    """Return batch normalisation, or nothing at all where it costs more than it gives."""
    return nn.BatchNorm2d(channels) if has_norm else nn.Identity()


class ConvNormAct(nn.Module):
    """Convolution, batch norm, activation; the convolution has a bias where there is no norm.

    Args:
        in_channels: Channels in.
        out_channels: Channels out.
        kernel_size: Side of the kernel in pixels.
        stride: Step in pixels.
        dilation: Spacing of the kernel's taps in pixels.
        negative_slope: Slope of the leaky ReLU below 0; 0 is ReLU, `None` is no activation.
        has_norm: Normalise the batch after the convolution.
        has_spectral_norm: Normalise the kernel by its spectral norm.
        is_norm_last: Normalise after the activation instead of before (the release's shortcuts).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        *,
        stride: int = 1,
        dilation: int = 1,
        negative_slope: float | None = 0.0,
        has_norm: bool = True,
        has_spectral_norm: bool = False,
        is_norm_last: bool = False,
    ) -> None:
        super().__init__()
        self.conv = convolution(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            dilation=dilation,
            bias=not has_norm,
            has_spectral_norm=has_spectral_norm,
        )
        self.norm = normalisation(out_channels, has_norm)
        self.act: nn.Module = (
            nn.Identity() if negative_slope is None else nn.LeakyReLU(negative_slope, inplace=True)
        )
        self.is_norm_last = is_norm_last

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output, `(N, out_channels, H / stride, W / stride)`."""
        return self._finish(self.conv(x))

    def forward_valid(self, x: Tensor) -> Tensor:
        """Return the output of an `x` that carries its border, so that none is padded.

        Args:
            x: `(N, in_channels, H + 2, W + 2)` for a 3×3 kernel of stride 1.
        """
        return self._finish(convolve_valid(self.conv, x))

    def _finish(self, x: Tensor) -> Tensor:
        if self.is_norm_last:
            result: Tensor = self.norm(self.act(x))
            return result
        result = self.act(self.norm(x))
        return result


def convolve_valid(layer: nn.Module, x: Tensor) -> Tensor:
    """Return a convolution of stride 1 without padding: `x` carries its border."""
    assert isinstance(layer, nn.Conv2d)
    return F.conv2d(x, layer.weight, layer.bias, dilation=layer.dilation, groups=layer.groups)
