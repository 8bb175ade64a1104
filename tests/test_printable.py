"""Names that are UTF-8 stand as they are; others are spelled out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from instmatt_video.printable import is_utf8, printable


@pytest.mark.parametrize(
    ("name", "is_text", "spelled"),
    [
        pytest.param(b"", True, "", id="empty"),
        pytest.param(b"plain.mov", True, "plain.mov", id="ASCII"),
        pytest.param("Zoë 人.mov".encode(), True, "Zoë 人.mov", id="UTF-8"),
        pytest.param(b"caf\xe9.mov", False, r"caf\xe9.mov", id="Latin-1"),
        pytest.param(rb"caf\xe9.mov", True, r"caf\xe9.mov", id="spelled out by its owner"),
    ],
)
def test_a_name(name: bytes, is_text: bool, spelled: str) -> None:
    assert is_utf8(os.fsdecode(name)) is is_text
    assert printable(os.fsdecode(name)) == spelled


def test_a_path_with_such_a_folder() -> None:
    assert not is_utf8(Path(os.fsdecode(b"/caf\xe9")) / "clip.mov")
    assert is_utf8(Path("/clips/clip.mov"))
