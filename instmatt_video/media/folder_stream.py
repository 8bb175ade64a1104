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

FILE_MANAGERS_OWN = (".DS_Store", "Thumbs.db", "desktop.ini")
"""Left by looking at a folder; `._name` goes with them."""

_SUFFIXES = (".png", ".exr")
"""Of every kind of stream."""


class FolderAlphaStream(AlphaStream):
    """A folder `%06d.<suffix>`, numbered from the clip's first frame number."""

    suffix: str
    alpha_tolerance: float
    """Mean alpha error that verification allows, 0..1."""

    def __init__(self, path: Path, info: ClipInfo) -> None:
        super().__init__(path, info)
        self._names: list[str] = []
        self._last_index = -1
        self._blank_picture: bytes | None = None
        with self._named_errors():
            if self.partial_path.exists():
                shutil.rmtree(self.partial_path)
            self.partial_path.mkdir()

    def _name_at(self, tick: int) -> str:
        """Return the file name of the picture at a time; a frame that is missing keeps its place.

        Where the rate varies pictures are counted instead: `TIMES_FILE` tells their times.
        """
        index = len(self._names)
        if not self.info.is_variable_rate:
            time, first = tick * self.info.time_base, self.info.first_time
            if first is None:
                first = self._ticks[0] * self.info.time_base if self._ticks else time
            # A stream that comes live may vary unannounced: no picture takes another's number.
            index = max(round((time - first) * self.info.frame_rate), self._last_index + 1)
        self._last_index = index
        return f"{self.info.first_frame_number + index:06d}{self.suffix}"

    def verify(self) -> None:
        """Compare the pictures' count and two frames' alpha with what was written."""
        names = sorted(p.name for p in self.partial_path.iterdir() if p.suffix == self.suffix)
        if len(names) != len(self._ticks) or names != sorted(self._names):
            raise AlphaWriteError(
                f"{self.path}: {len(names)} pictures read back, {len(self._ticks)} were written"
            )
        for probe in self._probes():
            found = read_alpha_picture(self.partial_path / self._names[probe.index])
            self._check_probe(probe, found, self.alpha_tolerance)

    @abstractmethod
    def _encode(self, layer: Layer | None) -> bytes:
        """Return the picture file that shows `layer`."""

    def _at_place(self, picture: bytes, index: int) -> bytes:
        """Return a picture file that tells its place in the clip, where its kind can."""
        return picture

    def _write(self, tick: int, layer: Layer | None) -> None:
        if layer is None:
            if self._blank_picture is None:
                self._blank_picture = self._encode(None)
            picture = self._blank_picture
        else:
            picture = self._encode(layer)
        name = self._name_at(tick)
        (self.partial_path / name).write_bytes(self._at_place(picture, self._last_index))
        self._names.append(name)

    def _finish(self) -> None:
        if not self._ticks:
            raise AlphaWriteError(f"{self.path}: no frame was written")
        if self.info.is_variable_rate:
            times_ms = [float(1000 * tick * self.info.time_base) for tick in self._ticks]
            lines = ["# timecode format v2", *(f"{time:.6f}" for time in times_ms)]
            (self.partial_path / TIMES_FILE).write_text("\n".join(lines) + "\n")

    def _publish(self) -> None:
        if self.path.is_dir():
            strangers = _strangers(self.path)
            if strangers:
                raise AlphaWriteError(
                    f"{self.path}: is not replaced, it holds other files ({strangers[0]})"
                )
            remove_pictures(self.path)
        os.replace(self.partial_path, self.path)

    def _discard(self) -> None:
        shutil.rmtree(self.partial_path, ignore_errors=True)


def files_of(path: Path) -> list[Path]:
    """Return what an alpha stream of pictures has left in a folder, by name."""
    return sorted(
        p
        for p in path.iterdir()
        if (p.suffix in _SUFFIXES or p.name == TIMES_FILE) and not p.name.startswith("._")
    )


def holds_only_pictures(path: Path) -> bool:
    """Say whether a folder holds nothing but what an alpha stream of pictures leaves."""
    return not _strangers(path)


def remove_pictures(path: Path) -> None:
    """Remove a folder of pictures, under a passing name: a run that is killed leaves no half of it.

    Such a half would be taken for somebody's work.
    """
    passing = path.with_name(f".{path.name}.former.partial")
    if passing.exists():
        shutil.rmtree(passing)
    shutil.rmtree(path.rename(passing))


def _strangers(path: Path) -> list[str]:
    """Return the names of files in a folder that are none of a stream's, nor a file manager's."""
    return [
        p.name
        for p in path.iterdir()
        if p.suffix not in _SUFFIXES
        and p.name not in (TIMES_FILE, *FILE_MANAGERS_OWN)
        and not p.name.startswith("._")
    ]
