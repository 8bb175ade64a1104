"""A folder of predicted alphas, `<image>/<nn>.png`, and the record of what each was made from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ..errors import OptionError, disk_errors
from ..media.folder_stream import holds_only_pictures
from ..rendering.stream_ledger import StreamLedger

RECORD_FILE = ".predictions.jsonl"
"""Hidden, for others take whatever is in such a folder for images."""


class PredictionFolder:
    """Where the alphas of images go; what is there of another origin is never taken for this run's.

    Args:
        folder: May not exist yet.
        origin: Returns, as JSON holds it, what an image's alphas depend on.
    """

    def __init__(self, folder: Path, origin: Callable[[str], Any]) -> None:
        self._folder = folder
        self._origin = origin
        self._ledger = StreamLedger(folder / RECORD_FILE, folder)

    def find_done(self, images: Iterable[str], is_overwriting: bool) -> frozenset[str]:
        """Return the images whose alphas are there, made from the same.

        Args:
            images: `[<subset>/]<image>`.
            is_overwriting: Alphas that were made otherwise may be replaced.

        Raises:
            OptionError: Some may not, or somebody's other files lie among them.
        """
        done = set()
        for image in images:
            place = self._folder / image
            if not place.is_dir():
                continue
            if self._ledger.has(image, self._key(image)):
                done.add(image)
            elif not is_overwriting:
                raise OptionError(
                    f"{place} is there already, and was not made from the same picture, masks and "
                    "settings, or has changed since: give another --out, or --overwrite replaces it"
                )
            elif not holds_only_pictures(place):
                raise OptionError(f"{place} holds other files beside alphas: move them away first")
        return frozenset(done)

    def write(self, image: str, alphas: Mapping[str, npt.NDArray[np.uint8]]) -> None:
        """Write an image's alphas, by file name; its folder gets its name when all are there.

        Raises:
            AlphaWriteError: The disk is full or not writable.
        """
        place = self._folder / image
        temporary = place.with_name(f".{place.name}.partial")
        with disk_errors(place):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            for name, alpha in alphas.items():
                _, data = cv2.imencode(".png", alpha)
                (temporary / name).write_bytes(data.tobytes())
            if place.is_dir():
                shutil.rmtree(place)
            # In this order a run that is killed leaves no alphas that nothing tells of.
            self._ledger.add(image, self._key(image), temporary)
            temporary.rename(place)

    def _key(self, image: str) -> str:
        return hashlib.sha256(json.dumps(self._origin(image)).encode()).hexdigest()
