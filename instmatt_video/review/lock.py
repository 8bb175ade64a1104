"""One rendering of a folder at a time, whichever process it is in.

Knows folders; knows nothing of what is written there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import AlphaWriteError, OptionError

LOCK_FILE = "render.lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder while the `with` block runs; the system lets go of it when a process dies.

    Raises:
        OptionError: Somebody else holds it.
        AlphaWriteError: The folder cannot be written.
    """
    try:
        file = (folder / LOCK_FILE).open("ab")
    except OSError as error:
        raise AlphaWriteError(f"{folder} cannot be written: {error.strerror}") from error
    with file:
        try:
            _lock(file.fileno())
        except OSError as error:
            raise OptionError(f"{folder.parent} is being rendered by another process") from error
        yield


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
