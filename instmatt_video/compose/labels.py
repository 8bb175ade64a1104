"""Names for a sheet's cells, as small pictures: FFmpeg need not have fonts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..rendering.preview import color_of_track, text_color_on
from .material import PersonStream

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAPITAL_PX = 22
"""Height of the font's capitals at scale 1."""
_REST_RGB = (128, 128, 128)


def write_label(path: Path, person: PersonStream, cell: tuple[int, int]) -> Path:
    """Write a picture of a person's name in their colour; return its path.

    Args:
        path: The PNG to write.
        person: Who; a name that the font cannot write becomes the track's number, and of one that
            is too long the end is left out.
        cell: Its width and height in pixels; the text is a 24th of the height, at least 10 px high.
    """
    is_plain = person.name.isascii() and person.name.isprintable() and person.name.strip()
    text = person.name if is_plain else str(person.track_id)
    height = max(10.0, cell[1] / 24)
    scale = height / _CAPITAL_PX
    stroke = max(1, round(scale * 1.6))
    margin = max(4, round(height * 0.5))
    whole = text
    while (width := _width(text, scale, stroke)) + 2 * margin > cell[0] and len(text) > 1:
        whole = whole[:-1]
        text = f"{whole.rstrip()}..." if len(whole) > 1 else whole
    rgb = color_of_track(person.track_id) if person.track_id else _REST_RGB
    shape = (round(height) + 2 * margin, width + 2 * margin, 3)
    label = np.full(shape, rgb, np.uint8)
    baseline = (margin, margin + round(height))
    cv2.putText(label, text, baseline, _FONT, scale, text_color_on(rgb), stroke, cv2.LINE_AA)
    cv2.imwrite(str(path), label[..., ::-1])
    return path


def _width(text: str, scale: float, stroke: int) -> int:
    (width, _), _ = cv2.getTextSize(text, _FONT, scale, stroke)
    return int(width)
