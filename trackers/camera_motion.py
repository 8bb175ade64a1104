"""How the camera moved between two frames. Knows pixels; knows no tracks."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from .boxes import FloatArray, as_boxes

GreyImage = npt.NDArray[np.uint8]

MAX_CORNERS = 400
MIN_INLIERS = 12
MIN_INLIER_SHARE = 0.4
MAX_RESIDUAL_PX = 1.5
# People's boxes are cut out with this margin, in box sizes: their outline moves with them.
BOX_MARGIN = 0.05
# A still camera jitters in the estimate; below this much at the frame's corners it is left out, in
# small pixels.
STILL_PX = 0.25


class CameraMotionEstimator:
    """Estimates the camera's motion from frame to frame on small grey images.

    Corners of the background are followed by optical flow both ways; a similarity (shift, roll,
    zoom) is fitted to those that come back to where they began, robustly. Where too few corners
    agree (a blank wall, a blurred pan) phase correlation gives the shift if it is sure; otherwise
    the camera is taken to be still.

    Args:
        width: Longest side of the small images in pixels.

    Source:
        Lucas and Kanade 1981; Aharon et al. 2022 (BoT-SORT), section 3.2.
    """

    def __init__(self, width: int = 320) -> None:
        if width < 32:
            raise ValueError(f"width is {width}; corners need 32 px or more")
        self._width = width
        self._previous: GreyImage | None = None
        self._previous_background: GreyImage | None = None

    def reset(self) -> None:
        """Forget the previous frame, as after a cut."""
        self._previous = None

    def estimate(self, image: npt.NDArray[np.uint8], boxes: npt.ArrayLike = ()) -> FloatArray:
        """Return the motion from the previous call's frame to this one, `(2, 3)`, in its pixels.

        Args:
            image: RGB `(H, W, 3)` or grey `(H, W)`.
            boxes: People in this frame, `(N, 4)` xyxy in pixels; their pixels are left out.

        Returns:
            The identity at the first call, after `reset`, and where nothing sure can be said.
        """
        small, scale = shrink_to_grey(image, self._width)
        background = _outside_boxes(small.shape, as_boxes(boxes) * scale)
        previous, previous_background = self._previous, self._previous_background
        self._previous, self._previous_background = small, background
        if previous is None or previous_background is None or previous.shape != small.shape:
            return np.eye(2, 3)
        affine = estimate_affine(previous, small, cv2.bitwise_and(previous_background, background))
        affine[:, 2] /= scale
        return affine


def shrink_to_grey(image: npt.NDArray[np.uint8], width: int) -> tuple[GreyImage, float]:
    """Return a grey copy whose longest side is at most `width`, and its scale."""
    height, full_width = image.shape[:2]
    scale = min(1.0, width / max(height, full_width))
    size = (max(1, round(full_width * scale)), max(1, round(height * scale)))
    # Shrinking first: three small channels cost less than one large one.
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else image
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) if small.ndim == 3 else small
    return np.ascontiguousarray(grey), scale


def estimate_affine(previous: GreyImage, current: GreyImage, background: GreyImage) -> FloatArray:
    """Return the camera's motion between two grey images, `(2, 3)`; the identity if unsure.

    Args:
        previous: `(H, W)`.
        current: `(H, W)`.
        background: `(H, W)`, 255 where corners may lie, else 0.
    """
    affine = _by_optical_flow(previous, current, background)
    if affine is None:
        affine = _by_phase_correlation(previous, current, background)
    return np.eye(2, 3) if affine is None or _is_still(affine, previous.shape) else affine


def _by_optical_flow(
    previous: GreyImage, current: GreyImage, background: GreyImage
) -> FloatArray | None:
    corners = cv2.goodFeaturesToTrack(previous, MAX_CORNERS, 0.01, 6, mask=background)
    if corners is None or len(corners) < MIN_INLIERS:
        return None
    moved, status, _ = cv2.calcOpticalFlowPyrLK(previous, current, corners, None)
    returned, status_back, _ = cv2.calcOpticalFlowPyrLK(current, previous, moved, None)
    # A corner that does not find its way back was lost to an occlusion or a repeated pattern.
    is_true = (np.linalg.norm(returned - corners, axis=-1) < 1.0).reshape(-1)
    is_true &= (status.reshape(-1) == 1) & (status_back.reshape(-1) == 1)
    if np.count_nonzero(is_true) < MIN_INLIERS:
        return None
    affine, inliers = cv2.estimateAffinePartial2D(
        corners[is_true], moved[is_true], method=cv2.RANSAC, ransacReprojThreshold=MAX_RESIDUAL_PX
    )
    if affine is None:
        return None
    count = int(np.count_nonzero(inliers))
    if count < max(MIN_INLIERS, MIN_INLIER_SHARE * np.count_nonzero(is_true)):
        return None
    return np.asarray(affine, np.float64)


def _by_phase_correlation(
    previous: GreyImage, current: GreyImage, background: GreyImage
) -> FloatArray | None:
    """Return a pure shift, or `None` where the two images' phases do not agree on one."""
    if min(previous.shape) < 2:  # a line has no phases across
        return None
    is_background = background > 0
    if previous[is_background].size == 0 or float(previous[is_background].std()) < 2.0:
        return None
    window = cv2.createHanningWindow(previous.shape[::-1], cv2.CV_32F)
    # People become flat grey in both, so that they weigh nothing.
    flat = [
        np.where(is_background, image.astype(np.float32) - image[is_background].mean(), 0.0)
        for image in (previous, current)
    ]
    (dx, dy), response = cv2.phaseCorrelate(
        flat[0].astype(np.float32), flat[1].astype(np.float32), window
    )
    if response < 0.3:
        return None
    return np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])


def _outside_boxes(shape: tuple[int, ...], boxes: FloatArray) -> GreyImage:
    """Return 255 outside all boxes (grown a little) and 0 inside, `(H, W)`."""
    outside = np.full(shape, 255, np.uint8)
    for x0, y0, x1, y1 in boxes:
        margin_x, margin_y = BOX_MARGIN * (x1 - x0), BOX_MARGIN * (y1 - y0)
        top, left = max(0, int(y0 - margin_y)), max(0, int(x0 - margin_x))
        outside[top : max(0, int(y1 + margin_y) + 1), left : max(0, int(x1 + margin_x) + 1)] = 0
    return outside


def _is_still(affine: FloatArray, shape: tuple[int, ...]) -> bool:
    """Return whether no corner of the image moves further than the estimate's own jitter."""
    height, width = shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], np.float64)
    shift = corners @ affine.T - corners[:, :2]
    return float(np.linalg.norm(shift, axis=1).max()) < STILL_PX
