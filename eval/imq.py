"""Instance matting quality (IMQ) of the InstMatt paper, section 5, Eq. 16-18.

Two protocols. `strict` follows the paper's words where they say something and common sense where
they do not; `official` is what the authors' release computes, with its epsilons.

|                              | strict                          | official                   |
|------------------------------|---------------------------------|----------------------------|
| IoU of supports              | inter / union                   | inter / (union + 1e-8)     |
| true positive                | IoU > threshold ("above")       | IoU >= threshold           |
| support of 16-bit and floats | rounds to 1/255 or more         | above 0                    |
| an instance without support  | is no instance                  | counts                     |
| an image without predictions | all missed                      | left out, if its folder is |
| denominators                 | exact                           | + 1 (errors), + 1e-6       |
| no true positive             | MQ = RQ = IMQ = 0               | MQ is not a number         |
| nothing at all               | all not a number                | all 0, MQ not a number     |
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from .alpha import Alpha, Protocol, check_alphas, find_support
from .matching import assign_min_cost, count_overlaps
from .matte_errors import ERRORS, MatteErrors, measure_errors

COLUMNS = (*ERRORS, "iou")
WEIGHT = 10.0
"""w of Eq. 17, as in the paper's Table 1; the same for all four errors."""


@dataclass(frozen=True)
class MatchedPair:
    """One prediction and the target it was assigned to."""

    prediction: int
    target: int
    iou: float
    errors: MatteErrors | None
    """`None` for a pair that overlaps too little to be a true positive."""


@dataclass(frozen=True)
class ImageMatches:
    """What one image contributes."""

    predictions: tuple[int, ...]
    """The rows that count; `strict` counts no empty ones."""
    targets: tuple[int, ...]
    pairs: tuple[MatchedPair, ...] = ()
    """By prediction; the true positives of a threshold are among them."""
    is_skipped: bool = False
    """Left out of the count (`official`, no predictions)."""


@dataclass(frozen=True)
class Scores:
    """One value for each error function, in 0..1, higher is better."""

    mad: float
    mse: float
    grad: float
    conn: float
    iou: float
    """The overlap itself in place of a similarity, as the release reports beside the four."""


@dataclass(frozen=True)
class ImqResult:
    """Quality over a whole set; IMQ = MQ x RQ (Eq. 18)."""

    imq: Scores
    mq: Scores
    rq: float
    tp: int
    fp: int
    fn: int
    iou_threshold: float

    def table(self) -> str:
        """Return the numbers as plain text, in per cent as the paper prints them."""
        lines = ["      " + "".join(f"{name:>8}" for name in COLUMNS)]
        for name, scores in (("IMQ", self.imq), ("MQ", self.mq)):
            values = "".join(f"{100 * getattr(scores, column):8.2f}" for column in COLUMNS)
            lines.append(f"{name:<6}{values}")
        lines.append(
            f"RQ    {100 * self.rq:8.2f}   TP {self.tp}  FP {self.fp}  FN {self.fn}"
            f"  (IoU {self.iou_threshold:g})"
        )
        return "\n".join(lines)


def similarity(error: float, weight: float = WEIGHT) -> float:
    """Return how alike two mattes are, 0..1.

    >>> similarity(0.03), similarity(0.5)
    (0.7, 0.0)
    """
    return 1.0 - min(weight * error, 1.0)  # eq. (17)


def match_image(
    predictions: Alpha | None,
    targets: Alpha,
    protocol: Protocol = "strict",
    min_iou: float = 0.5,
) -> ImageMatches:
    """Return the pairs of one image, with their errors.

    Args:
        predictions: `(P, H, W)` alphas; `None` where the image was not predicted at all.
        targets: `(G, H, W)` alphas.
        protocol: See the module.
        min_iou: Errors are measured for pairs of at least this overlap.

    Raises:
        ValueError: Shapes that do not fit, or values that are no alphas.
    """
    check_alphas(targets, "targets")
    if predictions is None:
        if protocol == "official":
            return ImageMatches((), tuple(range(len(targets))), is_skipped=True)
        predictions = np.zeros((0, *targets.shape[1:]), dtype=np.uint8)
    check_alphas(predictions, "predictions")
    if len(predictions) and len(targets) and predictions.shape[1:] != targets.shape[1:]:
        raise ValueError(
            f"sizes differ: predictions {predictions.shape[1:]}, targets {targets.shape[1:]}"
        )
    supports = [find_support(alphas, protocol) for alphas in (predictions, targets)]
    kept = [np.arange(len(support)) for support in supports]
    if protocol == "strict":
        kept = [np.flatnonzero(support.any(axis=(1, 2))) for support in supports]
        supports = [support[rows] for support, rows in zip(supports, kept, strict=True)]
    counted = [tuple(int(row) for row in rows) for rows in kept]
    if not counted[0] or not counted[1]:
        return ImageMatches(counted[0], counted[1])
    intersection, union = count_overlaps(supports[0], supports[1])
    if protocol == "official":
        iou = intersection / (union + 1e-8)
    else:
        iou = intersection / union
    pairs = []
    for row, column in assign_min_cost(1 - iou):
        prediction, target = counted[0][row], counted[1][column]
        errors = None
        if iou[row, column] >= min_iou:
            errors = measure_errors(predictions[prediction], targets[target], protocol)
        pairs.append(MatchedPair(prediction, target, float(iou[row, column]), errors))
    return ImageMatches(counted[0], counted[1], tuple(pairs))


def is_true_positive(pair: MatchedPair, iou_threshold: float, protocol: Protocol) -> bool:
    """Return whether a pair's overlap counts as recognised."""
    if protocol == "official":
        return pair.iou >= iou_threshold
    return pair.iou > iou_threshold


def summarise(
    images: Iterable[ImageMatches],
    protocol: Protocol = "strict",
    iou_threshold: float = 0.5,
    weight: float = WEIGHT,
) -> ImqResult:
    """Return the quality over all images: sums over the whole set, no mean of means.

    Args:
        images: Matches made with a `min_iou` of at most `iou_threshold`.
        protocol: The one that the matches were made with.
        iou_threshold: Overlap that makes a true positive.
        weight: w of Eq. 17.
    """
    sums = dict.fromkeys(COLUMNS, 0.0)
    tp = fp = fn = 0
    for image in images:
        if image.is_skipped:
            continue
        hits = [pair for pair in image.pairs if is_true_positive(pair, iou_threshold, protocol)]
        tp += len(hits)
        fp += len(image.predictions) - len(hits)
        fn += len(image.targets) - len(hits)
        for pair in hits:
            if pair.errors is None:
                raise ValueError(f"the matches were made for an IoU above {iou_threshold}")
            for name in ERRORS:
                sums[name] += similarity(getattr(pair.errors, name), weight)
            sums["iou"] += pair.iou
    denominator = tp + fp / 2 + fn / 2
    if protocol == "official":
        denominator += 1e-6
        undefined = math.nan
    else:
        undefined = math.nan if denominator == 0 else 0.0
    rq = tp / denominator if denominator else math.nan
    # eq. (16), which eq. (18) takes apart into MQ and RQ
    imq = {name: x / denominator if denominator else math.nan for name, x in sums.items()}
    mq = {name: x / tp if tp else undefined for name, x in sums.items()}
    return ImqResult(Scores(**imq), Scores(**mq), rq, tp, fp, fn, iou_threshold)


@dataclass
class ImqAccumulator:
    """IMQ over a set of images, added one at a time.

    >>> square = np.zeros((1, 8, 8), dtype=np.uint8); square[0, 2:6, 2:6] = 255
    >>> imq = ImqAccumulator()
    >>> imq.add(square, square)
    >>> imq.result().imq.mad
    1.0
    """

    protocol: Protocol = "strict"
    iou_threshold: float = 0.5
    weight: float = WEIGHT
    images: list[ImageMatches] = field(default_factory=list)
    """A few numbers for each image and person; no pixels."""

    def __post_init__(self) -> None:
        """Refuse a protocol or threshold that does not exist."""
        if self.protocol not in ("strict", "official"):
            raise ValueError(f"protocol is {self.protocol!r}: it must be 'strict' or 'official'")
        if not 0 <= self.iou_threshold <= 1:
            raise ValueError(f"iou_threshold is {self.iou_threshold}: it must be in 0..1")

    def add(self, predictions: Alpha | None, targets: Alpha) -> None:
        """Add one image; see `match_image`."""
        self.images.append(match_image(predictions, targets, self.protocol, self.iou_threshold))

    def result(self) -> ImqResult:
        """Return the quality over all images so far."""
        return summarise(self.images, self.protocol, self.iou_threshold, self.weight)
