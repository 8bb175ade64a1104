"""Which streams of a clip are written and verified: a resumed run need not write them again.

Knows files and checksums; knows nothing of what is in them.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..alpha_store import FOLDER_NAME as STORE_FOLDER
from ..checksums import digest, sha256_of
from ..errors import OptionError
from ..media.folder_stream import files_of, holds_only_pictures, remove_pictures
from ..whole_file import write_whole

_log = logging.getLogger(__name__)

_ASIDE = "_changed_"
"""Before the number of what was set aside."""


class _Entry(BaseModel):
    """What is noted of a stream: one line of the ledger."""

    model_config = ConfigDict(frozen=True)

    file: str
    key: str = ""
    """Of what it was made from; empty while it is replaced, or of a run without a ledger."""
    sha256: str | None = None
    warnings: tuple[str, ...] = ()
    coming: str | None = None
    """Checksum of what is about to take its place."""


class StreamLedger:
    """Streams by file: what they were made from, their checksum, what there was to be told of them.

    Args:
        path: The ledger, one JSON line a stream.
        folder: Where the streams lie.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path, self._folder = path, folder
        self._entries: dict[str, _Entry] = {}
        if path.is_file():
            for line in path.read_bytes().splitlines():
                try:
                    entry = _Entry.model_validate_json(line)
                except ValidationError:
                    break  # the line that a crash tore
                self._entries[entry.file] = entry

    @property
    def is_empty(self) -> bool:
        """Whether nothing is noted, as where there is no ledger."""
        return not self._entries

    def has(self, file: str, key: str) -> bool:
        """Say whether a stream made with the same settings is there and whole."""
        entry = self._entries.get(file)
        if entry is None or entry.key != key:
            return False
        path = self._folder / file
        return path.exists() and stream_checksum(path) == entry.sha256

    def begin(self, file: str, place: Path) -> None:
        """Note that a file is about to be replaced: until `add`, what lies there does not count.

        Not sooner: a run that fails before has left the file as it was noted. Wherever a run is
        killed, what it leaves is the one or the other, and nobody's work. What somebody has changed
        gets another name.

        Args:
            file: Its name.
            place: Where the new one lies, finished.
        """
        told = self._set_aside_if_changed(file)
        for text in told:
            _log.warning("%s %s", file, text)
        former = self._entries.get(file, _Entry(file=file))
        if former.coming is not None:  # a run was killed here
            told = (*former.warnings, *told)
        entry = _Entry(
            file=file, sha256=former.sha256, warnings=told, coming=stream_checksum(place)
        )
        self._note(entry)

    def add(
        self, file: str, key: str, place: Path | None = None, warnings: Iterable[str] = ()
    ) -> None:
        """Note a verified stream.

        Args:
            file: Its name.
            key: What it was made from.
            place: Where it lies, if it is yet to get its name.
            warnings: What its user should know of it, beside what `begin` found out.
        """
        begun = self._entries.get(file, _Entry(file=file))
        told = () if begun.coming is None else begun.warnings
        checksum = begun.coming or stream_checksum(place or self._folder / file)
        self._note(_Entry(file=file, key=key, sha256=checksum, warnings=(*warnings, *told)))

    def take_over(self, file: str, key: str, wanted: Collection[str]) -> str | None:
        """Rename a whole stream that was made from the same under a name nobody wants any more.

        Returns:
            That name; `None` where nothing is renamed.

        Args:
            file: The name it gets, if nothing is there.
            key: What it was made from.
            wanted: Names that stay as they are.
        """
        if (self._folder / file).exists():
            return None
        for other, entry in list(self._entries.items()):
            if entry.key == key and other not in wanted and self.has(other, key):
                (self._folder / file).parent.mkdir(parents=True, exist_ok=True)
                # Noted first: where a run is killed, nobody finds a file that nothing tells of.
                self._note(entry.model_copy(update={"file": file}))
                (self._folder / other).rename(self._folder / file)
                self._remove_emptied(other)
                del self._entries[other]
                self._save()
                return other
        return None

    def knows(self, file: str) -> bool:
        """Say whether a name was ever noted."""
        return file in self._entries

    def adopt(self, files: Mapping[str, str | None]) -> None:
        """Note files that an earlier run tells of; what is noted with a checksum stays so.

        Args:
            files: Checksums by name; `None` where the run gave none.
        """
        for file, checksum in files.items():
            entry = self._entries.get(file, _Entry(file=file))
            if entry.sha256 is None:
                self._entries[file] = entry.model_copy(update={"sha256": checksum})

    def prune(self, wanted: Collection[str]) -> tuple[str, ...]:
        """Remove noted streams that are not wanted any more; return their names.

        What somebody has changed since it was noted is their work: it stays, and stays noted, so
        that whatever takes its place finds it out.
        """
        removed = []
        for file in [name for name in self._entries if name not in wanted]:
            if self._is_inside(file):
                if self._is_changed(file):
                    continue
                if self._remove(file):
                    removed.append(file)
            del self._entries[file]
        self._save()
        return tuple(removed)

    def remove_all(self) -> tuple[str, ...]:
        """Remove all noted streams, and the ledger; what somebody has changed gets another name.

        Returns:
            What there is to be told of them.

        Raises:
            OptionError: As `refuse_mixed`.
        """
        files = [file for file in self._entries if self._is_inside(file)]
        self.refuse_mixed(files)
        told = [
            f"an earlier {file} {text}"
            for file in files
            for text in self._set_aside_if_changed(file)
        ]
        for file in files:
            self._remove(file)
        self._entries.clear()
        self._path.unlink(missing_ok=True)
        return tuple(told)

    def refuse_mixed(self, files: Iterable[str]) -> None:
        """Raise before streams are replaced or removed among which other files lie.

        Raises:
            OptionError: Somebody put files into a stream's folder.
        """
        for file in files:
            path = self._folder / file
            is_mixed = path.is_dir() and not holds_only_pictures(path)
            if is_mixed and not self._is_changed(file):  # else all of it is set aside
                raise OptionError(
                    f"{path} holds other files beside its pictures: move them away first"
                )

    def _is_inside(self, file: str) -> bool:
        """Say whether a stream lies in the folder: a ledger or a manifest may be anybody's."""
        return (self._folder / file).resolve().is_relative_to(self._folder.resolve())

    def _is_changed(self, file: str) -> bool:
        """Say whether a stream is there, and not as it was noted: somebody has worked on it."""
        path, entry = self._folder / file, self._entries.get(file)
        known = set() if entry is None else {entry.sha256, entry.coming} - {None}
        return bool(known) and path.exists() and stream_checksum(path) not in known

    def _set_aside_if_changed(self, file: str) -> tuple[str, ...]:
        """Give another name to what somebody has worked on; return what is to be told of it."""
        if not self._is_changed(file):
            return ()
        aside = set_aside(self._folder / file)
        return (f"was changed since it was written: now {aside.name}",)

    def _remove(self, file: str) -> bool:
        """Remove a stream, but no folder that holds other files, too; say whether it is gone."""
        path = self._folder / file
        if path.is_dir() and not path.is_symlink() and holds_only_pictures(path):
            remove_pictures(path)
        elif path.is_file():
            path.unlink()
        else:
            return False
        self._remove_emptied(file)
        return True

    def _remove_emptied(self, file: str) -> None:
        """Remove the folders that a stream has left empty."""
        with contextlib.suppress(OSError):  # whatever else lies there keeps a folder
            for parent in (self._folder / file).parents[: len(Path(file).parts) - 1]:
                parent.rmdir()

    def _note(self, entry: _Entry) -> None:
        self._entries[entry.file] = entry
        self._save()

    def _save(self) -> None:
        lines = (f"{entry.model_dump_json()}\n" for entry in self._entries.values())
        # Whole each time: it is short, and a line after a torn one would be lost with it.
        write_whole(self._path, "".join(lines))

    def checksum(self, file: str) -> str | None:
        """Return the checksum of a noted stream; `None` for others."""
        return self._entries[file].sha256 if file in self._entries else None

    def warnings(self, file: str) -> tuple[str, ...]:
        """Return what there is to be told of a noted stream."""
        return self._entries[file].warnings if file in self._entries else ()


def stream_ledger(folder: Path) -> StreamLedger:
    """Return which streams of a clip's output folder were written from its store."""
    return StreamLedger(folder / STORE_FOLDER / "streams.jsonl", folder)


def set_aside(path: Path) -> Path:
    """Give a stream that may be somebody's work another name beside it; return where it is."""
    stem, suffix = (path.name, "") if path.is_dir() else (path.stem, path.suffix)
    names = (path.with_name(f"{stem}{_ASIDE}{n}{suffix}") for n in itertools.count(1))
    return path.rename(next(name for name in names if not name.exists()))


def is_set_aside(name: str) -> bool:
    """Say whether `set_aside` gave a name."""
    return re.search(rf"{_ASIDE}\d+(\.\w+)?$", name) is not None


def stream_checksum(path: Path) -> str | None:
    """Return the SHA-256 of a stream; `None` where nothing is.

    That of a folder is of the lines that `sha256sum *` prints in it; what file managers leave there
    does not count.
    """
    if not path.is_dir():
        return sha256_of(path)
    lines = (f"{digest(file)}  {file.name}\n" for file in files_of(path))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
