"""Which streams of a clip are written and verified: a resumed run need not write them again.

Knows files and checksums; knows nothing of what is in them.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..alpha_store import FOLDER_NAME as STORE_FOLDER
from ..checksums import digest, sha256_of
from ..errors import OptionError
from ..media.folder_stream import files_of, holds_only_pictures
from ..whole_file import write_whole

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Entry:
    """What is noted of a stream."""

    key: str = ""
    """Of what it was made from; empty while it is replaced, or of a run without a ledger."""
    sha256: str | None = None
    warnings: tuple[str, ...] = ()


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
            for text in path.read_text().splitlines():
                try:
                    line = json.loads(text)
                except json.JSONDecodeError:
                    break  # the line that a crash tore
                warnings = tuple(line.get("warnings", ()))
                self._entries[line["file"]] = _Entry(line["key"], line["sha256"], warnings)

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

    def begin(self, file: str) -> None:
        """Note that a file is about to be replaced: until `add`, what lies there does not count.

        Not sooner: a run that fails before has left the file as it was noted. Pictures that were
        changed since they were noted get another name: they may be painted.
        """
        self._set_aside_if_painted(file)
        self._entries[file] = _Entry()
        self._save()

    def add(
        self, file: str, key: str, place: Path | None = None, warnings: Iterable[str] = ()
    ) -> None:
        """Note a verified stream.

        Args:
            file: Its name.
            key: What it was made from.
            place: Where it lies, if it is yet to get its name.
            warnings: What its user should know of it.
        """
        checksum = stream_checksum(place or self._folder / file)
        self._entries[file] = _Entry(key, checksum, tuple(warnings))
        self._save()

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
                self._entries[file] = entry
                self._save()
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
        """Note files that an earlier run tells of, to be removed; what is noted already stays so.

        Args:
            files: Checksums by name; `None` where the run gave none.
        """
        told = {file: _Entry(sha256=checksum) for file, checksum in files.items()}
        self._entries = told | self._entries

    def prune(self, wanted: Collection[str]) -> tuple[str, ...]:
        """Remove noted streams that are not wanted any more; return their names.

        What was changed since it was noted is somebody's work, and stays.
        """
        removed = []
        for file in [name for name in self._entries if name not in wanted]:
            is_ours = self._is_inside(file) and not self._is_changed(file)
            del self._entries[file]
            if is_ours and self._remove(file):
                removed.append(file)
        self._save()
        return tuple(removed)

    def remove_all(self) -> None:
        """Remove all noted streams, and the ledger; changed pictures only get another name.

        Raises:
            OptionError: Somebody put files into a stream's folder; nothing is removed.
        """
        files = [file for file in self._entries if self._is_inside(file)]
        for path in (self._folder / file for file in files):
            if path.is_dir() and not holds_only_pictures(path):
                raise OptionError(
                    f"{path} holds other files beside its pictures: move them away first"
                )
        for file in files:
            self._set_aside_if_painted(file)
            self._remove(file)
        self._entries.clear()
        self._path.unlink(missing_ok=True)

    def _is_inside(self, file: str) -> bool:
        """Say whether a stream lies in the folder: a ledger or a manifest may be anybody's."""
        return (self._folder / file).resolve().is_relative_to(self._folder.resolve())

    def _is_changed(self, file: str) -> bool:
        """Say whether a stream is another than the noted one, as far as its checksum was noted."""
        checksum = self.checksum(file)
        return checksum is not None and stream_checksum(self._folder / file) != checksum

    def _set_aside_if_painted(self, file: str) -> None:
        """Give pictures another name that were changed since they were noted."""
        path = self._folder / file
        if path.is_dir() and self._is_changed(file):
            names = (path.with_name(f"{path.name}_changed_{n}") for n in itertools.count(1))
            aside = path.rename(next(name for name in names if not name.exists()))
            _log.warning("%s was changed since it was written: now %s", path, aside.name)

    def _remove(self, file: str) -> bool:
        """Remove a stream, but no folder that holds other files, too; say whether it is gone."""
        path = self._folder / file
        if path.is_dir() and not path.is_symlink() and holds_only_pictures(path):
            shutil.rmtree(path)
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

    def _save(self) -> None:
        lines = (
            json.dumps({"file": name, **asdict(entry)}) + "\n"
            for name, entry in self._entries.items()
        )
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


def stream_checksum(path: Path) -> str | None:
    """Return the SHA-256 of a stream; `None` where nothing is.

    That of a folder is of the lines that `sha256sum *` prints in it; what file managers leave there
    does not count.
    """
    if not path.is_dir():
        return sha256_of(path)
    lines = (f"{digest(file)}  {file.name}\n" for file in files_of(path))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
