"""Guidance masks that a real detector makes of a composite, matched to the people in it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from instmatt_video.eval.matching import iou_matrix

from ...detection.detector import Detector
from ...detection.paste import paste_masks
from ...matting.claims import settle_claims

FloatArray = npt.NDArray[np.float32]

MIN_IOU = 0.4
"""A detection that overlaps a person less is not of them, or too bad to learn from."""
MIN_SCORE = 0.5
"""A weaker detection rarely becomes somebody's track."""


def detect_masks(
    detector: Detector, picture: FloatArray, alphas: FloatArray
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return what a detector sees of each person, as the pipeline would hand it to the network.

    Detections of nobody are left out.

    Args:
        detector: Finds people in single pictures.
        picture: RGB, `(H, W, 3)`, 0..1.
        alphas: Visible alphas of those in it, `(n, H, W)`, 0..1.

    Returns:
        Masks `(n, H, W)`, 0..1, in the order of the alphas; and who was found, `(n,)`: the mask of
        somebody who was not is 0.
    """
    height, width = picture.shape[:2]
    found = detector.detect([np.asarray(np.clip(picture, 0, 1) * 255 + 0.5, np.uint8)])[0]
    found = found.select(found.scores >= MIN_SCORE)
    pasted = settle_claims(paste_masks(found, height, width))
    iou = iou_matrix(alphas > 0.5, pasted > 0.5)
    masks = np.zeros(alphas.shape, np.float32)
    is_found = np.zeros(len(alphas), np.bool_)
    for person, detection in zip(*linear_sum_assignment(iou, maximize=True), strict=True):
        if iou[person, detection] >= MIN_IOU:
            masks[person] = pasted[detection]
            is_found[person] = True
    return masks, is_found
