"""The filter graph of a composition: layers from back to front, or a sheet of everybody.

Builds graphs; runs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import ffmpeg

from ..media.formats import FORMATS
from .inputs import Node
from .labels import write_label
from .layers import (
    ALPHA_FORMAT,
    Ending,
    LayerMaker,
    blank_alpha,
    blurred,
    over,
    scaled,
    split,
)
from .material import Clip, Material, PersonStream
from .options import ComposeOptions, Placement

SHEET_SIZE = (1920, 1080)
"""A sheet is at most so wide and high, pixels."""
SHEET_GREY = (32, 32, 32)
"""RGB of a sheet's empty cells."""


def build_composition(
    material: Material, options: ComposeOptions, folder: Path
) -> tuple[Node, tuple[int, int]]:
    """Return everybody over the background, back to front, and its width and height.

    People who stay in place share pixels: where their mattes touch, alphas sum to 1 and each is a
    share of the pixel, not a layer that lets a rest of the background through. So whoever stands
    behind gets the alpha a / (1 - sum of those before it), with which `over` gives exactly
    the sum of the shares.

    Args:
        material: What is put together.
        options: How.
        folder: For small files that FFmpeg reads; it must live until FFmpeg is done.
    """
    clip, maker = material.clip, LayerMaker(material, folder)
    size = (clip.width, clip.height)
    backdrop, copies = _backdrop(material, maker)
    layers = [
        maker.person(person, copy) for person, copy in zip(material.people, copies, strict=True)
    ]
    alphas = [alpha for _, alpha in layers]
    places = [options.places.get(person.track_id, Placement()) for person in material.people]
    settled = [index for index, place in enumerate(places) if place.is_in_place]
    result = maker.canvas(material.background.rgb, size)
    if len(settled) > 1:
        result, beside = split(result, 2)
        shares = _shared([alphas[index] for index in settled], blank_alpha(beside))
        for index, share in zip(settled, shares, strict=True):
            alphas[index] = share
    if backdrop is not None:
        result = over(result, backdrop, ending=_backdrop_ending(material))
    for (color, _), alpha, place in zip(layers, alphas, places, strict=True):
        layer = _merged(color, alpha)
        if place.scale != 1:
            layer = scaled(layer, *_scaled_size(size, place.scale))
        result = over(result, layer, place.x, place.y)
    return result, size


def build_sheet(material: Material, folder: Path) -> tuple[Node, tuple[int, int]]:
    """Return everybody alone over the background, side by side with names; and width and height.

    Args:
        material: What is shown; at least one person.
        folder: As for `build_composition`.
    """
    clip, people, maker = material.clip, material.people, LayerMaker(material, folder)
    columns, rows, cell = sheet_grid(clip, len(people))
    backdrop, copies = _backdrop(material, maker)
    size = (columns * cell[0], rows * cell[1])
    # Cells of one colour are the canvas itself.
    result = maker.canvas(SHEET_GREY if backdrop else material.background.rgb, size)
    backdrops = split(scaled(backdrop, *cell), len(people)) if backdrop else [None] * len(people)
    for index, person in enumerate(people):
        x, y = index % columns * cell[0], index // columns * cell[1]
        color, alpha = maker.person(person, copies[index])
        if backdrops[index] is not None:
            result = over(result, backdrops[index], x, y, _backdrop_ending(material))
        result = over(result, scaled(_merged(color, alpha), *cell), x, y)
        result = over(result, _label(person, cell, folder), x + 8, y + 8, "repeat")
    return result, size


def sheet_grid(clip: Clip, count: int) -> tuple[int, int, tuple[int, int]]:
    """Return a sheet's columns and rows, and the width and height of a cell, even pixels."""
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    scale = min(
        1.0,
        SHEET_SIZE[0] / (columns * clip.width),
        SHEET_SIZE[1] / (rows * clip.height),
    )
    return columns, rows, _scaled_size((clip.width, clip.height), scale)


def _scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return a size scaled, to the nearest even pixels."""
    width, height = (max(2, 2 * round(side * scale / 2)) for side in size)
    return width, height


def _backdrop(material: Material, maker: LayerMaker) -> tuple[Node | None, list[Node | None]]:
    """Return the background's layer, and a copy of the source a person where they need one.

    The layer is `None` for a plain colour, which is the canvas itself.
    """
    count = len(material.people)
    needs_color = not FORMATS[material.format].has_color
    kind = material.background.kind
    is_shown = kind in ("source", "blur")
    sources = maker.source(is_shown + needs_color * count)
    copies: list[Node | None] = list(sources[is_shown:]) if needs_color else [None] * count
    if kind == "color":
        return None, copies
    if kind == "file":
        return maker.background_file(), copies
    if kind == "source":
        return sources[0], copies
    sigma_px = material.background.sigma_px or material.clip.height / 36
    return blurred(sources[0], sigma_px), copies


def _backdrop_ending(material: Material) -> Ending:
    file = material.background_file
    return "endless" if file is not None and file.is_moving else "repeat"


def _shared(alphas: Sequence[Node], blank: Node) -> list[Node]:
    """Return the alphas, back to front, with which `over` gives each one's share of a pixel.

    Args:
        alphas: Two or more.
        blank: An alpha of 0, of which there is a frame at every time.
    """
    foremost, summand = split(alphas[-1], 2)
    result, before = [foremost], _blend(blank, summand, "addition")
    for alpha in reversed(alphas[1:-1]):
        own, summand = split(alpha, 2)
        taken, before = split(before, 2)
        result.append(_blend(own, taken.filter("negate"), "divide"))
        before = _blend(before, summand, "addition")
    result.append(_blend(alphas[0], before.filter("negate"), "divide"))
    return result[::-1]


def _blend(top: Node, bottom: Node, mode: str) -> Node:
    """Return A + B or A / B of two alphas, clipped to 1, on the clock of the first."""
    blended = ffmpeg.filter([top, bottom], "blend", all_mode=mode, eof_action="pass")
    return blended.filter("format", ALPHA_FORMAT)


def _merged(color: Node, alpha: Node) -> Node:
    return ffmpeg.filter([color, alpha], "alphamerge").filter("format", "yuva422p10le")


def _label(person: PersonStream, cell: tuple[int, int], folder: Path) -> Node:
    path = write_label(folder / f"label_{person.track_id}.png", person, cell)
    return ffmpeg.input(str(path)).video
