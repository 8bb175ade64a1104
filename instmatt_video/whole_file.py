"""Files that are whole or absent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import AlphaWriteError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a passing name beside `path`; what is written there gets the name on leaving.

    Left by an exception, nothing stays, and under `path` is what was there before.

    Raises:
        OSError: The file cannot be written or named.
    """
    temporary = path.with_name(f".{path.name}.partial")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text file as UTF-8; under its name there is the old one or the whole new one.

    Raises:
        AlphaWriteError: The disk is full or not writable.
    """
    try:
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AlphaWriteError(f"{path} cannot be written: {error.strerror}") from error
