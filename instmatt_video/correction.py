"""What a person may change about who is who, as it stands in `manifest.json` and comes from a page.

Knows numbers, names and frames, as the manifest counts them; knows no clip.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MAX_NAME_LENGTH = 80
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Controls, ends of lines, turns of the direction of writing: they could forge a line of a list or
of a log. Joiners and wide spaces, with which names are written, could not."""


def _all_seen(name: str) -> str:
    """Return a name as it stands."""
    if not any(unicodedata.category(sign)[0] in "LNPS" for sign in name):  # joiners alone, say
        raise ValueError(f"{name!r} has no character that anybody could see")
    if _UNSEEN.search(name):
        raise ValueError(f"{name!r} has a character that nobody could see in a name")
    return name


TrackNumber = Annotated[int, Field(ge=1)]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_LENGTH),
    AfterValidator(_all_seen),
]


class _Correction(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def renumbered(self, number_of: Callable[[int], int]) -> Self:
        """Return the same correction of people who have other numbers."""
        people = self.model_dump(include={"track", "other"})
        return self.model_copy(update={who: number_of(number) for who, number in people.items()})


class Merge(_Correction):
    """Two numbers are one person."""

    kind: Literal["merge"] = "merge"
    track: TrackNumber
    """Stays, with its name."""
    other: TrackNumber
    """Is gone from then on."""

    def __str__(self) -> str:
        return f"merge {self.other} into {self.track}"


class Split(_Correction):
    """One number is two people: one until a frame, a new one from it on."""

    kind: Literal["split"] = "split"
    track: TrackNumber
    frame: int
    """First frame of the new person."""

    def __str__(self) -> str:
        return f"split {self.track} at frame {self.frame}"


class Drop(_Correction):
    """A number is nobody who is wanted."""

    kind: Literal["drop"] = "drop"
    track: TrackNumber

    def __str__(self) -> str:
        return f"drop {self.track}"


class Rename(_Correction):
    """A person gets a name."""

    kind: Literal["rename"] = "rename"
    track: TrackNumber
    name: Name

    def __str__(self) -> str:
        return f"rename {self.track} to {self.name}"


class Swap(_Correction):
    """Two people were mistaken for each other from a frame on."""

    kind: Literal["swap"] = "swap"
    track: TrackNumber
    other: TrackNumber
    frame: int
    """First frame in which each is the other."""

    def __str__(self) -> str:
        return f"swap {self.track} and {self.other} from frame {self.frame}"


Correction = Annotated[Merge | Split | Drop | Rename | Swap, Field(discriminator="kind")]
