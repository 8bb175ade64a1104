"""Evaluations as plain rows (CSV) and documents (JSON)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeAlias

from instmatt_video.eval.matte_errors import ERRORS

from ..whole_file import write_whole
from .images import ImageEvaluation
from .tracks import TrackEvaluation, TrackScores
from .videos import VideoEvaluation

Row: TypeAlias = dict[str, Any]
"""Column names to values; all rows of a table have the same."""

_WHO = ("outcome", "target", "prediction")
IMAGE_COLUMNS = ("image", *_WHO, "iou", *ERRORS)
VIDEO_COLUMNS = ("clip", *_WHO, "iou", "mad", "dtssd", "messddt", "moving_edge")
TRACK_COLUMNS = tuple(field.name for field in fields(TrackScores))


def _blank(columns: Sequence[str]) -> Row:
    """Return a row of a person of whom nothing is known."""
    return dict.fromkeys(columns) | dict.fromkeys(_WHO, "")


def image_rows(evaluation: ImageEvaluation) -> list[Row]:
    """Return a row for each person: recognised (`hit`), `missed` or `invented`."""
    rows = []
    for image in evaluation.images:
        outcome = image.split(evaluation.is_hit)
        blank = _blank(IMAGE_COLUMNS) | {"image": image.case.name, "iou": 0.0}
        for pair in outcome.hits:
            errors = {} if pair.errors is None else asdict(pair.errors)
            names = {
                "target": image.target_name(pair.target),
                "prediction": image.prediction_name(pair.prediction),
            }
            rows.append({**blank, "outcome": "hit", **names, "iou": pair.iou, **errors})
        for target in outcome.missed:
            name, iou = image.target_name(target), image.iou_of(target=target)
            rows.append({**blank, "outcome": "missed", "target": name, "iou": iou})
        for prediction in outcome.invented:
            name = image.prediction_name(prediction)
            iou = image.iou_of(prediction=prediction)
            rows.append({**blank, "outcome": "invented", "prediction": name, "iou": iou})
    return rows


def video_rows(evaluation: VideoEvaluation) -> list[Row]:
    """Return a row for each person of each clip: `hit`, `missed` or `invented`."""
    rows = []
    for clip in evaluation.clips:
        blank = _blank(VIDEO_COLUMNS) | {"clip": clip.name}
        for person in clip.recognised:
            names = {"target": person.target_name, "prediction": person.prediction_name}
            values = {"iou": person.pair.iou, "mad": person.mad, **asdict(person.errors)}
            rows.append({**blank, "outcome": "hit", **names, **values})
        rows.extend({**blank, "outcome": "missed", "target": name} for name in clip.missed)
        rows.extend({**blank, "outcome": "invented", "prediction": name} for name in clip.invented)
    return rows


def track_rows(evaluation: TrackEvaluation) -> list[Row]:
    """Return a row for each sequence and one, `ALL`, for the whole."""
    return [asdict(scores) for scores in (*evaluation.sequences, evaluation.total)]


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write rows as CSV below their columns' names; undefined values stay empty.

    Raises:
        AlphaWriteError: The file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(_without_nan(rows))
    write_whole(path, text.getvalue())


def _without_nan(value: Any) -> Any:
    """Return the value with `None` where a number is undefined; JSON knows no others."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value


def image_document(evaluation: ImageEvaluation) -> dict[str, Any]:
    """Return the evaluation for JSON."""
    document: dict[str, Any] = _without_nan(
        {
            "metric": "IMQ",
            "protocol": evaluation.protocol,
            "iou_threshold": evaluation.iou_threshold,
            "weight": evaluation.weight,
            "num_images": len(evaluation.images),
            "skipped": evaluation.skipped,
            "total": asdict(evaluation.total),
            "subsets": {name: asdict(result) for name, result in evaluation.subsets.items()},
            "people": image_rows(evaluation),
        }
    )
    return document


def video_document(evaluation: VideoEvaluation) -> dict[str, Any]:
    """Return the evaluation for JSON."""
    clips = {
        clip.name: {
            "num_frames": clip.num_frames,
            **{name: getattr(clip.quality, name) for name in ("rq", "tq", "mq", "vmq")},
            **{name: getattr(clip.quality, name) for name in ("tp", "fp", "fn")},
            **asdict(clip.identity),
        }
        for clip in evaluation.clips
    }
    document: dict[str, Any] = _without_nan(
        {
            "metric": "VMQ",
            "protocol": evaluation.protocol,
            "error": evaluation.error,
            "iou_threshold": evaluation.iou_threshold,
            "weight": evaluation.weight,
            "total": asdict(evaluation.total),
            "clips": clips,
            "people": video_rows(evaluation),
            "maggie": {name: score.average for name, score in evaluation.maggie.items()},
        }
    )
    return document


def track_document(evaluation: TrackEvaluation) -> dict[str, Any]:
    """Return the evaluation for JSON."""
    document: dict[str, Any] = _without_nan(
        {
            "metric": "HOTA",
            "total": asdict(evaluation.total),
            "sequences": [asdict(scores) for scores in evaluation.sequences],
        }
    )
    return document
