"""A clip by MaGGIe's test protocol: prepared, cut into pairs and fed as its release feeds them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from instmatt_video.eval.alpha import Alpha, Float, to_unit
from instmatt_video.eval.maggie import (
    MaggieScore,
    measure_dtssd,
    measure_images,
    measure_messddt,
)

from .motion import measure_flow

MAX_INSTANCES = 10
_TRIMAP_SIZE_PX = 25

MaggieScores = dict[str, MaggieScore]


def make_trimap(alpha: Float) -> npt.NDArray[np.uint8]:
    """Return the evaluation's trimap: 0 background, 1 unknown, 2 foreground.

    Args:
        alpha: `(H, W)`, 0..1.
    """
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_TRIMAP_SIZE_PX, _TRIMAP_SIZE_PX))
    support = (alpha > 0).astype(np.uint8)
    is_unknown = cv2.dilate(support, kernel) != cv2.erode(support, kernel)
    trimap = np.where(alpha > 0.5, np.uint8(2), np.uint8(0))
    trimap[is_unknown] = 1
    return trimap


def snap(alphas: Float) -> Float:
    """Return predictions with their last 8-bit level at either end made certain."""
    snapped = np.where(alphas <= np.float32(1 / 255), np.float32(0), alphas)
    snapped[alphas >= np.float32(254 / 255)] = 1
    return snapped


def add_scores(first: MaggieScores, second: MaggieScores) -> MaggieScores:
    """Return the sums of two sets of scores."""
    names = first.keys() | second.keys()
    return {
        name: first.get(name, MaggieScore()) + second.get(name, MaggieScore())
        for name in sorted(names)
    }


def measure_maggie_clip(frames: Iterable[tuple[Alpha, Alpha]]) -> MaggieScores:
    """Return the metrics of one clip: images frame by frame, time in pairs of frames.

    Args:
        frames: Predictions and targets of each frame, `(N, H, W)` each, the same people in the
            same rows. Beyond the tenth person they are left out, as there.
    """
    scores: MaggieScores = {}
    last: tuple[Float, Float] | None = None
    for predictions, targets in frames:
        p = snap(to_unit(predictions[:MAX_INSTANCES]))
        g = to_unit(targets[:MAX_INSTANCES])
        if not len(g):
            continue
        trimaps = np.stack([make_trimap(alpha) for alpha in g])
        scores = add_scores(scores, measure_images(p, g, trimaps))
        if last is not None:
            pair = np.stack([last[0], p]), np.stack([last[1], g])
            flow = np.stack(
                [np.rint(measure_flow(a, b))[None] for a, b in zip(last[1], g, strict=True)]
            ).astype(np.intp)
            in_time = {"dtSSD": measure_dtssd(*pair), "MESSDdt": measure_messddt(*pair, flow)}
            scores = add_scores(scores, in_time)
        last = p, g
    return scores
