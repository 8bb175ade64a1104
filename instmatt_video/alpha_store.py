"""Everything that the networks found out about a clip, on disk, chunk by chunk.

Knows records and files; knows nothing of how they came about. A chunk is whole or absent: it gets
its name only when it is complete, and the journal knows its checksum. Analysing a clip again is
never needed to render it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from .errors import AlphaStoreError, OptionError, disk_errors
from .frame_record import FrameRecord, pack_records, unpack_records
from .whole_file import whole_file

FOLDER_NAME = "alphas"
JOURNAL_FILE = "journal.jsonl"
_VERSION = 5
_PROGRAM = "version of this program"


@dataclass(frozen=True)
class _Chunk:
    first: int
    """Index of its first frame."""
    end: int
    """One more than the index of its last frame."""
    sha256: str
    held: Sequence[int]
    """Those of its frames that could not be read."""
    is_amended: bool = False
    """Changed since, by what the clip's end told of its people."""


@dataclass(frozen=True)
class _End:
    breaks_off: str | None
    is_complete: Literal[True] = True


_Entry: TypeAlias = _Chunk | _End
_ENTRY: TypeAdapter[_Entry] = TypeAdapter(_Entry)
"""Of the journal, behind its first line."""


class AlphaStore:
    """Chunks of frame records in a folder.

    Args:
        folder: Where the chunks lie.
        fingerprint: What the records depend on: source, settings, weights. Records of another
            fingerprint are not taken up.
    """

    def __init__(self, folder: Path, fingerprint: dict[str, Any]) -> None:
        self.folder = folder
        self.fingerprint = json.loads(json.dumps(fingerprint))
        self.is_complete = False
        self.breaks_off: str | None = None
        """Why a complete store's clip could not be read on after the last frame."""
        self._chunks: list[_Chunk] = []

    @property
    def frame_count(self) -> int:
        """Frames that are stored."""
        return self._chunks[-1].end if self._chunks else 0

    @property
    def digest(self) -> str:
        """Checksum of all that is stored."""
        return hashlib.sha256("".join(chunk.sha256 for chunk in self._chunks).encode()).hexdigest()

    @property
    def held_frames(self) -> list[int]:
        """Those that could not be read."""
        return [frame for chunk in self._chunks for frame in chunk.held]

    @property
    def size_bytes(self) -> int:
        """Disk space of the chunks."""
        return sum(self._path(chunk.first).stat().st_size for chunk in self._chunks)

    def create(self) -> None:
        """Begin anew; what was there is removed."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._chunks, self.is_complete, self.breaks_off = [], False, None
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True)
            self._note({"version": _VERSION, "fingerprint": self.fingerprint})

    def resume(self, reach: int = 0) -> bool:
        """Take up the whole chunks of an earlier run; return whether there was one to take up.

        Where its clip broke off the store is not complete any more: a disk may be back again. What
        rests on that end goes: what was amended, the last frames, and whatever follows either.

        Args:
            reach: Frames before the end for which those behind it would have counted.

        Raises:
            OptionError: The earlier run had another source or other settings.
        """
        lines = self._read_journal()
        if not lines:
            return False
        is_readable = lines[0].get("version") == _VERSION
        self.refuse_other(lines[0].get("fingerprint") if is_readable else None, self.folder)
        self._take_up(lines[1:])
        if self.breaks_off is not None:
            self.is_complete, self.breaks_off = False, None
            last = self.frame_count - reach
            settled = takewhile(lambda c: c.end <= last and not c.is_amended, self._chunks)
            self._chunks = list(settled)
        # A torn last line goes: what is noted next must begin on a line of its own.
        self._rewrite_journal()
        return True

    def refuse_other(self, fingerprint: dict[str, Any] | None, thing: object) -> None:
        """Raise where something was made of other records than this store is for.

        Args:
            fingerprint: What those depend on; `None` where nothing tells.
            thing: What was made.

        Raises:
            OptionError: The earlier run had another source or other settings.
        """
        if fingerprint == self.fingerprint:
            return
        changed = _first_difference(fingerprint, self.fingerprint)
        advice = "resume with the settings of the earlier run"
        if changed.startswith("source"):
            advice = "give another --out-dir"
        elif changed == _PROGRAM:
            advice = "resume with that one"
        raise OptionError(f"{thing} was made with another {changed}: {advice}, or use --overwrite")

    @classmethod
    def open(cls, folder: Path) -> AlphaStore:
        """Return the complete store of an earlier run, to be read only.

        Raises:
            AlphaStoreError: There is none, it is damaged, or its run broke off.
        """
        if not folder.is_dir():
            raise AlphaStoreError(
                f"{folder} is not there (--clean removes it): without the alphas nothing can be "
                "corrected or rendered again; run the clip again"
            )
        store = cls(folder, {})
        lines = store._read_journal()
        if lines and lines[0].get("version") == _VERSION:
            store._take_up(lines[1:])
        if not store.is_complete:
            raise AlphaStoreError(
                f"{folder} is damaged, of another version, or its run broke off: "
                "run the clip again with --resume"
            )
        return store

    @classmethod
    def is_left_whole(cls, folder: Path) -> bool:
        """Return whether an earlier run has analysed its clip to the end, as its journal says."""
        return any(line.get("is_complete") for line in cls(folder, {})._read_journal())

    def _take_up(self, lines: Sequence[dict[str, Any]]) -> None:
        """Take up chunks as far as they and their lines are whole."""
        for line in lines:
            try:
                entry = _ENTRY.validate_python(line)
            except ValidationError:
                break
            if isinstance(entry, _End):
                self.is_complete, self.breaks_off = True, entry.breaks_off
                continue
            path = self._path(entry.first)
            if entry.first != self.frame_count or not path.is_file():
                break
            if hashlib.sha256(path.read_bytes()).hexdigest() != entry.sha256:
                break
            self._chunks.append(entry)

    def append(self, records: Sequence[FrameRecord]) -> None:
        """Store the next frames as one chunk.

        Raises:
            AlphaWriteError: The disk is full or not writable.
        """
        if not records or records[0].index != self.frame_count:
            raise ValueError(f"the next chunk begins with frame {self.frame_count}")
        chunk = self._write_chunk(records)
        with disk_errors(self.folder):
            self._note(vars(chunk))
        self._chunks.append(chunk)

    def amend(self, changed: Mapping[int, FrameRecord]) -> None:
        """Replace stored frames.

        A crash in between costs the chunks from the first changed one on, which then do not bear
        out the journal and are analysed again.

        Args:
            changed: New records by frame.

        Raises:
            AlphaWriteError: The disk is full or not writable.
        """
        for position, chunk in enumerate(self._chunks):
            if changed.keys() & range(chunk.first, chunk.end):
                records = list(self.records_between(chunk.first, chunk.end - 1))
                amended = self._write_chunk([changed.get(r.index, r) for r in records])
                self._chunks[position] = replace(amended, is_amended=True)
        self._rewrite_journal()

    def complete(self, breaks_off: str | None = None) -> None:
        """Note that the clip is analysed to its end.

        Args:
            breaks_off: Why it cannot be read further, where that is not its own end.

        Raises:
            AlphaWriteError: The disk is full or not writable.
        """
        self.is_complete, self.breaks_off = True, breaks_off
        with disk_errors(self.folder):
            self._note(vars(_End(breaks_off)))

    def records(self) -> Iterator[FrameRecord]:
        """Yield all frames in order; one chunk is in memory at a time."""
        for chunk in self._chunks:
            yield from unpack_records(self._path(chunk.first).read_bytes())

    def records_between(self, first: int, last: int) -> Iterator[FrameRecord]:
        """Yield the frames from `first` to `last`, reading no more chunks than hold them."""
        for chunk in self._chunks:
            if chunk.first <= last and first < chunk.end:
                records = unpack_records(self._path(chunk.first).read_bytes())
                yield from (r for r in records if first <= r.index <= last)

    def remove(self) -> None:
        """Delete the store."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_chunk(self, records: Sequence[FrameRecord]) -> _Chunk:
        """Write a chunk's file, whole or not at all."""
        data = pack_records(records)
        path = self._path(records[0].index)
        with (
            disk_errors(path),
            whole_file(path) as temporary,
            temporary.open("wb") as file,
        ):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        digest = hashlib.sha256(data).hexdigest()
        held = [record.index for record in records if record.is_held]
        return _Chunk(records[0].index, records[-1].index + 1, digest, held)

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:08d}.chunk"

    def _read_journal(self) -> list[dict[str, Any]]:
        """Return the journal's lines up to the first that a crash tore, or that is damaged."""
        path = self.folder / JOURNAL_FILE
        if not path.is_file():
            return []
        lines = []
        for text in path.read_bytes().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                break
            if not isinstance(line, dict):
                break
            lines.append(line)
        return lines

    def _note(self, line: dict[str, Any]) -> None:
        with (self.folder / JOURNAL_FILE).open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _rewrite_journal(self) -> None:
        lines = [{"version": _VERSION, "fingerprint": self.fingerprint}, *map(vars, self._chunks)]
        if self.is_complete:
            lines.append(vars(_End(self.breaks_off)))
        with disk_errors(self.folder), whole_file(self.folder / JOURNAL_FILE) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _first_difference(old: Any, new: Any) -> str:
    if not isinstance(old, dict):
        return _PROGRAM
    return next((k for k in {**new, **old} if old.get(k) != new.get(k)), _PROGRAM)
