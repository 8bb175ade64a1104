"""A word of a command line that names people by their tracks."""

from __future__ import annotations

import argparse


def named_tracks(text: str) -> tuple[int, ...]:
    """Return the track numbers of a list such as `1,3`, in its order.

    Raises:
        argparse.ArgumentTypeError: The word is no such list.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of track numbers") from None
