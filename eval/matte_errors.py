"""The four errors between two alpha mattes over the union of their supports."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .alpha import Alpha, Protocol, check_alphas, find_common_box, find_support, to_unit
from .connectivity import connectivity_error_sum
from .gradient import RADIUS_PX, gradient_error_sum

ERRORS = ("mad", "mse", "grad", "conn")


@dataclass(frozen=True)
class MatteErrors:
    """Errors of one pair, each a mean over the union of supports; 0 is perfect."""

    mad: float
    """Mean absolute difference."""
    mse: float
    """Mean squared difference."""
    grad: float
    """Mean squared difference of gradient lengths."""
    conn: float
    """Mean difference in connectivity."""


def measure_errors(prediction: Alpha, target: Alpha, protocol: Protocol = "strict") -> MatteErrors:
    """Return the four errors of a prediction.

    Args:
        prediction: `(H, W)` alpha.
        target: `(H, W)` alpha, of the same size.
        protocol: `strict` divides by the pixels of the union; `official` by one more, as the
            release of the paper does. The paper names no region; both take the union of supports.

    Returns:
        The errors; all 0 where both are empty.

    Raises:
        ValueError: Sizes differ, or one is no alpha: a value outside of 0..1, NaN, other types.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"sizes differ: prediction {prediction.shape}, target {target.shape}")
    check_alphas(prediction, "prediction", num_axes=2)
    check_alphas(target, "target", num_axes=2)
    # Everything happens around the person: beyond the gradient's reach nothing can count.
    left, top, right, bottom = find_common_box(prediction, target, protocol, RADIUS_PX)
    if right == left:
        return MatteErrors(0.0, 0.0, 0.0, 0.0)
    crop = np.s_[top:bottom, left:right]
    prediction, target = prediction[crop], target[crop]
    region = find_support(prediction, protocol) | find_support(target, protocol)
    p, g = to_unit(prediction), to_unit(target)
    area = int(np.count_nonzero(region)) + (protocol == "official")
    difference = np.abs(p - g)
    mad = np.sum(difference, where=region, dtype=np.float64)
    np.square(difference, out=difference)
    mse = np.sum(difference, where=region, dtype=np.float64)
    return MatteErrors(
        mad=float(mad) / area,
        mse=float(mse) / area,
        grad=gradient_error_sum(p, g, region) / area,
        conn=connectivity_error_sum(prediction, target, region) / area,
    )
