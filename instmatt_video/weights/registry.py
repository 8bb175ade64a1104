"""Every weights file the product knows by name, with its checksum, size and licence.

Knows names and checksums; opens no network and reads no tensors.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..checksums import digest
from ..errors import WeightsError
from ..whole_file import whole_file

CHECKSUMS = "checksums.json"
"""File beside weights files that holds the SHA-256 and size of each."""
_SHA256 = re.compile("[0-9a-f]{64}")

Home = Literal["package", "cache", "torchvision"]


@dataclass(frozen=True)
class WeightsEntry:
    """One weights file that can be asked for by name."""

    name: str
    file_name: str
    home: Home
    """`package`: embedded; `cache`: the program's; `torchvision`: where that library looks."""
    purpose: str
    licence: str
    url: str | None = None
    """Where it can be fetched; `None`: nowhere."""
    sha256: str | None = None
    """Its checksum or the beginning of it; `None`: written in the checksum file beside it."""
    advice: str = ""
    """How to come by a file that cannot be fetched."""


ENTRIES: dict[str, WeightsEntry] = {
    entry.name: entry
    for entry in (
        WeightsEntry(
            "lite",
            "matting_lite.safetensors",
            "package",
            "matting, preset lite (embedded)",
            "see its model card",
            advice="it is part of the package: install that again",
        ),
        WeightsEntry(
            "compact",
            "person_detector.safetensors",
            "package",
            "person detector, compact (embedded)",
            "see its model card",
            advice="it is part of the package: install that again",
        ),
        WeightsEntry(
            "base",
            "matting_base.safetensors",
            "cache",
            "matting, preset base (the paper's network)",
            "the checkpoint's own: its authors published it without one",
            advice="make it from the authors' checkpoint: "
            "instmatt-video weights convert CHECKPOINT.pth",
        ),
        WeightsEntry(
            "maskrcnn",
            "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
            "torchvision",
            "person detector, Mask R-CNN of torchvision",
            "BSD-3-Clause (torchvision)",
            url="https://download.pytorch.org/models/maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
            sha256="73cbd019",
        ),
    )
}
"""By name, in the order in which they are listed."""


def find_entry(name: str) -> WeightsEntry:
    """Return the entry of a name.

    Raises:
        WeightsError: There is no such name.
    """
    if name not in ENTRIES:
        raise WeightsError(f"no weights are called {name!r}; there are {', '.join(ENTRIES)}")
    return ENTRIES[name]


def seal(path: Path) -> str:
    """Write a file's SHA-256 and size into the checksum file beside it; return the SHA-256.

    A checksum file that is damaged is begun anew.
    """
    try:
        checksums = _read_checksums(path.parent)
    except ValueError:
        checksums = {}
    sha256 = digest(path)
    checksums[path.name] = {"sha256": sha256, "size_bytes": path.stat().st_size}
    with whole_file(path.parent / CHECKSUMS) as temporary:
        temporary.write_text(json.dumps(checksums, indent=2, sort_keys=True) + "\n")
    return sha256


def expected_sha256(entry: WeightsEntry, folder: Path) -> str | None:
    """Return the SHA-256, or its beginning, that an entry's file in a folder must have.

    Raises:
        WeightsError: The folder's checksum file is damaged.
    """
    if entry.sha256 is not None:
        return entry.sha256
    try:
        record = _read_checksums(folder).get(entry.file_name)
    except ValueError as error:
        raise WeightsError(f"{folder / CHECKSUMS} is damaged ({error}): {entry.advice}") from error
    return None if record is None else str(record["sha256"])


def _read_checksums(folder: Path) -> dict[str, dict[str, str | int]]:
    """Return a folder's checksum file, a SHA-256 for each name; `ValueError` if it is damaged."""
    path = folder / CHECKSUMS
    if not path.is_file():
        return {}
    checksums: object = json.loads(path.read_text())
    if not isinstance(checksums, dict):
        raise ValueError("it names no files")
    for name, record in checksums.items():
        sha256 = record.get("sha256") if isinstance(record, dict) else None
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise ValueError(f"{name!r} has no SHA-256")
    return checksums
