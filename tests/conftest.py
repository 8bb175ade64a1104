"""Fixtures shared by every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of reference material beside the checkout; skip where it is absent."""
    folder = Path(os.environ.get("INSTMATT_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no reference material at {folder}: set INSTMATT_SHARED to run this test")
    return folder
