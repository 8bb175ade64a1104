"""Jobs that are to succeed, what they leave, and places that are closed to them."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from instmatt_video.cli import main
from instmatt_video.manifest import Manifest, load_manifest
from instmatt_video.media.alpha_reader import read_alpha

FRAMES = 16
"""Enough for a person who is missed in one of them to be believed in."""
QUICK = ["--no-preview", "--quiet", "--format", "matte-ffv1"]


def succeed(clip: Path | str, out: Path, *options: str) -> Manifest:
    assert main([str(clip), "--out-dir", str(out), *QUICK, *options]) == 0
    (manifest,) = out.glob("*/manifest.json")
    return load_manifest(manifest.parent)


def coverage_of(path: Path) -> list[float]:
    return [float(alpha.sum()) for alpha in read_alpha(path)]


def partial_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".partial" in path.name]


def deny(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """Let the system tell nothing of a place, as of one below a closed folder."""
    stat = Path.stat  # an administrator may look everywhere

    def refuse(path: Path, **kwargs: Any) -> Any:
        if path == place:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **kwargs)

    monkeypatch.setattr(Path, "stat", refuse)
