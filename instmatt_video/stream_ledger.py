"""Which streams of a clip are written and verified: a resumed run need not write them again.

Knows files and checksums; knows nothing of what is in them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from .errors import AlphaWriteError
from .weights.registry import digest


class StreamLedger:
    """Streams by file, with a key of what they were made from and their checksum.

    Args:
        path: The ledger, one JSON line a stream.
        folder: Where the streams lie.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path, self._folder = path, folder
        self._entries: dict[str, tuple[str, str | None]] = {}
        if path.is_file():
            for text in path.read_text().splitlines():
                try:
                    line = json.loads(text)
                except json.JSONDecodeError:
                    break  # the line that a crash tore
                self._entries[line["file"]] = (line["key"], line["sha256"])

    def has(self, file: str, key: str) -> bool:
        """Say whether a stream made with the same settings is there and whole."""
        entry = self._entries.get(file)
        if entry is None or entry[0] != key:
            return False
        path = self._folder / file
        return path.exists() and sha256_of(path) == entry[1]

    def add(self, file: str, key: str) -> None:
        """Note a verified stream."""
        self._entries[file] = (key, sha256_of(self._folder / file))
        lines = (
            json.dumps({"file": name, "key": made_from, "sha256": checksum}) + "\n"
            for name, (made_from, checksum) in self._entries.items()
        )
        temporary = self._path.with_suffix(".partial")
        try:
            # Whole each time: it is short, and a line after a torn one would be lost with it.
            temporary.write_text("".join(lines))
            os.replace(temporary, self._path)
        except OSError as error:
            raise AlphaWriteError(f"{self._path} cannot be written: {error.strerror}") from error

    def checksum(self, file: str) -> str | None:
        """Return the checksum of a noted stream; `None` for a folder."""
        return self._entries[file][1] if file in self._entries else None


def sha256_of(path: Path) -> str | None:
    """Return a file's checksum in hexadecimal; `None` for a folder."""
    return digest(path) if path.is_file() else None
