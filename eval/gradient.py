"""The gradient error of mattes: Gaussian derivatives as in the alphamatting.com benchmark."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from .alpha import Float, Mask

SIGMA_PX = 1.4
"""Of the Gaussian (Rhemann et al. 2009, gradient error)."""
RADIUS_PX = 4
"""Half-size of the 9 x 9 kernel: where a Gaussian of `SIGMA_PX` has fallen below 0.01."""
_STRIP_PIXELS = 32_000
"""A matte is worked through in strips of rows whose few arrays stay in a core's cache."""


def derivative_kernels() -> tuple[Float, Float]:
    """Return the two 1-D factors (Gaussian, its derivative) of the first-order kernel.

    Each has the norm 1, so that their outer product, the 2-D kernel, has the L2 norm 1 too.

    Source:
        Rhemann et al. 2009 (alphamatting.com), gradient error.
    """
    x = np.arange(-RADIUS_PX, RADIUS_PX + 1, dtype=np.float64)
    gaussian = np.exp(-(x**2) / (2 * SIGMA_PX**2)) / (SIGMA_PX * math.sqrt(2 * math.pi))
    derivative = -x / SIGMA_PX**2 * gaussian
    gaussian /= np.linalg.norm(gaussian)
    derivative /= np.linalg.norm(derivative)
    return gaussian.astype(np.float32), derivative.astype(np.float32)


_GAUSSIAN, _DERIVATIVE = derivative_kernels()


def _shifted(image: Float, offset: int, axis: int) -> Float:
    """Return the view of a padded image that lies `offset` pixels further along the axis."""
    length = image.shape[axis] - 2 * RADIUS_PX
    window = slice(RADIUS_PX + offset, RADIUS_PX + offset + length)
    return image[window] if axis == 0 else image[:, window]


def _smooth(image: Float, axis: int) -> Float:
    total: Float = _shifted(image, 0, axis) * _GAUSSIAN[RADIUS_PX]
    both = np.empty_like(total)
    for offset in range(1, RADIUS_PX + 1):
        np.add(_shifted(image, offset, axis), _shifted(image, -offset, axis), out=both)
        both *= _GAUSSIAN[RADIUS_PX + offset]
        total += both
    return total


def _differentiate(image: Float, axis: int) -> Float:
    total = np.zeros_like(_shifted(image, 0, axis))
    both = np.empty_like(total)
    for offset in range(1, RADIUS_PX + 1):
        # A convolution: the kernel is flipped, so the sign is that of the slope.
        np.subtract(_shifted(image, offset, axis), _shifted(image, -offset, axis), out=both)
        both *= _DERIVATIVE[RADIUS_PX - offset]
        total += both
    return total


def gradient_magnitude(alpha: Float, border: Literal["edge", "zero"] = "edge") -> Float:
    """Return the length of the Gaussian gradient in each pixel.

    Args:
        alpha: `(H, W)`, 0..1.
        border: What lies beyond the frame: its outermost pixels again, or nothing.

    Returns:
        `(H, W)`, 0 or more.
    """
    if border == "edge":
        padded = np.pad(alpha, RADIUS_PX, mode="edge")
    else:
        padded = np.pad(alpha, RADIUS_PX)
    height, width = alpha.shape
    rows = max(1, _STRIP_PIXELS // max(width, 1))
    lengths = np.empty_like(alpha)
    for top in range(0, height, rows):
        strip = padded[top : top + rows + 2 * RADIUS_PX]
        horizontal = _differentiate(_smooth(strip, axis=0), axis=1)
        vertical = _smooth(_differentiate(strip, axis=0), axis=1)
        np.square(horizontal, out=horizontal)
        np.square(vertical, out=vertical)
        horizontal += vertical
        np.sqrt(horizontal, out=lengths[top : top + rows])
    return lengths


def gradient_error_sum(prediction: Float, target: Float, region: Mask) -> float:
    """Return the sum over the region of the squared difference of gradient lengths.

    Args:
        prediction: `(H, W)`, 0..1.
        target: `(H, W)`, 0..1.
        region: `(H, W)`, where the error counts.
    """
    difference = gradient_magnitude(prediction) - gradient_magnitude(target)
    np.square(difference, out=difference)
    return float(np.sum(difference, where=region, dtype=np.float64))
