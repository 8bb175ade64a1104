"""What a matter is given or gives, refused where it cannot be meant: wrong counts, wrong alphas."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]

OVERSHOOT = 0.25
"""How far past 0 and 1 masks and alphas may be that were enlarged by cubic curves, or blurred."""


def check_image(image: npt.NDArray[np.generic]) -> None:
    """Raise `ValueError` unless a picture is RGB of 8 or 16 bits."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            "an image must be RGB, (H, W, 3), of uint8 or full-range uint16, "
            f"not {image.shape} of {image.dtype}"
        )


def as_soft_masks(masks: npt.NDArray[np.generic]) -> FloatImage:
    """Return masks as floats 0..1.

    Args:
        masks: bool, floats 0..1, or uint8 that count to 255; or to 1, where all are 0 or 1. What
            resizing left a little past 0..1 is cut off.

    Raises:
        ValueError: They are of another type, or well beyond 0..1.
    """
    is_float = np.issubdtype(masks.dtype, np.floating)
    if not is_float and masks.dtype not in (np.bool_, np.uint8):
        raise ValueError(f"masks must be bool, uint8 or floats 0..1, not {masks.dtype}")
    soft = np.asarray(masks, np.float32)
    if masks.dtype == np.uint8 and soft.max(initial=0) > 1:  # if not, nobody is so faint: 0 and 1
        return soft / np.float32(255)
    return without_overshoot(soft, "masks of floats")


def without_overshoot(values: FloatImage, name: str) -> FloatImage:
    """Return values in 0..1; what resizing left a little past it is cut off.

    Args:
        values: Of any shape.
        name: What to call them in the message.

    Raises:
        ValueError: They are well beyond 0..1, or no numbers.
    """
    least, most = values.min(initial=0), values.max(initial=0)
    if not (least >= -OVERSHOOT and most <= 1 + OVERSHOOT):  # nor is what is no number
        raise ValueError(f"{name} must be in 0..1, not {least:g}..{most:g}")
    return np.clip(values, 0, 1)
