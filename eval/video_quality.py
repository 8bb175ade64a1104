"""Video matting quality (VMQ): recognition x tracking x matting, of whole clips.

Two protocols. `official` is what the release of VIM (video instance matting) computes;
`strict` mends what makes its numbers misleading:

|                               | strict                           | official                 |
|-------------------------------|----------------------------------|--------------------------|
| a frame where both are absent | does not count                   | its IoU is 0, its E too  |
| dtssd of the first frame      | does not count                   | 0                        |
| an instance that never shows  | is no instance                   | counts                   |
| a frame with several optima   | goes to the clip's pairs         | goes to one of them      |
| VMQ of a set                  | mean of the clips' products      | product of the set means |
| nothing at all in a clip      | not a number, left out of means  | 0                        |

In both, who is absent has no alpha > 0.5, a pair is matched once for the clip (least total
|p - g|), is a true positive when its mean IoU at alpha > 0.5 is above the threshold, and errors are
means over the full frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .alpha import Protocol
from .clip_pairs import ClipPairs
from .matching import assign_min_cost

VideoError: TypeAlias = Literal["mse", "mad", "dtssd"]
WEIGHT = 50.0
"""w of 1 - min(1, w E), the release's default."""
_TIE = 1e-4
"""Totals of |p - g| this close are equal: 8 bits differ at a pixel by 1/255 or not at all."""


@dataclass(frozen=True)
class MatchedClipPair:
    """A target and the prediction that has its identity throughout the clip."""

    target: int
    prediction: int
    iou: float
    """Mean over the frames."""
    is_true_positive: bool


@dataclass(frozen=True)
class ClipQuality:
    """Quality of one clip, each 0..1; VMQ = RQ x TQ x MQ."""

    rq: float
    """Recognition: F-score of the identities times the mean IoU of the recognised."""
    tq: float
    """Tracking: how often the best match of a single frame is the one of the clip."""
    mq: float
    """Matting: mean of 1 - min(1, w E) over frames and recognised people."""
    vmq: float
    pairs: tuple[MatchedClipPair, ...]
    missed: tuple[int, ...]
    """Targets that count and are in no true positive."""
    invented: tuple[int, ...]
    """Predictions that count and are in no true positive."""

    @property
    def tp(self) -> int:
        """True positives."""
        return sum(pair.is_true_positive for pair in self.pairs)

    @property
    def fp(self) -> int:
        """False positives."""
        return len(self.invented)

    @property
    def fn(self) -> int:
        """False negatives."""
        return len(self.missed)


@dataclass(frozen=True)
class VideoQuality:
    """Means over the clips of a set."""

    rq: float
    tq: float
    mq: float
    vmq: float
    num_clips: int


def _match_single_frames(
    absolute: npt.NDArray[np.float64], hits: list[MatchedClipPair], favour: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Return `(T, hits)`: whether the frame on its own would match the pair too.

    Args:
        absolute: Total |p - g| of every frame, target and prediction.
        hits: The clip's pairs.
        favour: How much less each pair costs in each frame, `(T, hits)`.
    """
    rows, columns = [pair.target for pair in hits], [pair.prediction for pair in hits]
    costs = absolute.copy()
    costs[:, rows, columns] -= favour
    agrees = np.zeros((len(absolute), len(hits)), dtype=np.bool_)
    for frame, cost in enumerate(costs):
        assigned = dict(assign_min_cost(cost))
        agrees[frame] = [assigned.get(pair.target) == pair.prediction for pair in hits]
    return agrees


def _similarity(
    clip: ClipPairs,
    pair: MatchedClipPair,
    counts: npt.NDArray[np.bool_],
    error: VideoError,
    weight: float,
) -> float:
    """Return the pair's 1 - min(1, w E), a mean over the frames that count; 1 where none does."""
    sums = {"mse": clip.squared, "mad": clip.absolute, "dtssd": clip.change}[error]
    errors = sums[counts, pair.target, pair.prediction] / clip.frame_area
    if error == "dtssd":
        errors = np.sqrt(errors)
    return float(np.mean(1 - np.minimum(1, weight * errors))) if len(errors) else 1.0


def _keep_visible(clip: ClipPairs) -> tuple[ClipPairs, list[npt.NDArray[np.intp]]]:
    """Return the clip without people who never show, and the rows that remain."""
    rows = [np.flatnonzero(mass.any(axis=0)) for mass in (clip.target_mass, clip.prediction_mass)]
    return clip.keep(rows[0], rows[1]), rows


def measure_clip(
    clip: ClipPairs,
    protocol: Protocol = "strict",
    error: VideoError = "mse",
    weight: float = WEIGHT,
    iou_threshold: float = 0.5,
) -> ClipQuality:
    """Return the quality of one clip.

    Args:
        clip: Sums over its frames.
        protocol: See the module.
        error: E of the matting quality.
        weight: w of the matting quality.
        iou_threshold: A pair is recognised when its mean IoU is above this.
    """
    rows = [np.arange(clip.target_mass.shape[1]), np.arange(clip.prediction_mass.shape[1])]
    if protocol == "strict":
        clip, rows = _keep_visible(clip)
    num_targets, num_predictions = (len(r) for r in rows)
    iou = clip.intersection / np.maximum(clip.union, 1)
    is_shown = (clip.union > 0) | (protocol == "official")
    pairs = []
    for target, prediction in assign_min_cost(clip.absolute.sum(axis=0)):
        shown = is_shown[:, target, prediction]
        mean_iou = float(iou[shown, target, prediction].mean()) if shown.any() else 0.0
        pairs.append(MatchedClipPair(target, prediction, mean_iou, mean_iou > iou_threshold))
    hits = [pair for pair in pairs if pair.is_true_positive]
    tp = len(hits)
    fp, fn = num_predictions - tp, num_targets - tp
    rq = tq = mq = 0.0
    if hits:
        rq = tp / (tp + fp / 2 + fn / 2) * float(np.mean([pair.iou for pair in hits]))
        shown = np.stack([is_shown[:, pair.target, pair.prediction] for pair in hits], axis=1)
        # Who is absent on both sides cannot agree, so only the others are favoured.
        favour = np.where(shown, _TIE / tp if protocol == "strict" else 0.0, 0.0)
        agrees = _match_single_frames(clip.absolute, hits, favour)
        per_frame = [
            row[seen].mean() for row, seen in zip(agrees, shown, strict=True) if seen.any()
        ]
        tq = float(np.mean(per_frame))
        if protocol == "strict" and error == "dtssd":
            shown[0] = False  # nothing was before it
        similarities = [
            _similarity(clip, pair, counts, error, weight)
            for pair, counts in zip(hits, shown.T, strict=True)
        ]
        mq = float(np.mean(similarities))
    elif protocol == "strict" and not num_targets and not num_predictions:
        rq = tq = mq = math.nan
    named = tuple(
        MatchedClipPair(
            int(rows[0][pair.target]),
            int(rows[1][pair.prediction]),
            pair.iou,
            pair.is_true_positive,
        )
        for pair in pairs
    )
    recognised = [pair for pair in named if pair.is_true_positive]
    missed = np.setdiff1d(rows[0], [pair.target for pair in recognised])
    invented = np.setdiff1d(rows[1], [pair.prediction for pair in recognised])
    return ClipQuality(
        rq, tq, mq, rq * tq * mq, named, tuple(missed.tolist()), tuple(invented.tolist())
    )


def summarise_clips(clips: Sequence[ClipQuality], protocol: Protocol = "strict") -> VideoQuality:
    """Return the means over the clips; not a number where there is none to count."""
    counted = [clip for clip in clips if not math.isnan(clip.rq)]
    if not counted:
        return VideoQuality(math.nan, math.nan, math.nan, math.nan, 0)
    rq, tq, mq, vmq = (
        float(np.mean([getattr(clip, name) for clip in counted]))
        for name in ("rq", "tq", "mq", "vmq")
    )
    if protocol == "official":
        vmq = tq * rq * mq
    return VideoQuality(rq, tq, mq, vmq, len(counted))
