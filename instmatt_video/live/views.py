"""The picture that is shown: tinted people, people over a background, or their mattes.

Knows one matted frame and what is chosen; knows no windows and no pages.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from ..matting.foreground import colour_layer
from ..media.frame import as_eight_bit
from ..rendering.preview import PreviewPerson, tint_people
from .live_matter import LiveFrame, LivePerson
from .view_choice import ViewChoice

Picture = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]


def draw_view(live: LiveFrame, choice: ViewChoice, background: Picture | None) -> Picture:
    """Return the chosen picture of a matted frame, `(H, W, 3)` RGB; not to be written into.

    Args:
        live: The frame and its people.
        choice: What is shown.
        background: Behind the people of a cut-out, of the frame's size; `None` is black.
    """
    image = as_eight_bit(live.frame.image)
    people = [person for person in live.people if choice.shows(person.number)]
    if choice.view == "source":
        return image
    if choice.view == "mattes":
        total = total_alpha(people, image.shape[:2])
        return np.asarray(cv2.cvtColor(_to_levels(total), cv2.COLOR_GRAY2RGB), np.uint8)
    if choice.view == "tinted":
        return tint_people(image, [_preview_person(person) for person in people])
    return _cut_out(image, people, np.zeros_like(image) if background is None else background)


def draw_lines(picture: Picture, lines: Sequence[str]) -> Picture:
    """Return the picture with lines of text at its lower left, on a dark band.

    Args:
        picture: `(H, W, 3)`, RGB or BGR; not changed.
        lines: Plain ASCII, which is all that OpenCV's letters have.
    """
    canvas = picture.copy()
    height, width = canvas.shape[:2]
    scale = max(0.35, height / 900)
    row_px = round(32 * scale)
    top = max(0, height - row_px * len(lines) - row_px // 2)
    canvas[top:] //= 3
    for row, line in enumerate(lines):
        at = (row_px // 2, top + row_px * (row + 1))
        (text_width, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        fitting = scale * min(1.0, (width - row_px) / max(1, text_width))
        cv2.putText(
            canvas, line, at, cv2.FONT_HERSHEY_SIMPLEX, fitting, (255, 255, 255), 1, cv2.LINE_AA
        )
    return canvas


def total_alpha(people: Sequence[LivePerson], shape: tuple[int, ...]) -> FloatImage:
    """Return everybody's alpha in one picture, `(H, W)`, 0..1."""
    total = np.zeros(shape[:2], np.float32)
    for person in people:
        total[person.alpha.area.slices] += person.alpha.alpha
    return np.minimum(total, 1, out=total)


def _cut_out(image: Picture, people: Sequence[LivePerson], background: Picture) -> Picture:
    """Return the people in their own colours over the background."""
    canvas = background.astype(np.float32)
    for person in people:
        layer = colour_layer(image, person.alpha)
        assert layer.foreground is not None, "a colour layer has colour"
        crop = layer.area.slices
        # Alphas of a frame sum to at most 1, so layers need no order: each gives its own share in
        # place of the background's.
        own = layer.foreground.astype(np.float32) - background[crop]
        canvas[crop] += cv2.merge([layer.alpha] * 3) * own
    return _to_eight_bit(canvas)


def _preview_person(person: LivePerson) -> PreviewPerson:
    return PreviewPerson(person.number, "", person.alpha)


def _to_levels(alpha: FloatImage) -> Picture:
    return _to_eight_bit(alpha * np.float32(255))


def _to_eight_bit(levels: FloatImage) -> Picture:
    """Return 0..255 rounded to whole levels."""
    return np.asarray(cv2.convertScaleAbs(levels), np.uint8)
