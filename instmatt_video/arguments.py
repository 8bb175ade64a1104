"""Options and words of the command line that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_talk_options(
    parser: argparse.ArgumentParser, has_json: bool = True, has_quiet: bool = True
) -> None:
    """Add how much a command says.

    Args:
        parser: Of the command.
        has_json: It has a result to print.
        has_quiet: It says something that may be left unsaid.
    """
    group = parser.add_argument_group("messages")
    if has_json:
        group.add_argument(
            "--json", dest="is_json", action="store_true", help="result as JSON on stdout"
        )
    if has_quiet:
        group.add_argument("--quiet", dest="is_quiet", action="store_true")
    group.add_argument("--verbose", dest="is_verbose", action="store_true")


def named_folder(text: str) -> Path:
    """Return the folder; no name at all, as of a variable that is not set, is not the current one.

    Raises:
        argparse.ArgumentTypeError: The name is empty.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("names no folder; . is the current one")
    return Path(text)


def named_tracks(text: str) -> tuple[int, ...]:
    """Return the track numbers of a list such as `1,3`, in its order.

    Raises:
        argparse.ArgumentTypeError: The word is no such list.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of track numbers") from None
