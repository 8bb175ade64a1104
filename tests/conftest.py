"""Fixtures shared by every test."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of reference material beside the checkout; skip where it is absent."""
    folder = Path(os.environ.get("INSTMATT_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no reference material at {folder}: set INSTMATT_SHARED to run this test")
    return folder


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Give every test the program's log as it was: a command sets it up for a whole process."""
    log = logging.getLogger("instmatt_video")
    handlers, level, is_propagating = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.level, log.propagate = handlers, level, is_propagating
