"""The training losses on tri-mattes, one function a term (Eq. 10-12)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LAPLACIAN_LEVELS = 5
BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)
"""Taps of the Burt-Adelson pyramid's kernel; they sum to 16."""


@dataclass(frozen=True)
class LossTerms:
    """The four terms of Eq. 12, each a scalar."""

    alpha: Tensor
    """L_α: absolute error of the tri-matte."""
    laplacian: Tensor
    """L_lap: absolute error of its Laplacian pyramid."""
    composition: Tensor
    """L_mc, Eq. 10."""
    constraint: Tensor
    """L_mα, Eq. 11."""

    def total(self) -> Tensor:
        """Return their sum, Eq. 12."""
        return self.alpha + self.laplacian + self.composition + self.constraint  # eq. (12)


def weighted_l1(prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean absolute error under a weight.

    A weight of one channel is shared by all channels, whose errors then add up: the normaliser is
    the sum of the weight as it is given.

    Args:
        prediction: `(N, C, H, W)`.
        target: As `prediction`.
        weight: `(N, C or 1, H, W)`, not negative; `None` weighs every element alike.
    """
    error = (prediction - target).abs()
    if weight is None:
        return error.mean()
    return (error * weight).sum() / (weight.sum() + 1e-8)


def laplacian_loss(prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the error of the Laplacian pyramids, coarse levels weighing more.

    Args:
        prediction: `(N, C, H, W)`; sides are multiples of 32, at least 64.
        target: As `prediction`.
        weight: `(N, C or 1, H, W)`; decimated along.

    Source:
        InstMatt section 3.4; Hou and Liu 2019 (level i of 5 weighs 2^i).
    """
    # The pyramid is linear: one pyramid of the difference instead of two.
    levels = laplacian_pyramid(prediction - target)
    total = prediction.new_zeros(())
    for index, level in enumerate(levels):
        at_level = None if weight is None else weight[..., :: 2**index, :: 2**index]
        total = total + 2**index * weighted_l1(level, torch.zeros_like(level), at_level)
    return total


def laplacian_pyramid(image: Tensor) -> list[Tensor]:
    """Return the band-pass levels of `(N, C, H, W)`, finest first, without the coarse residual."""
    levels = []
    current = image
    for _ in range(LAPLACIAN_LEVELS):
        down = _blur(current)[..., ::2, ::2]
        spread = current.new_zeros(current.shape)
        spread[..., ::2, ::2] = down
        levels.append(current - 4 * _blur(spread))
        current = down
    return levels


def composition_loss(
    tri_matte: Tensor, layers: Tensor, image: Tensor, weight: Tensor | None = None
) -> Tensor:
    """Return how far the layers under the predicted tri-matte are from the picture.

    Args:
        tri_matte: α_t, α_r, α_b, `(N, 3, H, W)`.
        layers: Colours F_t, F_r, F_b, `(N, 3, 3, H, W)` (layer, then RGB).
        image: The picture, `(N, 3, H, W)`, in the same colour space as `layers`.
        weight: `(N, 3 or 1, H, W)`.

    Source:
        InstMatt Eq. 10.
    """
    return weighted_l1((tri_matte[:, :, None] * layers).sum(1), image, weight)  # eq. (10)


def constraint_loss(tri_matte: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return how far the tri-matte `(N, 3, H, W)` is from summing to 1.

    Source:
        InstMatt Eq. 11.
    """
    total = tri_matte.sum(1, keepdim=True)
    return weighted_l1(total, torch.ones_like(total), weight)  # eq. (11)


def tri_matte_loss(
    prediction: Tensor,
    target: Tensor,
    layers: Tensor,
    image: Tensor,
    weight: Tensor | None = None,
    composition_weight: Tensor | None = None,
) -> LossTerms:
    """Return the four terms of Eq. 12 for tri-mattes.

    Args:
        prediction: `(N, 3, H, W)`, 0..1.
        target: True visible mattes of target, reference, background; as `prediction`.
        layers: Colours of the three, `(N, 3, 3, H, W)`.
        image: The picture, `(N, 3, H, W)`.
        weight: `(N, 3 or 1, H, W)`, not negative; `None` weighs every pixel alike.
        composition_weight: As `weight`, for Eq. 10 alone, where `layers` are not known everywhere;
            `None` takes `weight`.
    """
    if composition_weight is None:
        composition_weight = weight
    return LossTerms(
        weighted_l1(prediction, target, weight),
        laplacian_loss(prediction, target, weight),
        composition_loss(prediction, layers, image, composition_weight),
        constraint_loss(prediction, weight),
    )


def _blur(image: Tensor) -> Tensor:
    """Return `(N, C, H, W)` blurred by the binomial kernel, borders reflected.

    Shifted sums, not a depthwise convolution: several times faster on a CPU.
    """
    padded = F.pad(image, (2, 2, 2, 2), mode="reflect")
    height, width = image.shape[-2:]
    rows = sum(tap * padded[..., i : i + height, :] for i, tap in enumerate(BINOMIAL))
    assert isinstance(rows, Tensor)
    columns = sum(tap * rows[..., i : i + width] for i, tap in enumerate(BINOMIAL))
    assert isinstance(columns, Tensor)
    return columns / 256
