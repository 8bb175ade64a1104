"""How a stored picture is brought upright: turned, and mirrored where a front camera says so."""

from __future__ import annotations

import struct
from math import atan2, degrees
from typing import NamedTuple, cast

import numpy as np
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
    try:
        # PyAV's types name motion vectors alone.
        matrix = bytes(picture.side_data["DISPLAYMATRIX"])  # type: ignore[typeddict-item]
    except KeyError:
        return Turn()
    except ValueError:
        # PyAV reads none where there is a kind that it has no name for, as Exif.
        return Turn(_right_angle(-picture.rotation))
    # x' = a·x + c·y, y' = b·x + d·y, downwards
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    is_mirrored = a * d < b * c
    sign = -1 if is_mirrored else 1  # of x, which is mirrored first
    return Turn(_right_angle(round(degrees(atan2(sign * b, sign * a)))), is_mirrored)


def _right_angle(angle_deg: int) -> int:
    return angle_deg % 360 if angle_deg % 90 == 0 else 0


def upright(image: Image, turn: Turn) -> Image:
    """Return the picture as it is to be seen."""
    if turn == Turn():
        return image
    mirrored = image[:, ::-1] if turn.is_mirrored else image
    turned = np.rot90(mirrored, -(turn.clockwise_deg // 90))  # rot90 turns counter-clockwise
    return cast(Image, np.ascontiguousarray(turned))
