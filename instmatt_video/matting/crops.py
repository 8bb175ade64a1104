"""Where to look: people whose surroundings overlap share a canvas, and each has a crop in it.

Knows boxes; knows no pixels. Work follows the people: a canvas is scaled so that its largest person
has the working resolution, and a crop covers one person and their surroundings, not the canvas. Who
is much smaller than that person is shown on a closer canvas as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from ..rectangle import Rectangle

GRID_PX = 32
"""Crops begin and end on this grid of the canvas, the network's stride: nothing needs padding."""
MIN_MARGIN_PX = 8
MAX_ENLARGEMENT = 3.0
"""People who are smaller than the working resolution are enlarged to it, up to so many times: an
edge is found in fractions of their pixels, and the network has not learned people so small."""
MAX_ENLARGED_PX = 5_000_000
"""Pixels of a canvas that enlarges, counted for each person on it: a crowd is enlarged less."""
MAX_CANVAS_PX = 60_000_000
"""Pixels of any canvas, counted so: at some 97 bytes each they are all that memory should hold."""
CLOSER = 1.5
"""Who is so many times smaller than the largest of their canvas is looked at on another, closer."""


@dataclass(frozen=True)
class Cluster:
    """People that are matted together."""

    members: tuple[int, ...]
    """Their indices among the frame's people."""
    source: Rectangle
    """The part of the frame that the canvas shows."""
    width: int
    """Of the canvas, in its own pixels; a multiple of `GRID_PX`."""
    height: int
    crops: tuple[Rectangle, ...]
    """Each member's crop, in canvas pixels, on the grid."""
    closeups: tuple[Cluster, ...] = ()
    """Canvases of the members who are much smaller than the largest, at a scale of their own."""

    @property
    def scale(self) -> tuple[float, float]:
        """Canvas pixels per frame pixel, along x and y."""
        return self.width / self.source.width, self.height / self.source.height

    def rows_in_frame(self) -> npt.NDArray[np.float64]:
        """Return where the centres of the canvas's rows lie in the frame, in its pixels."""
        return np.asarray(self.source.top + (np.arange(self.height) + 0.5) / self.scale[1])

    def columns_in_frame(self) -> npt.NDArray[np.float64]:
        """Return where the centres of the canvas's columns lie in the frame."""
        return np.asarray(self.source.left + (np.arange(self.width) + 0.5) / self.scale[0])

    def in_frame(self, crop: Rectangle, frame_width: int, frame_height: int) -> Rectangle:
        """Return the frame's pixels that a crop of the canvas shows."""
        x, y = self.scale
        return Rectangle(
            max(0, self.source.left + int(np.floor(crop.left / x))),
            max(0, self.source.top + int(np.floor(crop.top / y))),
            min(frame_width, self.source.left + int(np.ceil(crop.right / x))),
            min(frame_height, self.source.top + int(np.ceil(crop.bottom / y))),
        )

    def map_to_crop(self, area: Rectangle, crop: Rectangle) -> npt.NDArray[np.float64]:
        """Return the affine map from pixels of a part of the frame to those of a crop, `(2, 3)`."""
        x, y = self.scale
        return np.array(
            [
                [x, 0, (area.left - self.source.left + 0.5) * x - 0.5 - crop.left],
                [0, y, (area.top - self.source.top + 0.5) * y - 0.5 - crop.top],
            ]
        )


def plan_clusters(
    boxes: npt.NDArray[np.floating],
    frame_width: int,
    frame_height: int,
    matte_size: int,
    context: float,
) -> list[Cluster]:
    """Return the clusters of a frame's people.

    Args:
        boxes: `(N, 4)` xyxy in pixels. A box without a pixel inside the frame is in no cluster.
        frame_width: Pixels.
        frame_height: Pixels.
        matte_size: Longest side of the largest person's crop, in canvas pixels.
        context: Margin around a box, as a share of its longer side.
    """
    surroundings = [_with_margin(box, frame_width, frame_height, context) for box in boxes]
    present = [i for i, s in enumerate(surroundings) if s.width > 0 and s.height > 0]
    return _gather(present, surroundings, matte_size, frame_width, frame_height)


def _gather(
    people: Sequence[int],
    surroundings: Sequence[Rectangle],
    matte_size: int,
    frame_width: int,
    frame_height: int,
) -> list[Cluster]:
    """Return the clusters of some of the people; `surroundings` are everybody's."""
    return [
        _plan_cluster(
            tuple(people[k] for k in group), surroundings, matte_size, frame_width, frame_height
        )
        for group in _overlapping([surroundings[i] for i in people])
    ]


def _with_margin(
    box: npt.NDArray[np.floating], frame_width: int, frame_height: int, context: float
) -> Rectangle:
    left, top, right, bottom = (float(v) for v in box)
    margin = max(MIN_MARGIN_PX, context * max(right - left, bottom - top))
    if right <= max(left, 0) or bottom <= max(top, 0) or left >= frame_width or top >= frame_height:
        return Rectangle(0, 0, 0, 0)
    return Rectangle(
        max(0, int(np.floor(left - margin))),
        max(0, int(np.floor(top - margin))),
        min(frame_width, int(np.ceil(right + margin))),
        min(frame_height, int(np.ceil(bottom + margin))),
    )


def _overlapping(areas: Sequence[Rectangle]) -> list[list[int]]:
    """Return groups of indices whose areas overlap, directly or through others, in first order."""
    parent = list(range(len(areas)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i, a in enumerate(areas):
        for j in range(i):
            b = areas[j]
            if a.left < b.right and b.left < a.right and a.top < b.bottom and b.top < a.bottom:
                low, high = sorted((root(i), root(j)))
                parent[high] = low
    groups: dict[int, list[int]] = {}
    for i in range(len(areas)):
        groups.setdefault(root(i), []).append(i)
    return list(groups.values())


def _plan_cluster(
    members: tuple[int, ...],
    surroundings: Sequence[Rectangle],
    matte_size: int,
    frame_width: int,
    frame_height: int,
) -> Cluster:
    areas = [surroundings[i] for i in members]
    whole = reduce(Rectangle.united, areas)
    longest = max(max(a.width, a.height) for a in areas)
    pixels = len(areas) * whole.width * whole.height
    enlarged = min(MAX_ENLARGEMENT, math.sqrt(MAX_ENLARGED_PX / pixels))
    scale = min(matte_size / longest, max(1.0, enlarged), math.sqrt(MAX_CANVAS_PX / pixels))
    left, right, width = _fit(whole.left, whole.right, scale, frame_width)
    top, bottom, height = _fit(whole.top, whole.bottom, scale, frame_height)
    x, y = width / (right - left), height / (bottom - top)
    crops = tuple(
        Rectangle(
            int((a.left - left) * x) // GRID_PX * GRID_PX,
            int((a.top - top) * y) // GRID_PX * GRID_PX,
            min(width, _up_to_grid((a.right - left) * x)),
            min(height, _up_to_grid((a.bottom - top) * y)),
        )
        for a in areas
    )
    cluster = Cluster(members, Rectangle(left, top, right, bottom), width, height, crops)
    smaller = [
        i for i, a in zip(members, areas, strict=True) if CLOSER * max(a.width, a.height) <= longest
    ]
    closeups = _gather(smaller, surroundings, matte_size, frame_width, frame_height)
    closer = _close_enough(closeups, CLOSER * cluster.scale[0])
    return replace(cluster, closeups=tuple(closer))


def _close_enough(closeups: Sequence[Cluster], scale: float) -> Iterator[Cluster]:
    """Yield the canvases that show people at a scale, in place of a coarser one its own closer."""
    for canvas in closeups:
        if canvas.scale[0] >= scale:
            yield canvas
        else:
            yield from _close_enough(canvas.closeups, scale)


def _fit(start: int, stop: int, scale: float, limit: int) -> tuple[int, int, int]:
    """Return the pixels of the frame that a canvas shows along one side, and its own length.

    The canvas is on the grid, so it shows a little more than was asked for: of the frame, on
    whichever side there is more, and never of what lies beyond the frame's edge, where a repeated
    border would look as if the person ended there. Only a frame that is too small is stretched.
    """
    length = _up_to_grid((stop - start) * scale)
    span = max(1, round(length / scale))
    if span > limit:
        return 0, limit, max(GRID_PX, round(limit * scale / GRID_PX) * GRID_PX)
    start = max(0, min(start, limit - span))
    return start, start + span, length


def _up_to_grid(length: float) -> int:
    return max(GRID_PX, int(np.ceil(length / GRID_PX - 1e-9)) * GRID_PX)
