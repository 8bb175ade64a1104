"""The HTML reports: distributions, worst cases side by side, failures by name."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from pathlib import Path

from rich.table import Table

from instmatt_video.eval.imq import MatchedPair, similarity
from instmatt_video.eval.matte_errors import ERRORS

from ..media.matte_file import read_matte, read_rgb
from .histogram import draw_histogram
from .html_page import draw_case, draw_table, write_page
from .images import EvaluatedImage, ImageEvaluation
from .side_by_side import make_panels
from .tables import image_table, number, percent, track_table, video_tables
from .tracks import TrackEvaluation
from .videos import EvaluatedClip, EvaluatedPerson, FrameError, VideoEvaluation, iterate_both

MAX_CASES = 12
"""Cases with pictures in each section."""


def _draw_rich(table: Table) -> str:
    """Return the HTML of a table that was made for the terminal."""
    cells = [list(column.cells) for column in table.columns]
    rows = [[str(cell) for cell in row] for row in zip(*cells, strict=True)]
    return draw_table([str(column.header) for column in table.columns], rows)


def _mean_similarity(pair: MatchedPair, weight: float) -> float:
    assert pair.errors is not None, "true positives have their errors"
    values = asdict(pair.errors).values()
    return sum(similarity(error, weight) for error in values) / len(values)


def _draw_image_case(
    image: EvaluatedImage, prediction: int | None, target: int | None, title: str
) -> str:
    case = image.case
    predictions = case.predictions or ()
    panels = make_panels(
        None if prediction is None else read_matte(predictions[prediction]),
        None if target is None else read_matte(case.targets[target]),
        None if case.picture is None else read_rgb(case.picture),
    )
    return draw_case(title, panels)


def write_image_report(path: Path, evaluation: ImageEvaluation) -> None:
    """Write the report of an evaluation of images.

    Raises:
        AlphaWriteError: The file cannot be written.
        MatteReadError: A matte has vanished since it was evaluated.
    """
    weight = evaluation.weight
    hits: list[tuple[float, EvaluatedImage, MatchedPair]] = []
    failures: list[tuple[EvaluatedImage, int | None, int | None, float]] = []
    for image in evaluation.images:
        outcome = image.split(evaluation.is_hit)
        hits += [(_mean_similarity(pair, weight), image, pair) for pair in outcome.hits]
        failures += [(image, None, t, image.iou_of(target=t)) for t in outcome.missed]
        failures += [(image, p, None, image.iou_of(prediction=p)) for p in outcome.invented]
    hits.sort(key=lambda hit: hit[0])
    charts = [
        draw_histogram(
            f"similarity by {name}",
            [similarity(getattr(pair.errors, name), weight) for _, _, pair in hits],
        )
        for name in ERRORS
    ]
    charts.append(draw_histogram("IoU of supports", [pair.iou for _, _, pair in hits]))
    worst = [
        _draw_image_case(
            image,
            pair.prediction,
            pair.target,
            f"{image.case.name}: {image.target_name(pair.target)}, mean similarity "
            f"{percent(score)}, IoU {percent(pair.iou)}, "
            + ", ".join(f"{name} {number(getattr(pair.errors, name))}" for name in ERRORS),
        )
        for score, image, pair in hits[:MAX_CASES]
    ]
    listed = [
        (
            image.case.name,
            "missed" if prediction is None else "invented",
            image.target_name(target) if target is not None else "",
            image.prediction_name(prediction) if prediction is not None else "",
            percent(iou),
        )
        for image, prediction, target, iou in failures
    ]
    shown = [
        _draw_image_case(image, prediction, target, f"{row[0]}: {row[1]} {row[2]}{row[3]}")
        for (image, prediction, target, _), row in islice(
            zip(failures, listed, strict=True), MAX_CASES
        )
    ]
    sections = [
        ("Scores", _draw_rich(image_table(evaluation))),
        ("Distributions over recognised people", "".join(charts)),
        ("Worst mattes", "".join(worst) or "<p>Nobody was recognised.</p>"),
        (
            f"Recognition failures ({len(failures)})",
            draw_table(("image", "outcome", "person", "prediction", "IoU"), listed)
            + "".join(shown),
        ),
    ]
    if evaluation.skipped:
        skipped = draw_table(("image",), [[name] for name in evaluation.skipped])
        sections.append(("Left out: not predicted", skipped))
    write_page(path, "Instance matting quality", sections)


def _draw_worst_frame(clip: EvaluatedClip, person: EvaluatedPerson, error: FrameError) -> str:
    both = iterate_both(clip.prediction, clip.target)
    predictions, targets = next(islice(both, error.frame, None))
    panels = make_panels(predictions[person.pair.prediction], targets[person.pair.target])
    title = f"{clip.name}, frame {error.frame + 1}: {person.target_name}, MAD {number(error.mad)}"
    return draw_case(title, panels)


def write_video_report(path: Path, evaluation: VideoEvaluation) -> None:
    """Write the report of an evaluation of clips.

    Raises:
        AlphaWriteError: The file cannot be written.
        EvaluationError: Alphas have vanished since they were evaluated.
    """
    people = [(clip, person) for clip in evaluation.clips for person in clip.recognised]
    people.sort(key=lambda item: -item[1].mad)
    charts = [
        draw_histogram("mean IoU", [person.pair.iou for _, person in people]),
        draw_histogram("MAD", [person.mad for _, person in people], high=0.5),
        draw_histogram("dtSSD", [person.errors.dtssd for _, person in people], high=0.5),
        draw_histogram("moving edge", [p.errors.moving_edge for _, p in people], high=2.0),
    ]
    worst = [
        _draw_worst_frame(clip, person, error)
        for clip, person in people[: MAX_CASES // 2]
        for error in person.worst_frames
    ]
    failures = [
        (clip.name, outcome, name)
        for clip in evaluation.clips
        for outcome, names in (("missed", clip.missed), ("invented", clip.invented))
        for name in names
    ]
    tables = video_tables(evaluation)
    sections = [
        ("Scores", _draw_rich(tables[0])),
        *((str(table.title), _draw_rich(table)) for table in tables[1:]),
        ("Distributions over recognised people", "".join(charts)),
        ("Worst frames", "".join(worst) or "<p>Nobody was recognised.</p>"),
        (
            f"Recognition failures ({len(failures)})",
            draw_table(("clip", "outcome", "person"), failures),
        ),
    ]
    write_page(path, "Video matting quality", sections)


def write_track_report(path: Path, evaluation: TrackEvaluation) -> None:
    """Write the report of an evaluation of tracks.

    Raises:
        AlphaWriteError: The file cannot be written.
    """
    write_page(path, "Tracks", [("Scores", _draw_rich(track_table(evaluation)))])
