"""One rendering of a folder at a time, and one change of its manifest, whichever process does it.

Knows folders; knows nothing of what is written there. The system lets go of a lock when a process
dies.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import AlphaWriteError, OptionError


@contextmanager
def rendering_alone(folder: Path) -> Iterator[None]:
    """Hold a folder's rendering while the `with` block runs.

    Raises:
        OptionError: Somebody else holds it.
        AlphaWriteError: The folder cannot be written.
    """
    with _held(folder / "render.lock", f"{folder.parent} is being rendered", waits=False):
        yield


@contextmanager
def changing_alone(folder: Path) -> Iterator[None]:
    """Wait for whoever changes the manifest; hold it while the `with` block reads and writes it.

    Raises:
        OptionError: Somebody else holds it for longer than a change takes (Windows only).
        AlphaWriteError: The folder cannot be written.
    """
    with _held(folder / "manifest.lock", f"{folder.parent} is being changed", waits=True):
        yield


@contextmanager
def _held(path: Path, what: str, waits: bool) -> Iterator[None]:
    try:
        file = path.open("ab")
    except OSError as error:
        raise AlphaWriteError(f"{path.parent} cannot be written: {error.strerror}") from error
    with file:
        try:
            _lock(file.fileno(), waits)
        except OSError as error:
            raise OptionError(f"{what} by another process") from error
        yield


def _lock(descriptor: int, waits: bool) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK if waits else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
