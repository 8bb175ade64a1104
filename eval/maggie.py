"""The metrics of MaGGIe as its release computes them, to compare with its published numbers.

Their scales and traps are the release's: mean absolute and squared errors are divided by the
frame's area twice, gradients are taken after a stretch over the whole stack, and MESSDdt looks up
its next frame with rows and columns exchanged and always in the clip's second frame. For errors
that mean what they say see `matte_errors` and `temporal`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .alpha import Float, to_unit
from .connectivity import connectivity_error_sum
from .gradient import gradient_magnitude

_EPSILON = 1e-6


@dataclass(frozen=True)
class MaggieScore:
    """A sum and how many values went into it; scores of calls add up."""

    score: float = 0.0
    count: float = 0.0

    def __add__(self, other: MaggieScore) -> MaggieScore:
        return MaggieScore(self.score + other.score, self.count + other.count)

    @property
    def average(self) -> float:
        """The value that the release reports."""
        return self.score / (self.count + _EPSILON)


def _mean_twice_normalised(error: Float, mask: Float) -> MaggieScore:
    """Return the masked mean over the frame, divided by the mask's area once more."""
    values = (error * mask).mean(axis=(1, 2), dtype=np.float64)
    values /= mask.sum(axis=(1, 2), dtype=np.float64) + _EPSILON
    return MaggieScore(float(values.sum()) * 1e10, len(error))


def _stretch(stack: Float) -> Float:
    low, high = stack.min(), stack.max()
    stretched: Float = ((stack - low) / (high - low + np.float32(_EPSILON))).astype(np.float32)
    return stretched


def measure_images(
    predictions: Float, targets: Float, trimaps: npt.NDArray[np.uint8] | None = None
) -> dict[str, MaggieScore]:
    """Return the image metrics over a stack of maps.

    Args:
        predictions: `(K, H, W)`, frames times instances, 0..1.
        targets: `(K, H, W)`, 0..1.
        trimaps: `(K, H, W)`: 0 background, 1 unknown, 2 foreground; adds the regional MADs.

    Returns:
        SAD, MAD, MSE, Grad, Conn, and with trimaps MAD_fg, MAD_bg, MAD_unk.
    """
    p, g = to_unit(predictions), to_unit(targets)
    everywhere = np.ones_like(p)
    absolute = np.abs(p - g)
    count = len(p)
    slopes = [
        np.stack([gradient_magnitude(alpha, border="zero") for alpha in _stretch(stack)])
        for stack in (p, g)
    ]
    region = np.ones(p.shape[1:], dtype=np.bool_)
    connectivity = sum(connectivity_error_sum(a, b, region) for a, b in zip(p, g, strict=True))
    scores = {
        "SAD": MaggieScore(float(absolute.sum(dtype=np.float64)) * 1e-3, count),
        "MAD": _mean_twice_normalised(absolute, everywhere),
        "MSE": _mean_twice_normalised(np.square(p - g), everywhere),
        "Grad": MaggieScore(
            float(np.square(slopes[0] - slopes[1]).sum(dtype=np.float64)) * 1e-3, count
        ),
        "Conn": MaggieScore(connectivity * 1e-3, count),
    }
    if trimaps is not None:
        for name, value in (("MAD_fg", 2), ("MAD_bg", 0), ("MAD_unk", 1)):
            mask = (trimaps == value).astype(np.float32)
            scores[name] = _mean_twice_normalised(absolute, mask)
    return scores


def measure_dtssd(predictions: Float, targets: Float) -> MaggieScore:
    """Return dtSSD of a clip: one root over all its frame pairs, for each instance.

    The release feeds two frames at a time in its usual test; the numbers then differ.

    Args:
        predictions: `(T, N, H, W)`, 0..1.
        targets: `(T, N, H, W)`, 0..1.
    """
    change = np.diff(to_unit(predictions), axis=0) - np.diff(to_unit(targets), axis=0)
    roots = np.sqrt(np.square(change).sum(axis=(0, 2, 3), dtype=np.float64))
    return MaggieScore(float(roots.sum()) * 0.1, predictions.shape[1])


def measure_messddt(
    predictions: Float, targets: Float, flow: npt.NDArray[np.integer]
) -> MaggieScore:
    """Return MESSDdt of a clip with the release's look-up.

    Args:
        predictions: `(T, N, H, W)`, 0..1.
        targets: `(T, N, H, W)`, 0..1.
        flow: `(N, T - 1, H, W, 2)`, x and y of each target's motion in whole pixels.
    """
    _, num_instances, height, width = predictions.shape
    squared = np.square(to_unit(predictions) - to_unit(targets))
    rows, columns = np.mgrid[:height, :width]
    total = 0.0
    for instance in range(num_instances):
        errors = squared[:, instance]
        # The release's traps, kept: x goes to the row, and every frame looks into frame 1.
        to_rows = np.clip(columns + flow[instance, ..., 0], 0, height - 1)
        to_columns = np.clip(rows + flow[instance, ..., 1], 0, width - 1)
        # The transposed index may run past the first frame of the stack into the next.
        looked_up = errors[1:].reshape(-1)[to_rows * width + to_columns]
        change = np.abs(errors[:-1] - looked_up).sum(dtype=np.float64)
        total += change / ((len(errors) - 1) * (height * width + 1))
    return MaggieScore(float(total) * 1e4, num_instances)
