"""Identity over time, measured in alpha: whose matte was whose, and how often that changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .clip_pairs import ClipPairs
from .matching import assign_min_cost


@dataclass(frozen=True)
class AlphaIdentity:
    """How well identities held through a clip."""

    idf1: float
    """Share of the alpha, of both sides, that bears the right identity; 0..1."""
    id_precision: float
    """Share of the predicted alpha that does."""
    id_recall: float
    """Share of the true alpha that does."""
    switches: int
    """How often a person was matted under another identity than when seen last."""


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


def measure_identity(clip: ClipPairs, iou_threshold: float = 0.5) -> AlphaIdentity:
    """Return how well identities held.

    IDF1 as for boxes (each true identity is given one predicted identity for the whole clip, so
    that the most is right), with alpha mass in place of boxes: what is right is the sum of
    min(p, g), so no threshold decides what a match is and a bad matte costs what it lacks.

    Args:
        clip: Sums over its frames.
        iou_threshold: In a frame, a prediction follows a person when their soft IoU,
            sum min(p, g) / sum max(p, g), is at least this; counts for switches alone.

    Source:
        Ristani et al. 2016 (IDF1); Bernardin & Stiefelhagen 2008 (switches).
    """
    overlap = clip.overlap
    total = overlap.sum(axis=0)
    right = sum(float(total[pair]) for pair in assign_min_cost(-total))
    true_mass = float(clip.target_mass.sum())
    predicted_mass = float(clip.prediction_mass.sum())
    either = clip.target_mass[:, :, None] + clip.prediction_mass[:, None, :] - overlap
    iou = overlap / np.maximum(either, np.finfo(np.float64).tiny)
    followed_by: dict[int, int] = {}
    switches = 0
    for frame in iou:
        # Who follows a person goes on doing so while it can, as in MOTA.
        held = {
            target: prediction
            for target, prediction in followed_by.items()
            if frame[target, prediction] >= iou_threshold
        }
        cost = np.where(frame >= iou_threshold, 1 - frame, 2.0)
        for target, prediction in held.items():
            cost[target, prediction] -= 2 * min(cost.shape)
        for target, prediction in assign_min_cost(cost):
            if frame[target, prediction] < iou_threshold:
                continue
            switches += followed_by.get(target, prediction) != prediction
            followed_by[target] = prediction
    return AlphaIdentity(
        idf1=_ratio(2 * right, true_mass + predicted_mass),
        id_precision=_ratio(right, predicted_mass),
        id_recall=_ratio(right, true_mass),
        switches=switches,
    )
