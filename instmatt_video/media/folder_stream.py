"""Alpha streams as a folder of pictures, one per frame.

Knows numbering, and folders that appear only when they are whole; the kind of picture is a
subclass's affair.
"""

from __future__ import annotations

import os
import shutil
from abc import abstractmethod
from pathlib import Path

from ..errors import AlphaWriteError
from .alpha_reader import read_alpha_picture
from .alpha_stream import AlphaStream
from .frame import ClipInfo
from .layer import Layer

TIMES_FILE = "timecodes.txt"
"""Milliseconds of each picture, written where the clip's rate varies (mkvtoolnix's v2 format)."""


class FolderAlphaStream(AlphaStream):
    """A folder `%06d.<suffix>`, numbered from the clip's first frame number."""

    suffix: str
    alpha_tolerance: float
    """Mean alpha error that verification allows, 0..1."""

    def __init__(self, path: Path, info: ClipInfo) -> None:
        super().__init__(path, info)
        self._blank_picture: bytes | None = None
        with self._named_errors():
            if self.partial_path.exists():
                shutil.rmtree(self.partial_path)
            self.partial_path.mkdir()

    def picture_name(self, index: int) -> str:
        """Return the file name of the frame that was written as number `index`, from 0."""
        return f"{self.info.first_frame_number + index:06d}{self.suffix}"

    def verify(self) -> None:
        """Compare the pictures' count and two frames' alpha with what was written."""
        names = sorted(p.name for p in self.partial_path.iterdir() if p.suffix == self.suffix)
        if names != sorted(self.picture_name(i) for i in range(len(self._ticks))):
            raise AlphaWriteError(
                f"{self.path}: {len(names)} pictures read back, {len(self._ticks)} were written"
            )
        for probe in self._probes():
            found = read_alpha_picture(self.partial_path / self.picture_name(probe.index))
            self._check_probe(probe, found, self.alpha_tolerance)

    @abstractmethod
    def _encode(self, layer: Layer | None) -> bytes:
        """Return the picture file that shows `layer`."""

    def _write(self, tick: int, layer: Layer | None) -> None:
        if layer is None:
            if self._blank_picture is None:
                self._blank_picture = self._encode(None)
            picture = self._blank_picture
        else:
            picture = self._encode(layer)
        (self.partial_path / self.picture_name(len(self._ticks))).write_bytes(picture)

    def _finish(self) -> None:
        if not self._ticks:
            raise AlphaWriteError(f"{self.path}: no frame was written")
        if self.info.is_variable_rate:
            times_ms = [float(1000 * tick * self.info.time_base) for tick in self._ticks]
            lines = ["# timecode format v2", *(f"{time:.6f}" for time in times_ms)]
            (self.partial_path / TIMES_FILE).write_text("\n".join(lines) + "\n")

    def _publish(self) -> None:
        if self.path.is_dir():
            strangers = [
                p.name
                for p in self.path.iterdir()
                if p.suffix != self.suffix and p.name != TIMES_FILE
            ]
            if strangers:
                raise AlphaWriteError(
                    f"{self.path}: is not replaced, it holds other files ({strangers[0]})"
                )
            shutil.rmtree(self.path)
        os.replace(self.partial_path, self.path)

    def _discard(self) -> None:
        shutil.rmtree(self.partial_path, ignore_errors=True)
