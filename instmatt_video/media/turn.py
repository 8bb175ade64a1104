"""How a stored picture is brought upright: turned, and mirrored where a front camera says so."""

from __future__ import annotations

import struct
from math import atan2, degrees
from typing import NamedTuple, cast

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame

from .color import Image


class Turn(NamedTuple):
    """What is done to a picture as it is stored."""

    clockwise_deg: int = 0
    """A multiple of 90."""
    is_mirrored: bool = False
    """Left and right are exchanged before it is turned."""

    @property
    def is_sideways(self) -> bool:
        """Width and height are exchanged."""
        return self.clockwise_deg in (90, 270)


def turn_of(picture: VideoFrame) -> Turn:
    """Return what shows a picture upright, by its display matrix; odd angles are not turned."""
    matrix = picture.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return Turn()
    # x' = a·x + c·y, y' = b·x + d·y, downwards
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    is_mirrored = a * d < b * c
    sign = -1 if is_mirrored else 1  # of x, which is mirrored first
    angle_deg = round(degrees(atan2(sign * b, sign * a))) % 360
    return Turn(angle_deg if angle_deg % 90 == 0 else 0, is_mirrored)


def upright(image: Image, turn: Turn) -> Image:
    """Return the picture as it is to be seen."""
    if turn == Turn():
        return image
    mirrored = image[:, ::-1] if turn.is_mirrored else image
    turned = np.rot90(mirrored, -(turn.clockwise_deg // 90))  # rot90 turns counter-clockwise
    return cast(Image, np.ascontiguousarray(turned))
