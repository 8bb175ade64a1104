"""Straight colour, told from premultiplied, and resized without what lies under alpha 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...resizing import area_resize

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

FAINTEST = 1e-4
"""Alpha below which a colour cannot be told."""


def straight_color(premultiplied: FloatArray, alpha: FloatArray) -> FloatArray:
    """Return colours, `(H, W, 3)`, 0..1, from those times alpha, `(H, W)`; black where it is 0."""
    color = premultiplied / np.maximum(alpha, FAINTEST)[..., None]
    return np.asarray(np.clip(color, 0, 1, out=color), np.float32)


def resize_straight(rgba: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """Return `(h, w, 4)` straight colour and alpha, 0..255, at another size.

    Args:
        rgba: `(H, W, 4)`, straight colour.
        size: (width, height) in pixels.
    """
    alpha = rgba[..., 3:].astype(np.float32)
    premultiplied = np.concatenate([rgba[..., :3] * (alpha / 255), alpha], axis=2)
    resized = np.asarray(area_resize(premultiplied, size[::-1]), np.float32)
    resized[..., :3] *= 255 / np.maximum(resized[..., 3:], 1)
    return np.asarray(np.clip(resized + 0.5, 0, 255), np.uint8)
