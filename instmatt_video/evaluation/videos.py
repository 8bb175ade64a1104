"""Video metrics of a folder of clips: who is who in one pass, errors in time in a second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from instmatt_video.eval.alpha import Alpha, Protocol
from instmatt_video.eval.alpha_tracking import AlphaIdentity, measure_identity
from instmatt_video.eval.clip_pairs import ClipPairAccumulator, ClipPairs
from instmatt_video.eval.temporal import TemporalAccumulator, TemporalErrors
from instmatt_video.eval.video_quality import (
    WEIGHT,
    ClipQuality,
    MatchedClipPair,
    VideoError,
    VideoQuality,
    measure_clip,
    summarise_clips,
)

from ..counting_bar import Count
from ..errors import EvaluationError
from .clip_layouts import Layout, find_clips
from .clip_readers import Clip
from .images import map_parallel
from .maggie_protocol import MaggieScores, add_scores, measure_maggie_clip
from .motion import measure_person_flow
from .pairing_in_order import warn_of_frames, warn_of_people

VideoProtocol: TypeAlias = Literal["strict", "official", "maggie"]
MAX_WORST = 2
"""Frames of a matched person that the report may show."""


@dataclass(frozen=True)
class FrameError:
    """How wrong a matched person is in one frame."""

    frame: int
    mad: float
    """Sum of |p - g| over that of max(p, g): 0..1, 1 where nothing is shared."""


@dataclass(frozen=True)
class EvaluatedPerson:
    """A matched person of a clip."""

    pair: MatchedClipPair
    target_name: str
    prediction_name: str
    errors: TemporalErrors
    mad: float
    """As a frame's, of the sums over all frames."""
    worst_frames: tuple[FrameError, ...]
    """Frames of the largest sum |p - g|, worst first."""


@dataclass(frozen=True)
class EvaluatedClip:
    """A clip and what came of it."""

    name: str
    prediction: Clip
    target: Clip
    num_frames: int
    """0 where there is nobody on either side."""
    quality: ClipQuality
    identity: AlphaIdentity
    people: tuple[EvaluatedPerson, ...]
    """All who were matched, recognised or not."""
    missed: tuple[str, ...]
    """True people that no prediction was recognised as."""
    invented: tuple[str, ...]
    """Predictions that are no recognised person."""
    maggie: MaggieScores | None = None

    @property
    def recognised(self) -> tuple[EvaluatedPerson, ...]:
        """The people whose match is a true positive; the others are missed."""
        return tuple(person for person in self.people if person.pair.is_true_positive)


@dataclass(frozen=True)
class VideoEvaluation:
    """Quality of a set of clips."""

    protocol: VideoProtocol
    error: VideoError
    weight: float
    iou_threshold: float
    total: VideoQuality
    clips: tuple[EvaluatedClip, ...]

    @property
    def maggie(self) -> MaggieScores:
        """Sums over all clips; empty in the other protocols."""
        scores: MaggieScores = {}
        for clip in self.clips:
            scores = add_scores(scores, clip.maggie or {})
        return scores


def iterate_both(prediction: Clip, target: Clip) -> Iterator[tuple[Alpha, Alpha]]:
    """Yield each frame's predictions `(P, H, W)` and targets `(G, H, W)`; no frames of nobody.

    Raises:
        EvaluationError: The two differ in length or size.
    """
    if not prediction.instances and not target.instances:
        return
    if not prediction.instances or not target.instances:
        # A side without people fits every clip.
        shown = target if target.instances else prediction
        for alphas in shown.read_frames():
            nobody = np.zeros((0, *alphas.shape[1:]), dtype=np.uint8)
            yield (nobody, alphas) if shown is target else (alphas, nobody)
        return
    both = zip_longest(prediction.read_frames(), target.read_frames())
    for frame, (p, g) in enumerate(both):
        if p is None or g is None:
            shorter, longer = (prediction, target) if p is None else (target, prediction)
            raise EvaluationError(f"{shorter.folder} has {frame} frames, {longer.folder} has more")
        if p.shape[1:] != g.shape[1:]:
            raise EvaluationError(
                f"{prediction.folder} is {p.shape[2]}x{p.shape[1]}, "
                f"{target.folder} is {g.shape[2]}x{g.shape[1]}"
            )
        yield p, g


def _add_up(prediction: Clip, target: Clip) -> ClipPairs:
    """Return the sums of a clip, in a first pass over it."""
    if not prediction.instances and not target.instances:
        return ClipPairs.empty()
    accumulator = ClipPairAccumulator()
    try:
        for predictions, targets in iterate_both(prediction, target):
            accumulator.add(predictions, targets)
        return accumulator.result()
    except ValueError as fault:
        raise EvaluationError(f"{prediction.folder} against {target.folder}: {fault}") from fault


def _measure_in_time(
    prediction: Clip, target: Clip, pairs: tuple[MatchedClipPair, ...]
) -> list[TemporalErrors]:
    """Return each matched pair's errors in time, in a second pass over the clip."""
    accumulators = [TemporalAccumulator() for _ in pairs]
    last: Alpha | None = None
    for predictions, targets in iterate_both(prediction, target):
        for pair, accumulator in zip(pairs, accumulators, strict=True):
            truth = targets[pair.target]
            flow = None if last is None else measure_person_flow(last[pair.target], truth)
            accumulator.add(predictions[pair.prediction], truth, flow)
        last = targets
    return [accumulator.result() for accumulator in accumulators]


def _describe_person(
    pair: MatchedClipPair, errors: TemporalErrors, sums: ClipPairs, names: tuple[str, str]
) -> EvaluatedPerson:
    absolute = sums.absolute[:, pair.target, pair.prediction]
    shown = absolute + sums.overlap[:, pair.target, pair.prediction]
    worst = np.argsort(-absolute, kind="stable")[:MAX_WORST]
    return EvaluatedPerson(
        pair=pair,
        target_name=names[0],
        prediction_name=names[1],
        errors=errors,
        mad=_share(absolute.sum(), shown.sum()),
        worst_frames=tuple(FrameError(int(t), _share(absolute[t], shown[t])) for t in worst),
    )


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0


def evaluate_clip(
    item: tuple[str, Clip, Clip],
    protocol: VideoProtocol,
    error: VideoError,
    weight: float,
    iou_threshold: float,
) -> EvaluatedClip:
    """Return the quality of one clip, read from its files twice.

    Raises:
        EvaluationError: Files do not fit.
    """
    name, prediction, target = item
    sums = _add_up(prediction, target)
    quality_protocol: Protocol = "official" if protocol == "official" else "strict"
    quality = measure_clip(sums, quality_protocol, error, weight, iou_threshold)
    errors = _measure_in_time(prediction, target, quality.pairs)
    people = tuple(
        _describe_person(
            pair,
            error_in_time,
            sums,
            (target.instances[pair.target], prediction.instances[pair.prediction]),
        )
        for pair, error_in_time in zip(quality.pairs, errors, strict=True)
    )
    return EvaluatedClip(
        name=name,
        prediction=prediction,
        target=target,
        num_frames=sums.num_frames,
        quality=quality,
        identity=measure_identity(sums, iou_threshold),
        people=people,
        missed=tuple(target.instances[k] for k in quality.missed),
        invented=tuple(prediction.instances[k] for k in quality.invented),
        maggie=_measure_by_maggie(prediction, target) if protocol == "maggie" else None,
    )


def _measure_by_maggie(prediction: Clip, target: Clip) -> MaggieScores:
    if len(prediction.instances) != len(target.instances):
        raise EvaluationError(
            f"{prediction.folder} has {len(prediction.instances)} people, {target.folder} "
            f"{len(target.instances)}: the maggie protocol takes them as matched already"
        )
    return measure_maggie_clip(iterate_both(prediction, target))


def evaluate_video(
    predictions: Path,
    targets: Path,
    protocol: VideoProtocol = "strict",
    *,
    error: VideoError = "mse",
    weight: float = WEIGHT,
    iou_threshold: float = 0.5,
    layout: Layout = "auto",
    target_layout: Layout = "auto",
    jobs: int | None = None,
    progress: Count | None = None,
) -> VideoEvaluation:
    """Return the video quality of a folder of clips, or of one clip.

    Frames are paired in order, and so are people for MaGGIe's metrics; where names of files say
    otherwise it is warned of.

    Args:
        predictions: A folder for each clip; layouts as `clip_layouts` says; or a clip's folder.
        targets: The truth, in any of the same layouts.
        protocol: `strict`, `official` (VIM's release), or `maggie`, which adds MaGGIe's metrics.
        error: E of the matting quality.
        weight: w of the matting quality.
        iou_threshold: Mean IoU above which a person is recognised; in a single frame, the soft IoU
            from which a matte follows a person.
        layout: Of the predictions.
        target_layout: Of the truth.
        jobs: Processes, a clip each; by default one for each core.
        progress: Called after each clip.

    Raises:
        EvaluationError: Folders or files do not fit; they are named.
    """
    items = find_clips(predictions, targets, layout, target_layout)
    warn_of_frames(items)
    if protocol == "maggie":
        warn_of_people(items)
    worker = partial(
        evaluate_clip, protocol=protocol, error=error, weight=weight, iou_threshold=iou_threshold
    )
    clips: list[EvaluatedClip] = []
    for clip in map_parallel(worker, items, jobs):
        clips.append(clip)
        if progress is not None:
            progress(len(clips), len(items))
    quality_protocol: Protocol = "official" if protocol == "official" else "strict"
    total = summarise_clips([clip.quality for clip in clips], quality_protocol)
    return VideoEvaluation(protocol, error, weight, iou_threshold, total, tuple(clips))
