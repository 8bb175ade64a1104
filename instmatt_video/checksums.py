"""SHA-256 of files, by which sources, weights and streams are told from changed ones."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(path: Path) -> str | None:
    """Return a file's SHA-256; `None` for a folder, and where nothing is."""
    return digest(path) if path.is_file() else None
