"""Evaluations as tables for the terminal, and rows of the paper's Table 1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from instmatt_video.eval.imq import COLUMNS, ImqResult
from instmatt_video.eval.matte_errors import ERRORS

from .images import ImageEvaluation
from .tracks import TrackEvaluation
from .videos import VideoEvaluation

_PAPER_NAMES = {"comp": "HIM2K synthetic", "natural": "HIM2K natural"}
"""What HIM2K's folders are called in the paper's Table 1."""


def percent(value: float) -> str:
    """Return a fraction as the paper prints it; `–` where it is undefined."""
    return "–" if math.isnan(value) else f"{100 * value:.2f}"


def number(value: float) -> str:
    """Return an error in four digits; `–` where it is undefined."""
    return "–" if math.isnan(value) else f"{value:.4g}"


def _table(title: str, columns: Iterable[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*map(Text, row))  # names in brackets are no markup
    return table


def _results(evaluation: ImageEvaluation) -> list[tuple[str, ImqResult]]:
    return [*evaluation.subsets.items(), ("all", evaluation.total)]


def image_table(evaluation: ImageEvaluation) -> Table:
    """Return IMQ, MQ and RQ of each subset and of all, in per cent."""
    rows = []
    for name, result in _results(evaluation):
        for label, scores in (("IMQ", result.imq), ("MQ", result.mq)):
            values = [percent(getattr(scores, column)) for column in COLUMNS]
            counts = [percent(result.rq), str(result.tp), str(result.fp), str(result.fn)]
            is_first = label == "IMQ"
            rows.append([name if is_first else "", label, *values, *(counts if is_first else [])])
    num_images = f"{len(evaluation.images)}"
    if evaluation.skipped:
        num_images = f"{len(evaluation.images) - len(evaluation.skipped)} of {num_images}"
    title = (
        f"IMQ of {num_images} images, {evaluation.protocol}, "
        f"IoU {evaluation.iou_threshold:g}, w {evaluation.weight:g}"
    )
    return _table(title, ["", "", *COLUMNS, "RQ", "TP", "FP", "FN"], rows)


def video_tables(evaluation: VideoEvaluation) -> list[Table]:
    """Return the quality of clips, errors of recognised people, MaGGIe's metrics where asked."""
    rows = []
    for clip in evaluation.clips:
        quality, identity = clip.quality, clip.identity
        rows.append(
            [
                clip.name,
                *(percent(x) for x in (quality.vmq, quality.rq, quality.tq, quality.mq)),
                percent(identity.idf1),
                *(str(x) for x in (identity.switches, quality.tp, quality.fp, quality.fn)),
            ]
        )
    total = evaluation.total
    switches = sum(clip.identity.switches for clip in evaluation.clips)
    counts = [
        sum(getattr(c.quality, name) for c in evaluation.clips) for name in ("tp", "fp", "fn")
    ]
    rows.append(
        [
            "all",
            *(percent(x) for x in (total.vmq, total.rq, total.tq, total.mq)),
            "",
            str(switches),
            *(str(count) for count in counts),
        ]
    )
    title = (
        f"VMQ of {len(evaluation.clips)} clips, {evaluation.protocol}, {evaluation.error}, "
        f"IoU {evaluation.iou_threshold:g}, w {evaluation.weight:g}"
    )
    columns = ["clip", "VMQ", "RQ", "TQ", "MQ", "alpha IDF1", "switches", "TP", "FP", "FN"]
    tables = [_table(title, columns, rows)]
    people = [
        [
            clip.name,
            person.target_name,
            person.prediction_name,
            percent(person.pair.iou),
            number(person.mad),
            number(person.errors.dtssd),
            number(person.errors.messddt),
            number(person.errors.moving_edge),
        ]
        for clip in evaluation.clips
        for person in clip.recognised
    ]
    columns = ["clip", "person", "matte", "IoU", "MAD", "dtSSD", "MESSDdt", "moving edge"]
    title = "Recognised people (errors: 0 is perfect; moving edge 1 = a frame late)"
    tables.append(_table(title, columns, people))
    if evaluation.maggie:
        scores = [
            [name, number(score.average), f"{score.count:g}"]
            for name, score in evaluation.maggie.items()
        ]
        tables.append(_table("MaGGIe's metrics", ["metric", "value", "count"], scores))
    return tables


def track_table(evaluation: TrackEvaluation) -> Table:
    """Return HOTA, MOTA and IDF1 of each sequence and of all, in per cent."""
    rows = []
    for scores in (*evaluation.sequences, evaluation.total):
        fractions = (scores.hota, scores.det_a, scores.ass_a, scores.mota, scores.idf1)
        counts = (
            scores.switches,
            scores.fragmentations,
            scores.false_positives,
            scores.false_negatives,
        )
        rows.append([scores.name, *map(percent, fractions), *map(str, counts)])
    columns = ["sequence", "HOTA", "DetA", "AssA", "MOTA", "IDF1", "switches", "Frag", "FP", "FN"]
    return _table("Tracks", columns, rows)


def format_table1(method: str, evaluation: ImageEvaluation, set_name: str) -> str:
    """Return a Markdown table with one row, in the form of the paper's Table 1.

    HIM2K's subsets (`comp`, `natural`) have four columns each; RWP636, as there, mad and mse alone.

    Args:
        method: What to call the row.
        evaluation: Of HIM2K, a subset of it, RWP636 or another set.
        set_name: What to call a set without subsets; its folder's name.
    """
    parts = list(evaluation.subsets.items()) or [(set_name, evaluation.total)]
    head, row = ["Method"], [method]
    for name, result in parts:
        errors = ERRORS[:2] if "rwp" in name.lower() else ERRORS
        for error in errors:
            head.append(f"{_PAPER_NAMES.get(name, name)} IMQ_{error}")
            row.append(percent(getattr(result.imq, error)))
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, row))
