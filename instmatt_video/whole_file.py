"""Small text files that are whole or absent."""

from __future__ import annotations

from pathlib import Path

from .errors import AlphaWriteError


def write_whole(path: Path, text: str) -> None:
    """Write a text file as UTF-8; under its name there is the old one or the whole new one.

    Raises:
        AlphaWriteError: The disk is full or not writable.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise AlphaWriteError(f"{path} cannot be written: {error.strerror}") from error
