"""`instmatt-video eval images|video|tracks`: arguments, and what they start.

`cli.py` mounts it with `add_arguments(parser)` and calls `run(args)`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from rich.console import Console
from rich.table import Table

from instmatt_video.eval.imq import WEIGHT as IMQ_WEIGHT
from instmatt_video.eval.video_quality import WEIGHT as VMQ_WEIGHT

from ..console import make_console
from ..counting_bar import counting_bar
from ..whole_file import check_target
from .clip_layouts import LAYOUTS
from .images import evaluate_images
from .records import (
    IMAGE_COLUMNS,
    TRACK_COLUMNS,
    VIDEO_COLUMNS,
    Row,
    image_document,
    image_rows,
    track_document,
    track_rows,
    video_document,
    video_rows,
    write_csv,
)
from .reports import write_image_report, write_track_report, write_video_report
from .tables import format_table1, image_table, track_table, video_tables
from .tracks import evaluate_tracks
from .videos import evaluate_video

EvaluationT = TypeVar("EvaluationT")
_NumberT = TypeVar("_NumberT", int, float)

_WIDE = 10_000
"""Columns of the console. Tables take what they need; in less, digits and names would be cut."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `eval` its three commands."""
    commands = parser.add_subparsers(dest="eval_command", required=True, metavar="COMMAND")
    images = commands.add_parser(
        "images", help="IMQ of instance mattes (HIM2K, RWP636 or alike)", description=_IMAGES
    )
    _add_common(images, "<image>/<nn>.png for each person, or <image>.png")
    images.add_argument("--protocol", choices=("strict", "official"), default="strict")
    images.add_argument(
        "--weight", type=_weight, default=IMQ_WEIGHT, help="w of Eq. 17 (%(default)s)"
    )
    images.add_argument("--images", type=Path, help="photographs, shown in the HTML report")
    images.add_argument(
        "--table1", metavar="METHOD", help="print a row of the paper's Table 1 under this name"
    )
    video = commands.add_parser(
        "video", help="VMQ, identity and errors in time of alpha streams", description=_VIDEO
    )
    _add_common(video, "a folder for each clip, in any of the layouts")
    video.add_argument("--protocol", choices=("strict", "official", "maggie"), default="strict")
    video.add_argument("--error", choices=("mse", "mad", "dtssd"), default="mse", help="E of MQ")
    video.add_argument("--weight", type=_weight, default=VMQ_WEIGHT, help="w of MQ (%(default)s)")
    video.add_argument("--layout", choices=LAYOUTS, default="auto", help="of PRED (%(default)s)")
    video.add_argument("--gt-layout", choices=LAYOUTS, default="auto", help="of GT (%(default)s)")
    tracks = commands.add_parser(
        "tracks", help="HOTA, MOTA, IDF1 of MOTChallenge text", description=_TRACKS
    )
    _add_outputs(tracks, "tracks.txt, or a folder of <sequence>.txt")


_IMAGES = (
    "IMQ = MQ x RQ (InstMatt, Eq. 16-18). `strict` follows the paper's words; `official` is the "
    "authors' release to the bit."
)
_VIDEO = (
    "VMQ = RQ x TQ x MQ, alpha IDF1 and switches, dtSSD, MESSDdt and the moving-edge error. "
    "`official` is VIM's release to the bit; `maggie` adds MaGGIe's metrics. Layouts: vim "
    "(<clip>/[pha/]<person>/<frame>.png), maggie (<clip>/<frame>/<person>.png), streams (our "
    "output)."
)
_TRACKS = "Needs TrackEval (extra eval)."


def _add_outputs(parser: argparse.ArgumentParser, layout: str) -> None:
    parser.add_argument("pred", type=Path, metavar="PRED", help=f"predictions: {layout}")
    parser.add_argument("gt", type=Path, metavar="GT", help="the truth, laid out likewise")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout instead")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a row for each person")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report, one file")


def _add_common(parser: argparse.ArgumentParser, layout: str) -> None:
    _add_outputs(parser, layout)
    parser.add_argument(
        "--iou", type=_fraction, default=0.5, help="overlap that makes a match (%(default)s)"
    )
    parser.add_argument("--jobs", type=_count, help="processes (one for each core)")


def _number(text: str, kind: type[_NumberT]) -> _NumberT:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _fraction(text: str) -> float:
    value = _number(text, float)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not in 0..1")
    return value


def _weight(text: str) -> float:
    value = _number(text, float)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _count(text: str) -> int:
    value = _number(text, int)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


class _Outputs(NamedTuple, Generic[EvaluationT]):
    """How an evaluation is shown and written."""

    tables: Callable[[EvaluationT], Iterable[Table]]
    document: Callable[[EvaluationT], dict[str, Any]]
    columns: Sequence[str]
    """Of the rows."""
    rows: Callable[[EvaluationT], list[Row]]
    write_report: Callable[[Path, EvaluationT], None]


_IMAGE_OUTPUTS = _Outputs(
    lambda evaluation: [image_table(evaluation)],
    image_document,
    IMAGE_COLUMNS,
    image_rows,
    write_image_report,
)
_VIDEO_OUTPUTS = _Outputs(
    video_tables, video_document, VIDEO_COLUMNS, video_rows, write_video_report
)
_TRACK_OUTPUTS = _Outputs(
    lambda evaluation: [track_table(evaluation)],
    track_document,
    TRACK_COLUMNS,
    track_rows,
    write_track_report,
)


def _finish(
    args: argparse.Namespace,
    console: Console,
    evaluation: EvaluationT,
    outputs: _Outputs[EvaluationT],
) -> None:
    """Print and write what was asked for; what is printed does not hang on what is written."""
    if args.json:
        document = outputs.document(evaluation)
        sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
    else:
        for table in outputs.tables(evaluation):
            console.print(table)
    if args.html is not None:
        outputs.write_report(args.html, evaluation)
    if args.csv is not None:
        write_csv(args.csv, outputs.columns, outputs.rows(evaluation))


def _run_images(args: argparse.Namespace, console: Console) -> None:
    with counting_bar(make_console(), "images") as progress:
        evaluation = evaluate_images(
            args.pred,
            args.gt,
            args.protocol,
            pictures=args.images,
            progress=progress,
            **_matching(args),
        )
    _finish(args, console, evaluation, _IMAGE_OUTPUTS)
    if args.table1 is not None and not args.json:
        row = format_table1(args.table1, evaluation, args.gt.resolve().name)
        console.print(row, markup=False, highlight=False, soft_wrap=True)


def _run_video(args: argparse.Namespace, console: Console) -> None:
    with counting_bar(make_console(), "clips") as progress:
        evaluation = evaluate_video(
            args.pred,
            args.gt,
            args.protocol,
            error=args.error,
            layout=args.layout,
            target_layout=args.gt_layout,
            progress=progress,
            **_matching(args),
        )
    _finish(args, console, evaluation, _VIDEO_OUTPUTS)


def _matching(args: argparse.Namespace) -> dict[str, Any]:
    """Return what images and clips are both told."""
    return {"iou_threshold": args.iou, "weight": args.weight, "jobs": args.jobs}


def _run_tracks(args: argparse.Namespace, console: Console) -> None:
    _finish(args, console, evaluate_tracks(args.pred, args.gt), _TRACK_OUTPUTS)


_COMMANDS = {"images": _run_images, "video": _run_video, "tracks": _run_tracks}


def run(args: argparse.Namespace) -> int:
    """Run the command that was parsed; return the exit status.

    Raises:
        InstMattVideoError: Folders, files or options do not fit; `cli.py` says so in one line.
    """
    for target in (args.html, args.csv):
        if target is not None:
            check_target(target)
    _COMMANDS[args.eval_command](args, Console(width=_WIDE))
    return 0
