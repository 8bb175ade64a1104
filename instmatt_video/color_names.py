"""Colours that a user names, for what stands behind people."""

from __future__ import annotations

import re

COLORS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "gray": (128, 128, 128),
    "green": (0, 177, 64),
    "blue": (0, 71, 187),
}
"""RGB; green and blue are those of chroma-key cloth."""


def parse_color(text: str) -> tuple[int, int, int] | None:
    """Return the RGB levels of `#rrggbb` or a name of `COLORS`; `None` where it is neither."""
    word = text.lower()
    if word in COLORS:
        return COLORS[word]
    if not re.fullmatch(r"#[0-9a-f]{6}", word):
        return None
    red, green, blue = bytes.fromhex(word[1:])
    return red, green, blue
