"""How a person looks to a person: a colour per track, tinted previews, thumbnails.

Knows pictures and alphas; knows no files and no clip.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ..alpha_frame import AlphaFrame
from ..media.frame import as_eight_bit
from ..media.layer import Layer
from ..people.identities import default_name

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
EightBit = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]
Rgb = tuple[int, int, int]

# The first seven are the colour-blind safe set of Okabe & Ito 2008 (its black left out); the others
# were chosen one by one as the colour of medium lightness farthest, by CIEDE2000, from all before.
PALETTE: tuple[Rgb, ...] = (
    (86, 180, 233),  # sky blue
    (230, 159, 0),  # orange
    (0, 158, 115),  # bluish green
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
    (213, 94, 0),  # vermilion
    (0, 114, 178),  # blue
    (136, 51, 255),  # violet
    (119, 119, 0),  # olive
    (0, 238, 68),  # green
    (221, 0, 68),  # crimson
    (255, 170, 153),  # salmon
)

TINT = 0.5
"""Share of the track's colour where alpha is 1."""
THUMBNAIL_HEIGHT_PX = 160
THUMBNAIL_GREY = 128

_HEAD_SHARE = 0.06  # of the person's height: the rows whose middle is the head's middle
_FONT = cv2.FONT_HERSHEY_DUPLEX


@dataclass(frozen=True)
class PreviewPerson:
    """One person of a frame, as the preview shows it."""

    track_id: int
    name: str
    """Drawn beside the number when it is not the number's own (`person_01`) and plain ASCII, which
    is all that OpenCV's built-in letters have."""
    alpha: AlphaFrame
    """May reach past the frame's edge."""


def color_of_track(track_id: int) -> Rgb:
    """Return the colour, RGB in 0..255, by which a track is known everywhere; repeats after 12.

    Raises:
        ValueError: Tracks count from 1.
    """
    if track_id < 1:
        raise ValueError(f"track_id must be 1 or more, not {track_id}")
    return PALETTE[(track_id - 1) % len(PALETTE)]


def text_color_on(color: Rgb) -> Rgb:
    """Return black or white, whichever contrasts more with `color`.

    Source:
        WCAG 2.2, contrast ratio and relative luminance.
    """
    linear = [_srgb_to_linear(channel / 255) for channel in color]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # White's ratio is 1.05 / (L + 0.05), black's (L + 0.05) / 0.05: they meet at L = 0.179.
    return (0, 0, 0) if (luminance + 0.05) ** 2 > 1.05 * 0.05 else (255, 255, 255)


def css_color(color: Rgb) -> str:
    """Return a colour as a page's styles and drawings name it, such as `#56b4e9`."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def tint_people(image: Image, people: Sequence[PreviewPerson]) -> EightBit:
    """Return the picture with every person tinted, outlined and numbered in its track's colour.

    Pixels where every alpha is 0 are the source's, except under outlines and labels.

    Args:
        image: `(H, W, 3)` RGB, uint8 or full-range uint16.
        people: In any order; nobody gives the picture itself.

    Returns:
        `(H, W, 3)` RGB; `image` is not changed.
    """
    canvas = as_eight_bit(image).copy()
    placed: list[tuple[PreviewPerson, Layer]] = []
    for person in people:
        layer = _layer_in(canvas, person.alpha)
        if layer is not None and layer.alpha.any():
            _tint(canvas, layer, color_of_track(person.track_id))
            placed.append((person, layer))
    # Labels lie above everybody's tint, and none above another.
    taken: list[tuple[int, int, int, int]] = []
    for person, layer in placed:
        taken.append(_draw_label(canvas, person, layer, taken))
    return canvas


def thumbnail(image: Image, alpha: AlphaFrame) -> str:
    """Return the person over neutral grey as a JPEG data URL, at most 160 px high.

    Args:
        image: The whole frame, `(H, W, 3)` RGB, uint8 or full-range uint16.
        alpha: May reach past the frame's edge. Where it is all 0, the picture is a grey square.
    """
    layer = _layer_in(image, alpha)
    if layer is None or not (layer.alpha > 0.5 / 255).any():
        return _jpeg_url(np.full((THUMBNAIL_HEIGHT_PX,) * 2 + (3,), THUMBNAIL_GREY, np.uint8))
    rows, columns = np.nonzero(layer.alpha > 0.5 / 255)
    box = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    cut_alpha = layer.alpha[box]
    h, w = cut_alpha.shape
    y, x = layer.top + int(rows.min()), layer.left + int(columns.min())
    cut = as_eight_bit(image[y : y + h, x : x + w])
    weight = np.clip(cut_alpha, 0, 1).astype(np.float32)
    grey = np.full_like(cut, THUMBNAIL_GREY)
    shown = np.asarray(cv2.blendLinear(cut, grey, weight, 1 - weight), np.uint8)
    scale = min(1.0, THUMBNAIL_HEIGHT_PX / max(h, w))
    if scale < 1:
        size = (max(1, round(w * scale)), max(1, round(h * scale)))
        shown = np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _jpeg_url(shown)


def _layer_in(image: Image, alpha: AlphaFrame) -> Layer | None:
    """Return the part of an alpha that lies in the picture; `None` where nothing does."""
    height, width = image.shape[:2]
    return Layer(alpha.left, alpha.top, alpha.alpha).clipped(width, height)


def _srgb_to_linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _tint(canvas: EightBit, layer: Layer, color: Rgb) -> None:
    """Mix the colour into the canvas under the alpha and trace where alpha is a half."""
    region = canvas[layer.area.slices]
    # In 8-bit integers, within 1 of the exact mix and five times as fast as in floats.
    weight = (np.clip(layer.alpha, 0, 1) * np.float32(TINT * 255) + np.float32(0.5)).astype(
        np.uint8
    )
    levels = np.arange(256)
    tint = cv2.merge([cv2.LUT(weight, np.rint(levels * c / 255).astype(np.uint8)) for c in color])
    rest = cv2.merge([255 - weight] * 3)
    cv2.add(cv2.multiply(region, rest, scale=1 / 255), tint, dst=region)
    contours, _ = cv2.findContours(
        (layer.alpha >= 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE
    )
    thickness = max(1, round(canvas.shape[0] / 540))
    offset = (layer.left, layer.top)
    cv2.drawContours(canvas, contours, -1, color, thickness, cv2.LINE_AA, offset=offset)


def _draw_label(
    canvas: EightBit,
    person: PreviewPerson,
    layer: Layer,
    taken: Sequence[tuple[int, int, int, int]],
) -> tuple[int, int, int, int]:
    """Draw a person's number over its head; return the label's box, xyxy in pixels."""
    height, width = canvas.shape[:2]
    color = color_of_track(person.track_id)
    text_height = min(max(11.0, height / 36), height / 3)
    scale = text_height / 22  # the font's capitals are 22 px high at scale 1
    stroke = max(1, round(scale * 1.6))
    text = _label_of(person)
    (text_width, _), _ = cv2.getTextSize(text, _FONT, scale, stroke)
    margin = max(2, round(text_height * 0.4))
    w, h = text_width + 2 * margin, round(text_height) + 2 * margin
    x, y = _head(layer)
    left = int(np.clip(x - w // 2, 0, max(0, width - w)))
    # Above the head where there is room, else on it.
    top = int(np.clip(y - h - margin, 0, max(0, height - h)))
    for box in sorted(taken, key=lambda box: box[1]):
        if box[0] < left + w and left < box[2] and box[1] < top + h and top < box[3]:
            top = min(box[3] + 1, max(0, height - h))
    ink = text_color_on(color)
    # The ring in the text's colour parts the label from a background of the track's own colour.
    cv2.rectangle(canvas, (left, top), (left + w - 1, top + h - 1), ink, cv2.FILLED)
    cv2.rectangle(canvas, (left + 1, top + 1), (left + w - 2, top + h - 2), color, cv2.FILLED)
    baseline = top + h - margin
    cv2.putText(canvas, text, (left + margin, baseline), _FONT, scale, ink, stroke, cv2.LINE_AA)
    return left, top, left + w, top + h


def _label_of(person: PreviewPerson) -> str:
    is_own_name = person.name in ("", default_name(person.track_id))
    if is_own_name or not (person.name.isascii() and person.name.isprintable()):
        return str(person.track_id)
    return f"{person.track_id} {person.name}"


def _head(layer: Layer) -> tuple[int, int]:
    """Return the middle column and the first row of what is topmost, in frame pixels."""
    is_person = layer.alpha >= min(0.5, float(layer.alpha.max()))
    rows = np.flatnonzero(is_person.any(axis=1))
    first, last = int(rows[0]), int(rows[-1])
    slab = is_person[first : first + 1 + round((last - first) * _HEAD_SHARE)]
    columns = np.flatnonzero(slab.any(axis=0))
    return layer.left + int(np.median(columns)), layer.top + first


def _jpeg_url(image: EightBit) -> str:
    is_encoded, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    assert is_encoded, "libjpeg takes any 8-bit picture"
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
