"""Backgrounds that are hard by their colour: a plain wall and floor in the people's own colours.

Photos of places rarely repeat a person's skin or clothes right beside them. Studios do: there the
mask and the faint edge must tell where an arm ends, not colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

FLOOR_CHANCE = 0.6
LIGHT = 0.15
"""How much brighter one end of a wall may be than its middle, as a share."""


def make_wall(
    people: Sequence[npt.NDArray[np.uint8]], size: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Return a wall, often with a floor, whose colours are near some of the people's.

    Args:
        people: RGBA `(h, w, 4)` of those who will stand before it.
        size: (width, height) in pixels.
        rng: Source of chance.

    Returns:
        `(height, width, 3)` RGB.
    """
    width, height = size
    wall = _surface(_color_near(people, rng), size, rng)
    if rng.random() < FLOOR_CHANCE:
        floor = _surface(_color_near(people, rng), size, rng)
        tilt = rng.uniform(-0.06, 0.06) * (np.arange(width) - width / 2)
        edge = rng.uniform(0.5, 1.0) * height + tilt
        # A pixel wide and soft, as a lens shows an edge that is far away.
        share = np.clip(np.arange(height)[:, None] - edge, 0, 1)[..., None]
        wall += share * (floor - wall)
    wall += rng.normal(0, rng.uniform(0, 2), (height, width, 1))
    return np.asarray(np.clip(wall, 0, 255), np.uint8)


def _color_near(
    people: Sequence[npt.NDArray[np.uint8]], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the colour of some inner pixel of somebody, a little changed, 0..255."""
    rgba = people[int(rng.integers(len(people)))].reshape(-1, 4)
    inner = rgba[rgba[:, 3] >= 0.9 * rgba[:, 3].max()]
    color = inner[int(rng.integers(len(inner))), :3].astype(np.float64)
    return np.asarray(color * rng.uniform(0.85, 1.15) + rng.normal(0, 6, 3), np.float64)


def _surface(
    color: npt.NDArray[np.float64], size: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return one colour under uneven light, `(height, width, 3)`."""
    width, height = size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    ramp = rng.uniform(0, LIGHT) * (np.cos(angle) * x + np.sin(angle) * y)
    cloud = cv2.resize(rng.normal(0, 0.03, (4, 4)), size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(color * (1 + ramp + cloud)[..., None])
