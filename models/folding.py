"""Norms folded into the kernels before them: the same network with less to compute."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from .decoder import Upsample
from .layers import ConvNormAct

NetworkT = TypeVar("NetworkT", bound=nn.Module)


@torch.no_grad()
def fold_norms(network: NetworkT) -> NetworkT:
    """Return the network with its norms folded, in evaluation mode; it is changed in place.

    Spectral norms become plain kernels. A batch norm right after its convolution goes into kernel
    and bias. One after an activation stays: folded into the next kernel, its shift would be wrong
    where that kernel sees zero padding.

    Args:
        network: Any network of `ConvNormAct` and `Upsample`; a folded one comes back as it is.
    """
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and is_parametrized(module, "weight"):
            remove_parametrizations(module, "weight")
    for module in network.modules():
        if isinstance(module, ConvNormAct) and not module.is_norm_last:
            conv = module.conv
        elif isinstance(module, Upsample) and module.transposed is not None:
            conv = module.transposed
        else:
            continue
        if isinstance(module.norm, nn.BatchNorm2d):
            assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
            _fold(conv, module.norm)
            module.norm = nn.Identity()
    return network


def norm_scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return what a batch norm in evaluation multiplies by and adds, `(C,)` each, double."""
    assert norm.running_var is not None and norm.running_mean is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    return scale, norm.bias.double() - norm.running_mean.double() * scale


def _fold(conv: nn.Conv2d | nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> None:
    scale, shift = norm_scale_and_shift(norm)
    # Output channels are the second axis of a transposed kernel.
    shape = (1, -1, 1, 1) if isinstance(conv, nn.ConvTranspose2d) else (-1, 1, 1, 1)
    dtype = conv.weight.dtype
    conv.weight = nn.Parameter((conv.weight.double() * scale.view(shape)).to(dtype), False)
    bias = shift if conv.bias is None else shift + conv.bias.double() * scale
    conv.bias = nn.Parameter(bias.to(dtype), False)
