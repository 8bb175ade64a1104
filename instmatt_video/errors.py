"""What the world can do to a run, one class each, with the exit status it ends in.

The caller's own mistakes stay `ValueError` and `TypeError`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError
    from pydantic import ValidationError


class InstMattVideoError(Exception):
    """Base of every error the product raises on purpose; the message is one line for a person."""

    exit_status = 1


class OptionError(InstMattVideoError):
    """Options that cannot work together, or an output that exists already."""

    exit_status = 2


class VideoOpenError(InstMattVideoError):
    """The input is missing, empty, or nothing that can be read as frames."""

    exit_status = 3


class ManifestVersionError(VideoOpenError):
    """The manifest of an earlier run is of another version of this program: whole, but not ours."""


class FrameDecodeError(InstMattVideoError):
    """Too many frames in a row could not be decoded; those before them are finished."""

    exit_status = 3


class MaskReadError(InstMattVideoError):
    """Instance masks on disk do not fit the clip."""

    exit_status = 3


class MatteReadError(InstMattVideoError):
    """Mattes or pictures on disk are missing, damaged, or could be meant in two ways."""

    exit_status = 3


class EvaluationError(InstMattVideoError):
    """Predictions and truth do not fit; the message names the file or folder."""

    exit_status = 3


class AlphaStoreError(InstMattVideoError):
    """The alphas of an earlier run are gone or damaged."""

    exit_status = 3


class BatchError(InstMattVideoError):
    """Some clips of a batch failed; the others are done."""

    exit_status = 4


class DeviceError(InstMattVideoError):
    """A device that was asked for is absent, or has too little memory."""

    exit_status = 5


class WeightsError(InstMattVideoError):
    """Weights are missing, or their checksum is wrong."""

    exit_status = 6


class AlphaWriteError(InstMattVideoError):
    """An output could not be written, or failed its verification."""

    exit_status = 7


@contextmanager
def disk_errors(place: object = None) -> Iterator[None]:
    """Let what the system says of writing be an `AlphaWriteError`, a line that names the place.

    Args:
        place: A file or folder; `None` is the one that the system names.
    """
    try:
        yield
    except OSError as error:
        where = error.filename if place is None else place
        raise AlphaWriteError(f"{where} cannot be written: {error.strerror}") from error


def full_disk_error(words: str) -> OSError | None:
    """Return the system's error where a library says in words alone that the disk is full."""
    for number in (errno.ENOSPC, errno.EDQUOT):
        if os.strerror(number) in words:
            return OSError(number, os.strerror(number))
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether memory ran out, the machine's or a GPU's: torch and OpenCV say so in words."""
    # CUDA's and Metal's, torch's on a CPU, and OpenCV's
    words = ("out of memory", "can't allocate memory", "Insufficient memory")
    return isinstance(error, MemoryError) or any(text in str(error) for text in words)


def first_complaint(error: ValidationError | RequestValidationError) -> str:
    """Return in a line what is wrong first of values that came from outside, and where."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
