"""What a composition is asked to be: background, people, places.

Knows words and numbers; opens no files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..color_names import parse_color

CONTAINERS = {".mp4": (0, 51, 16), ".mov": (1, 64, 2)}
"""Suffix of the output: smallest, largest and default quality (x264's crf, ProRes's quantiser)."""

_MAX_SIGMA_PX = 1024.0  # what FFmpeg's gblur takes


@dataclass(frozen=True)
class Background:
    """What stands behind the people; exactly one kind."""

    kind: str
    """`source`, `blur`, `color` or `file`."""
    rgb: tuple[int, int, int] = (0, 0, 0)
    """Of a colour, 0..255."""
    sigma_px: float | None = None
    """Of the blur; `None` is a 36th of the picture's height."""
    path: Path | None = None
    """Of a picture or video."""


@dataclass(frozen=True)
class Placement:
    """Where a person's layer goes."""

    scale: float = 1.0
    """Of the layer, which is as large as the source's frame."""
    x: int = 0
    """Pixels from the output's left edge to that of the scaled layer, which may be outside; odd
    ones become even, for chroma has a sample every second column."""
    y: int = 0
    """Likewise, from the top; rows are exact."""

    def __post_init__(self) -> None:
        if not 0.01 <= self.scale <= 8:
            raise ValueError(f"scale must be in 0.01..8, not {self.scale}")

    @property
    def is_in_place(self) -> bool:
        """Tell whether the person stays where the source shows them."""
        return self == Placement()


@dataclass(frozen=True)
class ComposeOptions:
    """Every choice of a composition."""

    background: Background = Background("source")
    source: Path | None = None
    """The clip; `None` is where the manifest says that it was."""
    without: tuple[int, ...] = ()
    """Tracks that are left out."""
    order: tuple[int, ...] = ()
    """Tracks from back to front; those not named stand behind them, by number."""
    places: Mapping[int, Placement] = field(default_factory=dict)
    """By track."""
    is_sheet: bool = False
    """Everybody alone, side by side, with names."""
    quality: int | None = None
    """Lower is better; the container's default unless given."""
    has_audio: bool = True
    is_overwriting: bool = False
    """Replace a file that is there already."""

    def __post_init__(self) -> None:
        if len(set(self.order)) < len(self.order):
            raise ValueError(f"order names a track twice: {','.join(map(str, self.order))}")
        both = set(self.order) & set(self.without)
        if both:
            raise ValueError(f"track {min(both)} is in order and in without")
        if self.is_sheet and (self.places or self.order):
            raise ValueError("a sheet shows everybody alone: order and place have no place there")


def parse_background(text: str) -> Background:
    """Return what a word means: `source`, `blur`, `blur:SIGMA`, a colour, else a file.

    Colours are as `parse_color` reads them; a file of such a name is called `./black`.

    Raises:
        ValueError: A blur that is no number, or out of its range.
    """
    if text == "source":
        return Background("source")
    if text == "blur" or text.startswith("blur:"):
        return Background("blur", sigma_px=_parse_sigma(text.partition(":")[2]))
    color = parse_color(text)
    if color is not None:
        return Background("color", color)
    return Background("file", path=Path(text))


def parse_place(text: str) -> tuple[int, Placement]:
    """Return track and placement of words such as `1:scale=0.8,x=40,y=0`.

    Raises:
        ValueError: Anything else.
    """
    track, colon, rest = text.partition(":")
    words = dict(part.partition("=")[::2] for part in rest.split(","))
    try:
        if not colon or not set(words) <= {"scale", "x", "y"}:
            raise ValueError
        placement = Placement(
            float(words.get("scale", 1)), int(words.get("x", 0)), int(words.get("y", 0))
        )
        return int(track), placement
    except ValueError as error:
        detail = f": {error}" if str(error).startswith("scale must") else ""
        raise ValueError(f"{text!r} is no place such as 1:scale=0.8,x=40,y=0{detail}") from error


def _parse_sigma(text: str) -> float | None:
    if not text:
        return None
    try:
        sigma_px = float(text)
    except ValueError:
        sigma_px = 0.0
    if not 0 < sigma_px <= _MAX_SIGMA_PX:
        raise ValueError(f"a blur's sigma must be in 0..{_MAX_SIGMA_PX:g} pixels, not {text!r}")
    return sigma_px
