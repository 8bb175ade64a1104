"""Names as text: file systems take bytes that are not UTF-8, which Python carries as surrogates."""

from __future__ import annotations

import os
from pathlib import Path


def printable(name: str | Path) -> str:
    r"""Return a name with the bytes that are not UTF-8 spelled out, as `caf\xe9`."""
    return os.fsencode(name).decode(errors="backslashreplace")


def is_utf8(name: str | Path) -> bool:
    """Return whether a name can stand in a text as it is."""
    return printable(name) == str(name)
