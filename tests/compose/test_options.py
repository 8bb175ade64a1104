from __future__ import annotations

from pathlib import Path

import pytest

from instmatt_video.compose.options import (
    Background,
    ComposeOptions,
    Placement,
    parse_background,
    parse_place,
)


@pytest.mark.parametrize(
    ("text", "background"),
    [
        pytest.param("source", Background("source"), id="source"),
        pytest.param("blur", Background("blur"), id="blur"),
        pytest.param("blur:3.5", Background("blur", sigma_px=3.5), id="blur of a width"),
        pytest.param("white", Background("color", (255, 255, 255)), id="colour"),
        pytest.param("Grey", Background("color", (128, 128, 128)), id="capitals"),
        pytest.param("#0a10FF", Background("color", (10, 16, 255)), id="hexadecimal"),
        pytest.param("./white", Background("file", path=Path("./white")), id="file of that name"),
        pytest.param("#12", Background("file", path=Path("#12")), id="no colour"),
    ],
)
def test_background_is_what_its_word_says(text: str, background: Background) -> None:
    assert parse_background(text) == background


@pytest.mark.parametrize("text", ["blur:0", "blur:-1", "blur:x", "blur:1e9", "blur:nan"])
def test_a_blur_needs_a_width(text: str) -> None:
    with pytest.raises(ValueError, match=r"sigma must be in 0\.\.1024"):
        parse_background(text)


def test_place_has_defaults() -> None:
    assert parse_place("1:scale=0.8,x=40,y=-6") == (1, Placement(0.8, 40, -6))
    assert parse_place("12:x=3") == (12, Placement(1.0, 3, 0))


@pytest.mark.parametrize("text", ["1", "x:x=1", "1:x", "1:x=1.5", "1:z=4", "1:scale=0", ":x=1"])
def test_place_refuses_the_rest(text: str) -> None:
    with pytest.raises(ValueError, match="is no place such as"):
        parse_place(text)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param({"order": (1, 1)}, "twice", id="twice"),
        pytest.param({"order": (1,), "without": (1,)}, "order and in without", id="both"),
        pytest.param({"order": (1,), "is_sheet": True}, "a sheet", id="sheet in order"),
    ],
)
def test_choices_that_contradict_are_refused(words: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ComposeOptions(**words)  # type: ignore[arg-type]
