"""Errors of a matte in time: flicker (dtSSD), flicker along the motion (MESSDdt), and lag.

Flicker alone is won by a matte that stands still. The moving-edge error is its counterweight: it
looks only where the true matte moves, in units of that movement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .alpha import Alpha, Float, check_alphas, find_support, to_unit

MIN_CHANGE = 0.05
"""The truth moves in a pixel where it changes by more than this from one frame to the next."""


@dataclass(frozen=True)
class TemporalErrors:
    """Errors of one person through a clip; 0 is perfect, not a number where nothing was to see."""

    dtssd: float
    """Mean over frame pairs of the root mean square of (dp/dt - dg/dt), over the union of the
    supports of both frames."""
    messddt: float
    """Mean over frame pairs of the mean change of the squared error along the true motion, over
    the same union; not a number without flow."""
    moving_edge: float
    """Sum of |p - g| over that of |dg/dt|, where the truth moves. 0: edges are where they belong;
    1: as bad as a matte one frame late; more: worse, as a frozen matte gets with each frame."""


class TemporalAccumulator:
    """Adds up one person's frames, in order; keeps one frame."""

    def __init__(self) -> None:
        self._last: tuple[Float, Float] | None = None
        self._changes: list[float] = []
        self._warped: list[float] = []
        self._edge_error = 0.0
        self._edge_change = 0.0

    def add(
        self, prediction: Alpha, target: Alpha, flow: npt.NDArray[np.floating] | None = None
    ) -> None:
        """Add one frame.

        Args:
            prediction: `(H, W)` alpha.
            target: `(H, W)` alpha.
            flow: `(H, W, 2)`, where each pixel of the frame before has gone: x, y in pixels.
                Without it MESSDdt stays undefined.

        Raises:
            ValueError: Sizes differ, or one is no alpha: a value outside of 0..1, NaN, other types.
        """
        if prediction.shape != target.shape:
            raise ValueError(f"sizes differ: prediction {prediction.shape}, target {target.shape}")
        check_alphas(prediction, "prediction", num_axes=2)
        check_alphas(target, "target", num_axes=2)
        p, g = to_unit(prediction), to_unit(target)
        last, self._last = self._last, (p, g)
        if last is None:
            return
        if last[0].shape != p.shape:
            raise ValueError(f"the frame has size {p.shape}, the one before had {last[0].shape}")
        moved = g - last[1]
        support = np.zeros(p.shape, dtype=np.bool_)
        for alpha in (p, g, *last):
            support |= find_support(alpha, "strict")
        area = int(np.count_nonzero(support))
        if area:
            change = (p - last[0]) - moved
            self._changes.append(
                math.sqrt(float(np.square(change[support]).mean(dtype=np.float64)))
            )
            if flow is not None:
                self._warped.append(_warped_change(last, (p, g), flow, support))
        is_moving = np.abs(moved) > MIN_CHANGE
        self._edge_error += float(np.abs(p - g)[is_moving].sum(dtype=np.float64))
        self._edge_change += float(np.abs(moved)[is_moving].sum(dtype=np.float64))

    def result(self) -> TemporalErrors:
        """Return the errors of all frames so far."""
        return TemporalErrors(
            dtssd=float(np.mean(self._changes)) if self._changes else math.nan,
            messddt=float(np.mean(self._warped)) if self._warped else math.nan,
            moving_edge=self._edge_error / self._edge_change if self._edge_change else math.nan,
        )


def _warped_change(
    last: tuple[Float, Float],
    now: tuple[Float, Float],
    flow: npt.NDArray[np.floating],
    support: npt.NDArray[np.bool_],
) -> float:
    """Return the mean change of (p - g)^2 from each supported pixel to where it has gone.

    Source:
        Erofeev et al. 2015, "Perceptually motivated benchmark for video matting", MESSDdt.
    """
    height, width = support.shape
    rows, columns = np.nonzero(support)
    step = np.rint(flow[rows, columns]).astype(np.intp)
    to_columns, to_rows = columns + step[:, 0], rows + step[:, 1]
    # What has left the frame has no error to compare with.
    stays = (to_columns >= 0) & (to_columns < width) & (to_rows >= 0) & (to_rows < height)
    if not stays.any():
        return 0.0
    before = np.square(last[0] - last[1])[rows[stays], columns[stays]]
    after = np.square(now[0] - now[1])[to_rows[stays], to_columns[stays]]
    return float(np.abs(before - after).mean(dtype=np.float64))
