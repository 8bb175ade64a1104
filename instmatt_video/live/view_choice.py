"""What is shown of a live picture, and how keys and requests change it.

Knows choices; knows no pixels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

VIEWS = ("tinted", "cutout", "mattes", "source")
"""People tinted, people over a background, alphas in grey, and the picture as it comes."""

QUIT_KEYS = ("q", "\x1b")
KEYS = (
    "t c m s view · v next view · b next background · 1-9 one person alone · n next person alone · "
    "h hide that person · 0 everybody · f figures · q quit"
)
"""What the window's keys do, for a person to read."""

_VIEW_OF_KEY = {"t": "tinted", "c": "cutout", "m": "mattes", "s": "source"}


@dataclass(frozen=True)
class ViewChoice:
    """What is shown."""

    view: str = "tinted"
    """One of `VIEWS`."""
    background: str = "blur"
    """Behind the people of a cut-out; a name that the session knows."""
    solo: int | None = None
    """Number of the only person shown; `None` shows everybody who is not hidden."""
    hidden: frozenset[int] = frozenset()
    """Numbers of people who are left out."""
    has_figures: bool = True
    """Write frames a second and latency into the window's picture."""

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise ValueError(f"view must be one of {', '.join(VIEWS)}, not {self.view!r}")

    def shows(self, number: int) -> bool:
        """Return whether a person is shown."""
        return number == self.solo if self.solo is not None else number not in self.hidden

    def hiding(self, number: int) -> ViewChoice:
        """Return the choice that leaves a person out; whoever was alone is so no more."""
        solo = None if self.solo == number else self.solo
        return replace(self, solo=solo, hidden=self.hidden | {number})

    def showing(self, number: int) -> ViewChoice:
        """Return the choice that leaves a person out no more."""
        return replace(self, hidden=self.hidden - {number})

    def of_everybody(self) -> ViewChoice:
        """Return the choice that shows everybody."""
        return replace(self, solo=None, hidden=frozenset())


class ViewControl:
    """The choice of the moment; any thread may read and change it.

    Args:
        choice: The first.
        backgrounds: Names that can be chosen with the key.
    """

    def __init__(self, choice: ViewChoice, backgrounds: Sequence[str] = ("blur",)) -> None:
        self._lock = threading.Lock()
        self._choice = choice
        self.backgrounds = tuple(backgrounds)

    @property
    def choice(self) -> ViewChoice:
        """Return what is shown now."""
        with self._lock:
            return self._choice

    def change(self, change: Callable[[ViewChoice], ViewChoice]) -> ViewChoice:
        """Replace the choice by what `change` makes of it, and return that."""
        with self._lock:
            self._choice = change(self._choice)
            return self._choice

    def press(self, key: str, people: Sequence[int]) -> None:
        """Do what a key asks for.

        Args:
            key: One character.
            people: Numbers of those in the picture.
        """
        self.change(lambda choice: choice_after_key(choice, key, people, self.backgrounds))


def choice_after_key(
    choice: ViewChoice, key: str, people: Sequence[int], backgrounds: Sequence[str]
) -> ViewChoice:
    """Return the choice that a key leads to; a key that means nothing leads nowhere else.

    Args:
        choice: What is shown.
        key: One character.
        people: Numbers of those in the picture.
        backgrounds: In the order in which `b` goes through them.
    """
    if key in _VIEW_OF_KEY:
        return replace(choice, view=_VIEW_OF_KEY[key])
    if key == "v":
        return replace(choice, view=_following(choice.view, VIEWS))
    if key == "b":
        return replace(choice, view="cutout", background=_following(choice.background, backgrounds))
    if key == "0":
        return choice.of_everybody()
    if key in "123456789":
        return replace(choice, solo=None if choice.solo == int(key) else int(key))
    if key == "n":
        return replace(choice, solo=_next_person(choice.solo, people))
    if key == "h" and choice.solo is not None:
        return choice.hiding(choice.solo)
    if key == "f":
        return replace(choice, has_figures=not choice.has_figures)
    return choice


def _following(name: str, names: Sequence[str]) -> str:
    """Return the name after this one, round; the first after one that is not there."""
    return names[(names.index(name) + 1) % len(names)] if name in names else names[0]


def _next_person(solo: int | None, people: Sequence[int]) -> int | None:
    """Return the next higher number, and `None` (everybody) after the last."""
    return min((number for number in people if number > (solo or 0)), default=None)
