"""Foreground colour under a matte, so that a person can stand before any background.

Knows one crop and its alpha; knows no files. The colour is straight: not multiplied by alpha.
"""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

import cv2
import numpy as np
import numpy.typing as npt

from ..alpha_frame import AlphaFrame
from ..extras import require_extra
from ..media.layer import Layer
from ..rectangle import Rectangle
from ..resizing import area_resize

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
FloatImage = npt.NDArray[np.float32]

Method = Literal["blur-fusion", "pymatting", "source"]

EXTENSION_PX = 16
"""How far past the matte's edge colour reaches: editors filter colour and alpha apart."""

_CONTEXT_PX = 2 * EXTENSION_PX
"""Margin of a crop for the estimate of colour beyond the matte's edge."""
_WIDE_PX = 90  # windows of the passes, from the paper
_NARROW_PX = 6
_WIDE_PASSES = 3
_WIDE_SCALE = 4

# Weight of the last estimate in the next: it decides only where a window sees almost no alpha.
_PRIOR_WEIGHT = np.float32(1e-3)
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
    visible = (alpha > 0).astype(np.uint8)
    if not visible.any():
        return np.zeros_like(image)
    foreground: Image
    if method == "source":
        foreground = image
    else:
        estimate = _blur_fusion if method == "blur-fusion" else _multi_level
        foreground = estimate(image, np.clip(alpha, 0.0, 1.0).astype(np.float32))
        foreground = cv2.copyTo(image, (alpha >= 1.0).astype(np.uint8), foreground)
    reach_px = 2 * EXTENSION_PX + 1
    reach = cv2.dilate(visible, np.ones((reach_px, reach_px), np.uint8))
    extended: Image = cv2.copyTo(foreground, reach)
    return extended


def colour_layer(
    image: Image,
    alpha: AlphaFrame,
    method: Method = "blur-fusion",
    excess: npt.NDArray[np.floating[Any]] | None = None,
) -> Layer:
    """Return one person's alpha with their colour, in a crop that holds the colour's extension too.

    Args:
        image: The whole frame, `(H, W, 3)` RGB, uint8 or full-range uint16.
        alpha: The person's, inside the frame.
        method: As in `estimate_foreground`.
        excess: Linear light that the image cuts off, `(H, W, 3)`; the person's where alpha is 1,
            for elsewhere it may be the background's.
    """
    height, width = image.shape[:2]
    own, margin = alpha.area, _CONTEXT_PX
    around = Rectangle(own.left - margin, own.top - margin, own.right + margin, own.bottom + margin)
    area = around.intersection(Rectangle(0, 0, width, height))
    wide, part = alpha.within(area), area.slices
    bright = None if excess is None else excess[part].astype(np.float32) * (wide >= 1)[..., None]
    foreground = estimate_foreground(image[part], wide, method)
    return Layer(area.left, area.top, wide, foreground, bright)


def _blur_fusion(image: Image, alpha: FloatImage) -> Image:
    """Estimate by blurred foreground and background, first in wide windows, then in narrow ones.

    The paper makes one wide pass at full size. Three at a quarter of it take less time and bring
    the colour of wide soft edges nearer to the truth: the first still mixes in the background.

    Source: Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021, eq. 4-7.
    """
    height, width = alpha.shape
    small_size = (max(1, height // _WIDE_SCALE), max(1, width // _WIDE_SCALE))
    pixels = image.astype(np.float32)
    small_pixels = area_resize(pixels, small_size)
    small_alpha = area_resize(alpha, small_size)
    foreground, blurred, background = small_pixels, None, small_pixels
    for _ in range(_WIDE_PASSES):
        foreground, blurred, background = _fuse(
            small_pixels, small_alpha, foreground, blurred, background, _WIDE_PX // _WIDE_SCALE
        )
    assert blurred is not None
    blurred = area_resize(blurred, alpha.shape)
    background = area_resize(background, alpha.shape)
    foreground = _composite_residual(pixels, _over_colour(alpha), blurred, background)
    foreground, _, _ = _fuse(pixels, alpha, foreground, blurred, background, _NARROW_PX)
    largest = np.iinfo(image.dtype).max
    return cast(Image, np.clip(np.rint(foreground), 0, largest).astype(image.dtype))


def _fuse(
    pixels: FloatImage,
    alpha: FloatImage,
    foreground: FloatImage,
    blurred: FloatImage | None,
    background: FloatImage,
    window_px: int,
) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Return the next foreground, its blurred form and the blurred background, `(h, w, 3)` each."""
    weight = _over_colour(alpha)
    blurred = _weighted_blur(foreground, weight, window_px, blurred)
    background = _weighted_blur(background, 1 - weight, window_px, background)
    return _composite_residual(pixels, weight, blurred, background), blurred, background


def _composite_residual(
    pixels: FloatImage, weight: FloatImage, blurred: FloatImage, background: FloatImage
) -> FloatImage:
    """Return the foreground that takes alpha's share of what the blurred ones leave unexplained."""
    residual = pixels - weight * blurred - (1 - weight) * background
    foreground: FloatImage = blurred + weight * residual  # eq. 7
    return foreground


def _weighted_blur(
    pixels: FloatImage, weight: FloatImage, window_px: int, prior: FloatImage | None
) -> FloatImage:
    """Return the weighted mean of `pixels` in a window; `prior` where weight is scarce."""
    window = (window_px, window_px)
    total = cv2.blur(pixels * weight, window, borderType=cv2.BORDER_REPLICATE)
    mass = cv2.blur(weight, window, borderType=cv2.BORDER_REPLICATE)
    if prior is None:
        mean: FloatImage = total / (mass + _TINY)
    else:
        mean = (total + _PRIOR_WEIGHT * prior) / (mass + _PRIOR_WEIGHT)
    return mean


def _over_colour(alpha: FloatImage) -> FloatImage:
    """Return `(h, w)` alpha as `(h, w, 3)`: NumPy broadcasts over colour ten times slower."""
    return np.asarray(cv2.merge([alpha] * 3), np.float32)


def _multi_level(image: Image, alpha: FloatImage) -> Image:
    """Estimate by PyMatting's multi-level method (Germer et al. 2020)."""
    require_extra("fg", "foreground pymatting")
    from pymatting import estimate_foreground_ml

    largest = np.iinfo(image.dtype).max
    estimate = estimate_foreground_ml(image / largest, alpha.astype(np.float64))
    rounded: Image = np.rint(np.clip(estimate, 0.0, 1.0) * largest).astype(image.dtype)
    return rounded
