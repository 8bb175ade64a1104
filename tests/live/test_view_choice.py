"""What keys and requests do to what is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from instmatt_video.live.view_choice import ViewChoice, ViewControl, choice_after_key

PLAIN = ViewChoice()
BACKGROUNDS = ("beach.jpg", "blur", "green")


def after(keys: str, choice: ViewChoice = PLAIN, people: tuple[int, ...] = (1, 2, 4)) -> ViewChoice:
    for key in keys:
        choice = choice_after_key(choice, key, people, BACKGROUNDS)
    return choice


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param("c", replace(PLAIN, view="cutout"), id="view by its letter"),
        pytest.param("vv", replace(PLAIN, view="mattes"), id="next view"),
        pytest.param("vvvv", PLAIN, id="views go round"),
        pytest.param("b", replace(PLAIN, view="cutout", background="green"), id="background"),
        pytest.param("bb", replace(PLAIN, view="cutout", background="beach.jpg"), id="round"),
        pytest.param("2", replace(PLAIN, solo=2), id="solo"),
        pytest.param("22", PLAIN, id="solo again is everybody"),
        pytest.param("n", replace(PLAIN, solo=1), id="first person"),
        pytest.param("nnn", replace(PLAIN, solo=4), id="numbers may have gaps"),
        pytest.param("nnnn", PLAIN, id="after the last everybody"),
        pytest.param("2h", replace(PLAIN, hidden=frozenset({2})), id="hide"),
        pytest.param("2h4h", replace(PLAIN, hidden=frozenset({2, 4})), id="hide two"),
        pytest.param("h", PLAIN, id="nobody to hide"),
        pytest.param("2h10", PLAIN, id="everybody again"),
        pytest.param("f", replace(PLAIN, has_figures=False), id="figures"),
        pytest.param("x?", PLAIN, id="keys without a meaning"),
    ],
)
def test_keys(keys: str, expected: ViewChoice) -> None:
    assert after(keys) == expected


def test_next_person_where_nobody_is() -> None:
    assert after("n", people=()) == PLAIN


def test_who_is_shown() -> None:
    choice = ViewChoice(hidden=frozenset({2}))
    assert [choice.shows(n) for n in (1, 2, 3)] == [True, False, True]
    assert [replace(choice, solo=2).shows(n) for n in (1, 2, 3)] == [False, True, False]


def test_whoever_is_hidden_is_not_shown_alone_either() -> None:
    hidden = replace(PLAIN, solo=2).hiding(2)
    assert [hidden.shows(n) for n in (1, 2, 3)] == [True, False, True]
    other = replace(PLAIN, solo=2).hiding(3)
    assert [other.shows(n) for n in (1, 2, 3)] == [False, True, False]
    assert hidden.hiding(3).showing(2) == replace(PLAIN, hidden=frozenset({3}))
    assert replace(hidden, solo=1).of_everybody() == PLAIN


def test_a_view_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="tinted, cutout, mattes, source"):
        ViewChoice("x-ray")


def test_the_control_takes_keys() -> None:
    control = ViewControl(PLAIN, BACKGROUNDS)
    control.press("n", (3, 5))
    control.press("m", (3, 5))
    assert control.choice == replace(PLAIN, solo=3, view="mattes")
