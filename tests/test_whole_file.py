"""Files that are whole or absent, and places that are neither file nor folder."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from instmatt_video.whole_file import check_target, write_whole


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for text in ("one", "two"):
        check_target(path)
        write_whole(path, text)
        assert path.read_text() == text and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows names no pipes in folders")
def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    check_target(path)
    write_whole(path, "rows")
    assert os.read(reader, 100) == b"rows"
    os.close(reader)
    assert stat.S_ISFIFO(path.stat().st_mode)
