"""A person's mask carried from one frame to a neighbouring one by what the two pictures show.

Knows two pictures, a mask and where it should lie; knows no tracks and no networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from ..detection.paste import mask_on_box
from ..rectangle import Rectangle

FloatImage = npt.NDArray[np.float32]
EightBit = npt.NDArray[np.uint8]
Box = npt.NDArray[np.float64]

CANVAS_PX = 160
"""Longest side of the pictures between which the flow is measured."""
MIN_CANVAS_PX = 32
"""Shortest side: OpenCV's flow reads past pictures of less, and takes the process with it."""
MARGIN = 0.2
"""What is seen around a box, as a share of its sides: how far a limb may leave it in a step."""
ALIKE_LEVELS = 8.0
"""Grey levels, of 255, by which a view may differ from what the motion explains for a likeness of
1/e."""
_LEAST = 0.5
"""Where a mask is below, there is nobody: the new box ends there."""


@dataclass(frozen=True)
class CarriedMask:
    """A mask that followed the picture."""

    box: Box
    """`(4,)` xyxy in pixels of the new frame."""
    mask: FloatImage
    """`(m, m)` over the box, 0..1."""


@dataclass(frozen=True)
class PersonMotion:
    """How the surroundings of a person's box moved from one picture to another."""

    end: Box
    """What was seen in the new picture, `(4,)` xyxy in pixels: the moved box and its margin."""
    start: Box
    """What was seen in the old one, `(4,)`."""
    grid: tuple[FloatImage, FloatImage]
    """Columns and rows of the old view from which each cell of the new one came, `(h, w)` each."""
    views: tuple[EightBit, EightBit]
    """The old and the new one, grey, `(h, w)` each."""

    @cached_property
    def likeness(self) -> FloatImage:
        """How well the motion explains the new view, `(h, w)`, 0..1."""
        old, new = self.views
        explained = cv2.remap(old, *self.grid, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        difference = cv2.absdiff(new, explained).astype(np.float32)
        return np.asarray(np.exp(-((cv2.blur(difference, (5, 5)) / ALIKE_LEVELS) ** 2)))

    def move(self, mask: FloatImage, box: Box) -> FloatImage:
        """Return a mask that lies on `box` in the old picture as it lies on `end` in the new one.

        Args:
            mask: `(m, n)` over the box, 0..1.
            box: `(4,)` xyxy in pixels.

        Returns:
            `(h, w)`, 0..1.
        """
        rows, columns = self.grid[0].shape
        on_canvas = mask_on_box(mask, box, self.start, rows, columns)
        return np.asarray(cv2.remap(on_canvas, *self.grid, cv2.INTER_LINEAR), np.float32)


def carry_mask(
    before: EightBit, now: EightBit, box: Box, mask: FloatImage, steps: Sequence[Box]
) -> CarriedMask:
    """Return the mask in the next picture.

    Args:
        before: RGB, `(H, W, 3)`.
        now: RGB, of the same size.
        box: Where the mask lies in `before`, `(4,)` xyxy in pixels.
        mask: `(m, m)` over the box, 0..1.
        steps: Changes of the box, `(4,)` pixels each, one or more; see `follow_person`.

    Returns:
        Mask and box; the moved box with the mask as it was, where flow leaves nothing of it.
    """
    motion = follow_person(before, now, box, mask, steps)
    moved = motion.move(mask, box)
    found = box_of_mask(moved, motion.end)
    if found is None:
        return CarriedMask(box + (motion.end - motion.start), mask)
    cells = mask.shape[0]
    return CarriedMask(found, mask_on_box(moved, motion.end, found, cells, cells))


def follow_person(
    before: EightBit, now: EightBit, box: Box, mask: FloatImage, steps: Sequence[Box]
) -> PersonMotion:
    """Return how a person moved from one picture to the next.

    Of the steps that the box may have taken, the one that makes the pictures most alike is taken;
    dense optical flow finds what moved against it.

    Args:
        before: RGB, `(H, W, 3)`.
        now: RGB, of the same size.
        box: Where the person is in `before`, `(4,)` xyxy in pixels.
        mask: `(m, m)` over the box, 0..1: what of it counts.
        steps: Changes of the box, `(4,)` pixels each, one or more.

    Source:
        Kroeger et al. 2016, Fast Optical Flow using Dense Inverse Search (as in OpenCV).
    """
    width, height = box[2] - box[0], box[3] - box[1]
    scale = CANVAS_PX / ((1 + 2 * MARGIN) * max(width, height))
    columns, rows = (
        max(MIN_CANVAS_PX, round((1 + 2 * MARGIN) * side * scale)) for side in (width, height)
    )
    start = surroundings(box)
    on_canvas = mask_on_box(mask, box, start, rows, columns)
    # Both boxes fill the same part of their canvas: flow is 0 where the box's motion says it all.
    old = _view(before, start, columns, rows)
    weight = cv2.blur(on_canvas, (9, 9))  # a little past the edge, which tells most
    ends = [surroundings(box + step) for step in steps]
    views = [(end, _view(now, end, columns, rows)) for end in ends]
    end, new = min(views, key=lambda view: float((cv2.absdiff(view[1], old) * weight).sum()))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(new, old, None)
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    grid = (x + flow[..., 0]).astype(np.float32), (y + flow[..., 1]).astype(np.float32)
    return PersonMotion(end, start, grid, (old, new))


def box_of_mask(mask: FloatImage, frame: Box) -> Box | None:
    """Return where a mask over `frame` shows somebody, `(4,)` xyxy; `None` where nowhere."""
    part = Rectangle.around(mask > _LEAST)
    if part is None:
        return None
    # Shares of the canvas to the pixels that it shows.
    corners = np.array([[part.left, part.top], [part.right, part.bottom]]) / mask.shape[::-1]
    return np.asarray((frame[:2] + corners * (frame[2:] - frame[:2])).reshape(4))


def step_of_centre(change: Box) -> Box:
    """Return a box's change, `(4,)`, without its change of size: that may be but a raised arm."""
    return np.tile(0.5 * (change[:2] + change[2:]), 2)


def enclosing_box(a: Box, b: Box) -> Box:
    """Return the smallest box `(4,)` around two."""
    return np.concatenate([np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])])


def surroundings(box: Box) -> Box:
    """Return a box `(4,)` and its margin: what is seen when a person is followed."""
    margin = MARGIN * (box[2:] - box[:2])
    return np.concatenate([box[:2] - margin, box[2:] + margin])


def _view(image: EightBit, seen: Box, columns: int, rows: int) -> EightBit:
    """Return a part of the picture in grey; beyond the picture its edge goes on."""
    left, top, right, bottom = seen
    x, y = (right - left) / columns, (bottom - top) / rows
    # Pixels are areas: the centre of the first one lies half a pixel inside.
    to_image = np.array([[x, 0, left + 0.5 * x - 0.5], [0, y, top + 0.5 * y - 0.5]])
    part = cv2.warpAffine(
        image,
        to_image,
        (columns, rows),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), np.uint8)
