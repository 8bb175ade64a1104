"""Files that are whole or absent."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import AlphaWriteError, OptionError, disk_errors


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a passing name beside `path`; what is written there gets the name on leaving.

    Left by an exception, nothing stays, and under `path` is what was there before. A pipe or a
    device keeps its name: it is written to as it is.

    Raises:
        OSError: The file cannot be written or named.
    """
    if _is_pipe_or_device(path):
        yield path
        return
    temporary = path.with_name(f".{path.name}.partial")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path: Path) -> None:
    """Raise where a file surely cannot be written, before work that may take hours.

    Raises:
        OptionError: It is a folder, or lies in none.
        AlphaWriteError: It is not allowed.
    """
    with disk_errors(path):
        if path.is_dir():
            raise OptionError(f"cannot write {path}: it is a folder")
        if not path.parent.is_dir():
            raise OptionError(f"cannot write {path}: there is no folder {path.parent}")
        if not os.access(path if _is_pipe_or_device(path) else path.parent, os.W_OK):
            raise AlphaWriteError(f"{path} cannot be written: {os.strerror(errno.EACCES)}")


def write_whole(path: Path, text: str) -> None:
    """Write a text file as UTF-8; under its name there is the old one or the whole new one.

    What is not UTF-8 in a name that the text tells of is spelled out.

    Raises:
        AlphaWriteError: The disk is full or not writable.
    """
    with disk_errors(path):
        with whole_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def _is_pipe_or_device(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()
