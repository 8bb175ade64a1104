"""One rendering or training in a folder at a time, one change of a manifest, one writer of a file.

Knows folders and names, whichever process asks for them; knows nothing of what is written there.
The system lets go of a lock when a process dies. Some file systems, of networks above all, lock
nothing: there all go on, with a warning.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import OptionError, disk_errors

_log = logging.getLogger(__name__)

_TAKEN = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK})
"""What systems say of a lock that somebody else holds; Windows, and locks over NFS, say EACCES."""


@contextmanager
def rendering_alone(folder: Path) -> Iterator[None]:
    """Hold a clip's folder while the `with` block writes its streams; make it if need be.

    Raises:
        OptionError: Somebody else holds it.
        AlphaWriteError: The folder cannot be written.
    """
    with _folder_held(folder, "rendered"):
        yield


@contextmanager
def training_alone(folder: Path) -> Iterator[None]:
    """Hold a training's folder while the `with` block goes on with it; make it if need be.

    Raises:
        OptionError: Somebody else holds it.
        AlphaWriteError: The folder cannot be written.
    """
    with _folder_held(folder, "trained"):
        yield


@contextmanager
def changing_alone(store: Path) -> Iterator[None]:
    """Wait for whoever changes the manifest; hold it while the `with` block reads and writes it.

    Args:
        store: The folder of the clip's alphas.

    Raises:
        OptionError: Somebody else holds it for longer than a change takes (Windows only).
        AlphaWriteError: The folder cannot be written.
    """
    with _held(store / "manifest.lock", store.parent, "changed", waits=True):
        yield


@contextmanager
def writing_alone(path: Path) -> Iterator[None]:
    """Hold the name of a file while the `with` block writes it; its folder exists.

    Raises:
        OptionError: Somebody else holds it.
        AlphaWriteError: The folder cannot be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    with _held(lock, path, "written", waits=False) as descriptor:
        if not _is_at(descriptor, lock):  # the other has just done
            raise OptionError(f"{path} is being written by another process")
        try:
            yield
        finally:
            # Before it is let go, so that nobody else has it by then; Windows keeps an open file.
            with suppress(OSError):
                lock.unlink()


@contextmanager
def _folder_held(folder: Path, done: str) -> Iterator[None]:
    """Hold a folder, which is made, unless somebody else does what is `done` to it."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    # The folder itself outlives whatever is removed from it; only Windows cannot open one.
    path = folder / f".{done}.lock" if sys.platform == "win32" else folder
    with _held(path, folder, done, waits=False):
        yield


@contextmanager
def _held(path: Path, thing: Path, done: str, waits: bool) -> Iterator[int]:
    """Hold the lock on a folder or a file, which is made; yield its descriptor.

    Args:
        path: The folder or file.
        thing: What it stands for.
        done: What is done to that meanwhile.
        waits: Wait for somebody else who holds it.
    """
    with disk_errors(thing):
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT)
    try:
        try:
            _lock(descriptor, waits)
        except OSError as error:
            if error.errno in _TAKEN:
                raise OptionError(f"{thing} is being {done} by another process") from error
            _log.warning(
                "%s cannot be locked (%s): see to it that nothing else writes there meanwhile",
                thing,
                error.strerror,
            )
        yield descriptor
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Say whether an open file still has its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int, waits: bool) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK if waits else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
