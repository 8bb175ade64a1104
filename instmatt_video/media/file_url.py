"""What FFmpeg is to call a file, as a library and as a program."""

from __future__ import annotations

from pathlib import Path


def file_url(path: Path) -> str:
    """Return a name that FFmpeg takes for a file: `take:2/1.png` or `-` stays one, no protocol."""
    return f"file:{path}"
