"""What FFmpeg is told to read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from instmatt_video.compose.inputs import InputMaker
from instmatt_video.errors import OptionError


@pytest.mark.parametrize("end", ["\n", "\r"])
@pytest.mark.parametrize("kind", ["pictures", "repeated"])
def test_a_name_that_would_end_its_line_of_a_list_is_refused(
    end: str, kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"take{end}file 'another.png" / "1.png"
    maker = InputMaker(tmp_path)
    with pytest.raises(OptionError, match=r"a line ends in it.*rename it") as refused:
        if kind == "pictures":
            maker.pictures([path], Fraction(25))
        else:
            maker.repeated(path, Fraction(1), 2, None)
    assert len(str(refused.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())
