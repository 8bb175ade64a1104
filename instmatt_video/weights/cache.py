"""Weights files on disk: the one embedded, the one in the cache, and fetching into it."""

from __future__ import annotations

import logging
import os
import tempfile
from importlib.resources import files
from pathlib import Path

import platformdirs
import pooch

from ..checksums import digest
from ..errors import WeightsError
from .registry import WeightsEntry, expected_sha256, find_entry

logger = logging.getLogger(__name__)

HOME_VARIABLE = "INSTMATT_VIDEO_HOME"
OFFLINE_VARIABLE = "INSTMATT_VIDEO_OFFLINE"
APPLICATION = "instmatt-video"


def cache_dir() -> Path:
    """Return the program's cache folder, which may not exist yet."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return Path(home).expanduser()
    xdg = os.environ.get("XDG_CACHE_HOME")
    return Path(xdg) / APPLICATION if xdg else Path(platformdirs.user_cache_dir(APPLICATION))


def is_offline() -> bool:
    """Return whether the environment forbids fetching."""
    return os.environ.get(OFFLINE_VARIABLE, "") not in ("", "0")


def weights_path(entry: WeightsEntry) -> Path:
    """Return where an entry's file lies, or would lie."""
    if entry.home == "package":
        return Path(str(files("instmatt_video.weights") / entry.file_name))
    if entry.home == "torchvision":
        cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
        home = Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser()
        return home / "hub" / "checkpoints" / entry.file_name
    return cache_dir() / entry.file_name


def find_weights(name: str) -> Path:
    """Return the whole and verified weights file of a name; nothing is fetched.

    Raises:
        WeightsError: There is no such name, the file is missing, or its checksum is wrong.
    """
    entry = find_entry(name)
    verify(entry)
    return weights_path(entry)


def verify(entry: WeightsEntry) -> str:
    """Return the SHA-256 of an entry's file.

    Raises:
        WeightsError: The file is missing, or its checksum is wrong or unknown.
    """
    path = weights_path(entry)
    if not path.is_file():
        raise WeightsError(f"the weights {entry.name!r} are missing at {path}: {_advice(entry)}")
    expected = expected_sha256(entry, path.parent)
    if expected is None:
        raise WeightsError(f"{path} has no checksum in {path.parent}: {_advice(entry)}")
    actual = digest(path)
    if not actual.startswith(expected):
        raise WeightsError(
            f"{path} has the SHA-256 {actual}, not {expected}: delete it; {_advice(entry)}"
        )
    return actual


def fetch(entry: WeightsEntry, offline: bool = False) -> Path:
    """Return an entry's verified file, fetched where it is missing.

    It appears under its name only when it is whole.

    Args:
        entry: What to fetch.
        offline: Forbid the network; so does the environment.

    Raises:
        WeightsError: It is missing and cannot be fetched, or what is there has a wrong checksum.
    """
    path = weights_path(entry)
    if path.is_file() or entry.url is None:
        verify(entry)
        return path
    if offline or is_offline():
        raise WeightsError(
            f"the weights {entry.name!r} are missing and this run is offline: {_advice(entry)}"
        )
    assert entry.sha256 is not None  # what can be fetched is pinned in the registry
    logger.info("fetching %s", entry.url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as folder:
            temporary = Path(folder) / path.name
            pooch.HTTPDownloader()(entry.url, str(temporary), None)
            actual = digest(temporary)
            if not actual.startswith(entry.sha256):
                raise WeightsError(
                    f"{entry.url} sent a file of SHA-256 {actual}, not {entry.sha256}: "
                    f"{_advice(entry)}"
                )
            temporary.replace(path)
    except (OSError, ValueError) as error:  # requests' own errors are OSError or ValueError
        raise WeightsError(
            f"{entry.url} could not be fetched ({error}): {_advice(entry)}"
        ) from error
    return path


def _advice(entry: WeightsEntry) -> str:
    if entry.url is None:
        return entry.advice
    path = weights_path(entry)
    return (
        f"run `instmatt-video weights fetch {entry.name}`, or put the file of {entry.url} at {path}"
    )
