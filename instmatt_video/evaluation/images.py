"""IMQ of a folder of images: reads, matches in parallel, keeps numbers and no pixels."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from instmatt_video.eval.alpha import Protocol
from instmatt_video.eval.imq import (
    WEIGHT,
    ImageMatches,
    ImqResult,
    MatchedPair,
    is_true_positive,
    match_image,
    summarise,
)

from ..cores import usable_cores
from ..counting_bar import Count
from ..media.matte_file import read_mattes
from ..signals import leave_signals_to_parent
from .image_layouts import ImageCase, find_images

logger = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Outcome:
    """How the people of an image were recognised."""

    hits: tuple[MatchedPair, ...]
    missed: tuple[int, ...]
    """Rows of the truth."""
    invented: tuple[int, ...]
    """Rows of the predictions."""


@dataclass(frozen=True)
class EvaluatedImage:
    """An image and what came of it."""

    case: ImageCase
    matches: ImageMatches

    def split(self, is_hit: Callable[[MatchedPair], bool]) -> Outcome:
        """Return who was recognised, who was missed and what was invented."""
        if self.matches.is_skipped:
            return Outcome((), (), ())
        hits = tuple(pair for pair in self.matches.pairs if is_hit(pair))
        missed = set(self.matches.targets) - {pair.target for pair in hits}
        invented = set(self.matches.predictions) - {pair.prediction for pair in hits}
        return Outcome(hits, tuple(sorted(missed)), tuple(sorted(invented)))

    def iou_of(self, *, target: int | None = None, prediction: int | None = None) -> float:
        """Return the overlap of an instance with what it was assigned to; 0 with nothing."""
        return next(
            (p.iou for p in self.matches.pairs if target == p.target or prediction == p.prediction),
            0.0,
        )

    def target_name(self, index: int) -> str:
        """Return the name of a true instance: its file's, without the suffix."""
        return self.case.targets[index].stem

    def prediction_name(self, index: int) -> str:
        """Return the name of a predicted instance."""
        assert self.case.predictions is not None
        return self.case.predictions[index].stem


@dataclass(frozen=True)
class ImageEvaluation:
    """IMQ of a set, of its subsets, and of each image."""

    protocol: Protocol
    iou_threshold: float
    weight: float
    total: ImqResult
    subsets: dict[str, ImqResult]
    """By name; empty in a set without subsets."""
    images: tuple[EvaluatedImage, ...]

    @property
    def skipped(self) -> tuple[str, ...]:
        """Images that count for nothing, as they were not predicted (`official`)."""
        return tuple(image.case.name for image in self.images if image.matches.is_skipped)

    def is_hit(self, pair: MatchedPair) -> bool:
        """Return whether a pair is a true positive."""
        return is_true_positive(pair, self.iou_threshold, self.protocol)


def match_case(case: ImageCase, protocol: Protocol, iou_threshold: float) -> ImageMatches:
    """Return the matches of one image, read from its files.

    Raises:
        MatteReadError: A file cannot be read or does not fit; it is named.
    """
    targets = read_mattes(list(case.targets))
    if case.predictions is None:
        return match_image(None, targets, protocol, iou_threshold)
    size = (targets.shape[1], targets.shape[2]) if len(targets) else None
    predictions = read_mattes(list(case.predictions), size)
    return match_image(predictions, targets, protocol, iou_threshold)


def map_parallel(
    function: Callable[[_Item], _Result], items: Iterable[_Item], jobs: int | None
) -> Iterator[_Result]:
    """Yield the function's results in order, from `jobs` processes (default: one for each core).

    Memory is bounded: each process holds one item, and what comes back is what the caller keeps.
    """
    items = list(items)
    jobs = min(jobs or usable_cores(), len(items))
    if jobs <= 1:
        yield from map(function, items)
        return
    # A fresh process each: forking would copy the threads of whoever called.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, leave_signals_to_parent) as pool:
        try:
            yield from pool.map(function, items)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def evaluate_images(
    predictions: Path,
    targets: Path,
    protocol: Protocol = "strict",
    *,
    iou_threshold: float = 0.5,
    weight: float = WEIGHT,
    pictures: Path | None = None,
    jobs: int | None = None,
    progress: Count | None = None,
) -> ImageEvaluation:
    """Return the IMQ of a folder of predictions; images that are skipped are warned of.

    Args:
        predictions: `<image>/<nn>.png`, or as `image_layouts` says; 8 or 16 bits.
        targets: The truth, laid out likewise.
        protocol: `strict` or `official`; see `instmatt_video.eval.imq`.
        iou_threshold: Overlap of supports that makes a true positive.
        weight: w of Eq. 17.
        pictures: Photographs for the report.
        jobs: Processes; by default one for each core.
        progress: Called after each image.

    Raises:
        EvaluationError: The two have no image in common.
        MatteReadError: A folder or file is missing or does not fit; it is named.
    """
    cases = find_images(predictions, targets, pictures)
    worker = partial(match_case, protocol=protocol, iou_threshold=iou_threshold)
    images = []
    for case, matches in zip(cases, map_parallel(worker, cases, jobs), strict=True):
        images.append(EvaluatedImage(case, matches))
        if progress is not None:
            progress(len(images), len(cases))
    evaluation = summarise_images(tuple(images), protocol, iou_threshold, weight)
    if evaluation.skipped:
        logger.warning(
            "%s: %d images of %s, %s first, are not predicted: the official protocol skips them",
            predictions,
            len(evaluation.skipped),
            targets,
            evaluation.skipped[0],
        )
    return evaluation


def summarise_images(
    images: tuple[EvaluatedImage, ...], protocol: Protocol, iou_threshold: float, weight: float
) -> ImageEvaluation:
    """Return the evaluation of images that were matched already."""

    def score(part: Iterable[EvaluatedImage]) -> ImqResult:
        return summarise((image.matches for image in part), protocol, iou_threshold, weight)

    names = sorted({image.case.subset for image in images} - {""})
    subsets = {name: score(im for im in images if im.case.subset == name) for name in names}
    return ImageEvaluation(protocol, iou_threshold, weight, score(images), subsets, images)
