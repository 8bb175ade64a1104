"""A word of a command line that names a folder to write into."""

from __future__ import annotations

import argparse
from pathlib import Path


def named_folder(text: str) -> Path:
    """Return the folder; no name at all, as of a variable that is not set, is not the current one.

    Raises:
        argparse.ArgumentTypeError: The name is empty.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("names no folder; . is the current one")
    return Path(text)
