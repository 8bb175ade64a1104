"""The options of the main job, which `demo` and `batch` have too."""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

from .arguments import add_talk_options, named_folder, named_tracks
from .config import FOREGROUND_METHODS, MatteConfig
from .matting.options import add_matting_options
from .media.formats import FORMATS
from .media.frame_rate import as_frame_rate


def add_job_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the main job; their defaults are `MatteConfig`'s."""
    parser.add_argument(
        "--out-dir",
        type=named_folder,
        required=True,
        metavar="FOLDER",
        help="a folder named after CLIP is made in it",
    )
    parser.add_argument("--config", type=Path, metavar="TOML", help="file with settings")
    _add_finding_options(parser.add_argument_group("finding people"))
    add_matting_options(parser.add_argument_group("matting"))
    _add_stream_options(parser.add_argument_group("streams"))
    _add_run_options(parser.add_argument_group("the run"))
    add_talk_options(parser)


def _add_finding_options(group: argparse._ArgumentGroup) -> None:
    detection = MatteConfig().detection
    group.add_argument(
        "--detector",
        dest="detection.detector",
        metavar="NAME",
        help="auto, compact, maskrcnn, masks:DIR or a weights file "
        f"(default: {detection.detector})",
    )
    group.add_argument(
        "--detect-every",
        dest="detection.detect_every",
        type=int,
        metavar="N",
        help=f"detect in every N-th frame (default: {detection.detect_every})",
    )
    group.add_argument(
        "--no-small-people",
        dest="detection.finds_small_people",
        action="store_false",
        default=None,
        help="let the compact detector look less finely: less time, and people below about a tenth "
        "of the frame's longer side are missed",
    )
    group.add_argument(
        "--steady-frames",
        dest="detection.steady_frames",
        type=int,
        metavar="N",
        help="average each mask with those of N frames before and after, carried there by optical "
        f"flow; 0: not at all (default: {detection.steady_frames})",
    )
    group.add_argument(
        "--fps",
        dest="frame_rate",
        type=_rate,
        metavar="RATE",
        help="of a folder of frames, as 25, 23.976 or 30000/1001; a video's own rate and times are "
        "replaced by it",
    )


def _add_stream_options(group: argparse._ArgumentGroup) -> None:
    output = MatteConfig().output
    group.add_argument(
        "--format",
        dest="output.format",
        metavar="NAME",
        help=f"{', '.join(FORMATS)} (default: {output.format})",
    )
    group.add_argument(
        "--quality", dest="output.quality", type=int, metavar="N", help="lower is better"
    )
    group.add_argument(
        "--filename",
        dest="output.filename",
        metavar="TEMPLATE",
        help=f"fields clip, track, name, ext (default: {output.filename})",
    )
    group.add_argument(
        "--foreground",
        dest="output.foreground",
        choices=FOREGROUND_METHODS,
        help="where the colour under the edges comes from; pymatting needs the extra fg "
        f"(default: {output.foreground})",
    )
    group.add_argument(
        "--only",
        dest="output.only",
        type=named_tracks,
        metavar="1,3",
        help="tracks that get a stream",
    )
    group.add_argument(
        "--rest",
        dest="output.has_rest",
        action="store_true",
        default=None,
        help="everybody else in one stream",
    )
    group.add_argument(
        "--trim",
        dest="output.is_trimmed",
        action="store_true",
        default=None,
        help="cut each stream to its person's span",
    )
    group.add_argument(
        "--still-frames",
        dest="output.still_frames",
        type=int,
        metavar="N",
        help="average each alpha with those of N frames before and after where the picture stands "
        f"still; 0: not at all (default: {output.still_frames})",
    )
    for name in ("audio", "preview", "report"):
        group.add_argument(
            f"--no-{name}", dest=f"output.has_{name}", action="store_false", default=None
        )


def _add_run_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--resume",
        dest="run.is_resumed",
        action="store_true",
        default=None,
        help="go on after the last whole chunk",
    )
    group.add_argument(
        "--online",
        dest="run.is_online",
        action="store_true",
        default=None,
        help="write streams while the clip is read: no alpha store, no stitching, no --resume",
    )
    group.add_argument(
        "--overwrite",
        dest="run.is_overwriting",
        action="store_true",
        default=None,
        help="replace an earlier output",
    )
    group.add_argument(
        "--clean",
        dest="run.is_cleaned",
        action="store_true",
        default=None,
        help="remove the alpha store at the end",
    )
    group.add_argument(
        "--offline",
        dest="run.is_offline",
        action="store_true",
        default=None,
        help="never fetch weights, as --detector maskrcnn does (also: INSTMATT_VIDEO_OFFLINE=1)",
    )


def _rate(text: str) -> Fraction:
    try:
        return as_frame_rate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
