"""Smooth paths through the boxes of one person, gaps included. Knows boxes and time."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from .boxes import FloatArray, IntArray, cxcywh_to_xyxy, xyxy_to_cxcywh
from .config import MotionConfig
from .kalman import MIN_SIZE_PX

# Weight of a straight line's points inside a gap, against 1 for a detection: enough to keep a long
# gap from swinging out with a noisy speed at its ends, too little to bend a short one.
GAP_WEIGHT = 0.02


def smooth_boxes(
    frames: IntArray, boxes: FloatArray, config: MotionConfig | None = None
) -> tuple[IntArray, FloatArray]:
    """Return every frame from the first to the last, and the most likely box in each.

    This is the path that a Rauch-Tung-Striebel smoother finds under the tracker's motion model when
    nothing is known of the start: it minimises Σ |x_t - z_t|² / R over detections plus Σ |x_t+1 - 2
    x_t + x_t-1|² / Q.
    Noise goes with the box's height, so only the ratio R / Q counts and one banded system serves
    all frames.

    Args:
        frames: `(F,)`, rising.
        boxes: `(F, 4)` xyxy in pixels.
        config: Noise of the motion model.

    Returns:
        Frames `(L,)` and boxes `(L, 4)`.

    Source:
        Rauch, Tung and Striebel 1965; Whittaker 1923 for the penalised form.
    """
    config = config or MotionConfig()
    every = np.arange(frames[0], frames[-1] + 1)
    if len(every) < 3:
        return every, boxes.copy()
    measured = xyxy_to_cxcywh(boxes)
    line = np.stack([np.interp(every, frames, measured[:, axis]) for axis in range(4)], axis=1)
    weight = np.full(len(every), GAP_WEIGHT)
    weight[frames - frames[0]] = 1.0
    ratio = (config.measurement_std / config.acceleration_std) ** 2
    path = np.empty_like(line)
    path[:, :2] = _solve(line[:, :2], weight, ratio)
    path[:, 2:] = _solve(line[:, 2:], weight, ratio / config.size_factor**2)
    np.maximum(path[:, 2:], MIN_SIZE_PX, out=path[:, 2:])
    return every, cxcywh_to_xyxy(path)


def _solve(line: FloatArray, weight: FloatArray, ratio: float) -> FloatArray:
    """Return x of (W + ratio · DᵀD) x = W z, D the second difference, for each column of z."""
    length = len(line)
    bands = np.zeros((3, length))  # upper form of solveh_banded: second, first and main diagonal
    # Each second difference (1, -2, 1) adds its outer product to three neighbouring rows.
    bands[2] = weight
    bands[2, :-2] += ratio
    bands[2, 1:-1] += 4.0 * ratio
    bands[2, 2:] += ratio
    bands[1, 1:-1] -= 2.0 * ratio
    bands[1, 2:] -= 2.0 * ratio
    bands[0, 2:] = ratio
    solution: FloatArray = solveh_banded(bands, weight[:, None] * line, check_finite=False)
    return solution
