"""`instmatt-video tracks FOLDER list|show|merge|split|drop|rename|swap|undo|render`.

`cli.py` mounts it with `add_arguments(parser)` and calls `run(args)`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arguments import add_talk_options
from ..errors import OptionError, first_complaint

if TYPE_CHECKING:
    from ..manifest import TrackRecord
    from .session import Review


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `tracks` its folder and its commands."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="what a run left of a clip")
    commands = parser.add_subparsers(dest="tracks_command", required=True, metavar="COMMAND")

    def add(name: str, purpose: str, *positionals: tuple[str, Callable[[str], Any], str]) -> Any:
        command = commands.add_parser(name, help=purpose, description=purpose)
        for dest, kind, metavar in positionals:
            command.add_argument(dest, type=kind, metavar=metavar)
        add_talk_options(command)
        return command

    track = ("track", _number, "A")
    other = ("other", _number, "B")
    add("list", "everybody, as corrected so far")
    add("show", "one person, and when they are seen", track)
    add("merge", "A and B are one person, number A", track, other)
    add("split", "from FRAME on, A is somebody else, who gets a new number", ("at", _at, "A@FRAME"))
    add("drop", "A gets no stream any more (--rest of render shows them)", track)
    add("rename", "A is called NAME", track, ("name", str, "NAME"))
    add("swap", "from FRAME on, A is B and B is A", track, ("at", _at, "B@FRAME"))
    add("undo", "take the last correction back")
    render = add("render", "write the streams that the corrections change, without any network")
    render.add_argument("--source", type=Path, metavar="CLIP", help="where the clip lies now")
    render.add_argument(
        "--rest",
        dest="has_rest",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="everybody else in one stream, from now on (default: as in the run)",
    )


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit status."""
    from .session import Review

    review = Review(args.folder)
    if args.tracks_command == "render":
        return _render(review, args)
    if args.tracks_command == "show":
        return _show(review, args)
    if args.tracks_command == "undo":
        _say(args, f"undone: {review.undo()}")
    elif args.tracks_command != "list":
        correction = _correction(args)
        review.correct(correction)
        _say(args, str(correction))
    if args.is_json:
        print(json.dumps(review.document(), indent=2))
    elif args.tracks_command == "list":
        print(_table(review.people()))
    _say_what_waits(review, args)
    return 0


def _correction(args: argparse.Namespace) -> Any:
    from pydantic import ValidationError

    from ..correction import Drop, Merge, Rename, Split, Swap

    try:
        if args.tracks_command == "merge":
            return Merge(track=args.track, other=args.other)
        if args.tracks_command == "split":
            return Split(track=args.at[0], frame=args.at[1])
        if args.tracks_command == "drop":
            return Drop(track=args.track)
        if args.tracks_command == "rename":
            return Rename(track=args.track, name=args.name)
        return Swap(track=args.track, other=args.at[0], frame=args.at[1])
    except ValidationError as error:
        raise OptionError(first_complaint(error)) from error


def _render(review: Review, args: argparse.Namespace) -> int:
    from ..console import ProgressView, make_console, set_up_logging

    console = make_console()
    set_up_logging(console, args.is_verbose, args.is_quiet)
    with ProgressView(console, args.is_quiet) as view:
        rendered = review.render(view.show, args.source, args.has_rest)
    if args.is_json:
        files = {
            "written": list(rendered.written),
            "renamed": dict(rendered.renamed),
            "removed": list(rendered.removed),
        }
        print(json.dumps(review.document() | files, indent=2))
    for line in rendered.changes():
        _say(args, line)
    return 0


def _show(review: Review, args: argparse.Namespace) -> int:
    people = {track.id: track for track in review.people()}
    if args.track not in people:
        there = ", ".join(map(str, people)) or "nobody"
        raise OptionError(f"there is no person {args.track}; there is {there}")
    track = people[args.track]
    if args.is_json:
        print(json.dumps(track.model_dump(mode="json"), indent=2))
        return 0
    spans = ", ".join(f"{a}–{b}" if a < b else str(a) for a, b in track.spans)
    print(f"number   {track.id}\nname     {track.name}\nstream   {track.file or '-'}")
    print(f"seen     {spans}\nframes   {track.frames_visible}\nscore    {track.mean_score:.2f}")
    return 0


def _table(people: tuple[TrackRecord, ...]) -> str:
    rows = [("No.", "name", "from", "to", "frames", "score", "stream")]
    rows += [
        (
            str(track.id),
            track.name,
            str(track.first_frame),
            str(track.last_frame),
            str(track.frames_visible),
            f"{track.mean_score:.2f}",
            track.file or "-",
        )
        for track in people
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    is_text = (False, True, False, False, False, False, True)
    lines = (
        "  ".join(
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(row, widths, is_text, strict=True)
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _say(args: argparse.Namespace, words: str) -> None:
    if not args.is_quiet:
        print(words, file=sys.stderr)


def _say_what_waits(review: Review, args: argparse.Namespace) -> None:
    if not review.manifest.is_rendered:
        _say(args, f"not rendered yet: instmatt-video tracks {args.folder} render")


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a person")
    return int(text)


def _at(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})@(\d{1,12})", text)
    if match is None or int(match[1]) < 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no person at a frame, as 2@120 for number 2 at frame 120"
        )
    return int(match[1]), int(match[2])
