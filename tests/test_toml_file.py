"""What a TOML file holds, or the line that says why it cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from instmatt_video.errors import OptionError
from instmatt_video.toml_file import read_toml


def test_values_by_table(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes('name = "Zoë"\n[matting]\nmatte_size = 320\n'.encode())
    assert read_toml(path) == {"name": "Zoë", "matting": {"matte_size": 320}}
    path.write_bytes(b"")
    assert read_toml(path) == {}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"a = = b", "Invalid value", id="no value"),
        pytest.param(b"a = " + b"[" * 100_000, "maximum recursion", id="nested too deeply"),
        pytest.param(b"\x00\x00\x00\x18ftypmp42\xff\xfe", "utf-8", id="a video"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(data)
    with pytest.raises(OptionError, match=rf"bad\.toml is no TOML: .*{words}"):
        read_toml(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"nothing\.toml cannot be read: No such file"):
        read_toml(tmp_path / "nothing.toml")
    with pytest.raises(OptionError, match="cannot be read: Is a directory"):
        read_toml(tmp_path)
