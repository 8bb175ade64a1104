"""`instmatt-video compose`: finished streams over a background, or on a sheet."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..arguments import add_talk_options, named_tracks
from ..color_names import COLORS
from ..errors import OptionError
from .options import CONTAINERS, ComposeOptions, parse_background, parse_place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="output of a run, as tracks/in")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help=".mp4 (H.264) or .mov (ProRes 422 HQ)",
    )
    parser.add_argument(
        "--background",
        default="source",
        metavar="WHAT",
        help=f"source, blur, blur:SIGMA, {', '.join(COLORS)}, #rrggbb, a picture or a video, which "
        "is looped (default: source)",
    )
    parser.add_argument(
        "--source", type=Path, metavar="FILE", help="the clip, if it has been moved"
    )
    parser.add_argument(
        "--without", type=named_tracks, default=(), metavar="2,4", help="people to leave out"
    )
    parser.add_argument(
        "--order",
        type=named_tracks,
        default=(),
        metavar="3,1,2",
        help="people from back to front; others stand behind them",
    )
    parser.add_argument(
        "--place",
        action="append",
        default=[],
        metavar="1:scale=0.8,x=40,y=0",
        help="scale a person's layer, and put its top left corner at x, y; may be repeated",
    )
    parser.add_argument(
        "--sheet", action="store_true", help="everybody alone, side by side, with names"
    )
    defaults = ", ".join(f"{name} {values[2]}" for name, values in CONTAINERS.items())
    parser.add_argument(
        "--quality", type=int, metavar="N", help=f"lower is better (default: {defaults})"
    )
    parser.add_argument(
        "--overwrite",
        dest="is_overwriting",
        action="store_true",
        help="replace FILE if it is there already",
    )
    parser.add_argument("--no-audio", dest="has_audio", action="store_false")
    add_talk_options(parser)


def run(args: argparse.Namespace) -> int:
    """Compose and return the exit status."""
    from ..console import ProgressView, make_console, set_up_logging
    from .composition import compose_streams

    places = [parse_place(text) for text in args.place]
    if len(dict(places)) < len(places):
        raise OptionError("place: a track is placed twice")
    options = ComposeOptions(
        background=parse_background(args.background),
        source=args.source,
        without=args.without,
        order=args.order,
        places=dict(places),
        is_sheet=args.sheet,
        quality=args.quality,
        has_audio=args.has_audio,
        is_overwriting=args.is_overwriting,
    )
    console = make_console()
    set_up_logging(console, args.is_verbose, args.is_quiet)
    with ProgressView(console, args.is_quiet) as view:
        made = compose_streams(args.folder, args.out, options, view.show)
    if args.is_json:
        facts = {"path": str(made.path), "width": made.width, "height": made.height}
        print(json.dumps(facts | {"frame_count": made.frame_count, "people": made.people}))
    elif not args.is_quiet:
        count = sum(number > 0 for number in made.people)
        who = "1 person" if count == 1 else f"{count} people"
        who += " and the rest" if 0 in made.people else ""
        print(
            f"{who}, {made.frame_count} frames, {made.width}x{made.height}: {made.path}",
            file=sys.stderr,
        )
    return 0
