"""Foreground colour under a matte, so that a person can stand before any background.

Knows one crop and its alpha; knows no files. The colour is straight: not multiplied by alpha.
"""

from __future__ import annotations

from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from .errors import OptionError

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
FloatImage = npt.NDArray[np.float32]

Method = Literal["blur-fusion", "pymatting", "source"]

EXTENSION_PX = 16
"""How far past the matte's edge colour reaches: editors filter colour and alpha apart."""

_WIDE_PX = 90  # windows of the two passes, from the paper
_NARROW_PX = 6

# Weight of the wide estimate in the narrow one: it decides only where the narrow window sees almost no alpha.
_WIDE_WEIGHT = np.float32(1e-3)
_TINY = np.float32(1e-8)


def estimate_foreground(image: Image, alpha: FloatImage, method: Method = "blur-fusion") -> Image:
    """Return the colour of what `alpha` covers, extended past its edge and black beyond.

    Args:
        image: `(h, w, 3)` RGB, uint8 or full-range uint16.
        alpha: `(h, w)` coverage, 0..1.
        method: `blur-fusion` is fast; `pymatting` (extra `fg`) is the multi-level estimate, better
            on long hair; `source` keeps the picture's colours, background spill included.

    Returns:
        `(h, w, 3)` of `image`'s type. Where alpha is 1 it is `image`; farther than `EXTENSION_PX`
        rows or columns from any alpha it is black.

    Raises:
        OptionError: PyMatting is asked for and not installed.
        ValueError: Unknown method, or shapes that differ.
    """
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if image.shape != (*alpha.shape, 3):
        raise ValueError(f"image {image.shape} does not fit alpha {alpha.shape}")
    if method == "source":
        foreground = image.copy()
    elif not alpha.any():
        foreground = np.zeros_like(image)
    else:
        estimate = _blur_fusion if method == "blur-fusion" else _multi_level
        foreground = estimate(image, np.clip(alpha, 0.0, 1.0).astype(np.float32))
        is_opaque = alpha >= 1.0
        foreground[is_opaque] = image[is_opaque]
    foreground[~_reach(alpha)] = 0
    return foreground


def _blur_fusion(image: Image, alpha: FloatImage) -> Image:
    """Estimate by two passes of blurred foreground and background.

    Source: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021, eq. 4-7.
    """
    pixels = image.astype(np.float32)
    foreground, background = pixels, pixels
    wide_foreground: FloatImage | None = None
    for window_px in (_WIDE_PX, _NARROW_PX):
        blurred_foreground = _weighted_blur(foreground, alpha, window_px, wide_foreground)
        background = _weighted_blur(background, 1 - alpha, window_px, background)
        a = alpha[..., None]
        residual = pixels - a * blurred_foreground - (1 - a) * background
        foreground = blurred_foreground + a * residual
        wide_foreground = blurred_foreground
    largest = np.iinfo(image.dtype).max
    foreground = np.clip(np.rint(foreground), 0, largest)
    rounded: Image = foreground.astype(image.dtype)
    return rounded


def _weighted_blur(
    pixels: FloatImage, weight: FloatImage, window_px: int, prior: FloatImage | None
) -> FloatImage:
    """Return the mean of `pixels` `(h, w, 3)` in a window, weighted; `prior` where weight is scarce."""
    window = (window_px, window_px)
    border = cv2.BORDER_REPLICATE
    total = cv2.blur(pixels * weight[..., None], window, borderType=border)
    mass = cv2.blur(weight, window, borderType=border)[..., None]
    if prior is None:
        mean: FloatImage = total / (mass + _TINY)
    else:
        mean = (total + _WIDE_WEIGHT * prior) / (mass + _WIDE_WEIGHT)
    return mean


def _multi_level(image: Image, alpha: FloatImage) -> Image:
    """Estimate by PyMatting's multi-level method (Germer et al. 2020)."""
    try:
        from pymatting import estimate_foreground_ml
    except ImportError as error:
        raise OptionError(
            "foreground 'pymatting' needs PyMatting: pip install 'instmatt-video[fg]'"
        ) from error
    largest = np.iinfo(image.dtype).max
    estimate = estimate_foreground_ml(image / largest, alpha.astype(np.float64))
    rounded: Image = np.rint(np.clip(estimate, 0.0, 1.0) * largest).astype(image.dtype)
    return rounded


def _reach(alpha: FloatImage) -> npt.NDArray[np.bool_]:
    """Return where colour is kept: within `EXTENSION_PX` rows and columns of any alpha."""
    size = 2 * EXTENSION_PX + 1
    grown = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((size, size), np.uint8))
    reach: npt.NDArray[np.bool_] = grown > 0
    return reach
