"""The motion of a true matte from one frame to the next, by OpenCV's Farneback flow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from instmatt_video.eval.alpha import Alpha, find_box, to_unit

_MARGIN_PX = 32
"""Around a person, so that the coarse levels of the flow see their outline whole."""


def measure_flow(before: Alpha, after: Alpha) -> npt.NDArray[np.float32]:
    """Return where each pixel of the first matte has gone, x and y in pixels.

    The settings are those of MaGGIe's release, so that its MESSDdt can be compared.

    Args:
        before: `(H, W)` alpha.
        after: `(H, W)` alpha.

    Returns:
        `(H, W, 2)`.
    """
    import cv2

    frames = [(to_unit(alpha) * 255).astype(np.uint8) for alpha in (before, after)]
    flow: npt.NDArray[np.float32] = cv2.calcOpticalFlowFarneback(
        frames[0],
        frames[1],
        None,
        pyr_scale=0.5,
        levels=5,
        winsize=10,
        iterations=2,
        poly_n=7,
        poly_sigma=1.5,
        flags=cv2.OPTFLOW_FARNEBACK_GAUSSIAN,
    )
    return flow


def measure_person_flow(before: Alpha, after: Alpha) -> npt.NDArray[np.float32]:
    """Return the same, looked for around the person alone; elsewhere nothing moves.

    Args:
        before: `(H, W)` alpha.
        after: `(H, W)` alpha.

    Returns:
        `(H, W, 2)`; zeros where the person is in neither.
    """
    flow = np.zeros((*before.shape, 2), dtype=np.float32)
    left, top, right, bottom = find_box((before > 0) | (after > 0), _MARGIN_PX)
    if right > left:
        crop = np.s_[top:bottom, left:right]
        flow[crop] = measure_flow(before[crop], after[crop])
    return flow
