"""Where a picture stands still, on pictures whose motion is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from instmatt_video.media.stillness import (
    FAR_PX,
    NEAR_PX,
    NOISE_LEVELS,
    cut_stillness,
    stillness,
    view_still,
)
from instmatt_video.rectangle import Rectangle


def plain(level: float = 90) -> np.ndarray:
    return np.full((80, 120, 3), level, np.uint8)


def still(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return stillness(view_still(one), view_still(other))


def edge_at(x: float) -> np.ndarray:
    """Return black beside white, the edge at a column, blurred as a lens leaves it."""
    columns = np.clip(np.arange(121) - x, 0, 1)
    shares = cv2.GaussianBlur(np.tile(columns, (80, 1)).astype(np.float32), (0, 0), 1.0)[:, :120]
    return np.repeat((255 * shares)[..., None], 3, axis=2).round().astype(np.uint8)


def test_the_same_picture_stands_still() -> None:
    assert (still(plain(), plain()) == 1).all()


@pytest.mark.parametrize(("change", "expected"), [(NOISE_LEVELS, 1), (NOISE_LEVELS + 1, 0)])
def test_noise_is_no_motion(change: float, expected: int) -> None:
    assert (still(plain(), plain(90 + change)) == expected).all()


def test_one_colour_is_enough() -> None:
    tinted = plain()
    tinted[..., 2] += 30
    assert not still(plain(), tinted).any()


def test_it_is_the_same_both_ways() -> None:
    rng = np.random.default_rng(5)
    one, other = (rng.integers(0, 255, (80, 120, 3)).astype(np.uint8) for _ in range(2))
    assert np.array_equal(still(one, other), still(other, one))


def test_near_what_moves_it_fades() -> None:
    moved = plain()
    moved[30:50, 40:60] = 200
    seen = still(plain(), moved)
    # Means over 3x3 pixels carry the change a pixel beyond the square.
    row, last_moved = seen[40], 60
    assert not seen[29:51, 39:61].any()
    distance = np.arange(120) - last_moved
    expected = np.clip((distance - NEAR_PX) / (FAR_PX - NEAR_PX), 0, 1)
    assert row[61:] == pytest.approx(expected[61:], abs=0.05)


def test_an_edge_may_tremble_but_not_walk() -> None:
    assert (still(edge_at(60), edge_at(60.3)) == 1).all()
    walked = still(edge_at(60), edge_at(63))
    assert not walked[:, 60:63].any() and walked[:, :40].all()


def test_a_speck_moves() -> None:
    speck = plain()
    speck[40, 60] = 255
    seen = still(plain(), speck)
    assert not seen[39:42, 59:62].any() and seen[40, 80] == 1


def test_large_pictures_are_compared_small_and_cut_at_their_own_size() -> None:
    before = np.full((1000, 2560, 3), 90, np.uint8)
    after = before.copy()
    after[400:600, 1000:1200] = 250
    view = view_still(before)
    assert view.colors.shape == (250, 640, 3) and view.size == (1000, 2560)
    seen = stillness(view, view_still(after))
    area = Rectangle(900, 300, 1300, 700)
    part = cut_stillness(seen, view, area)
    assert part.shape == (400, 400)
    assert not part[100:300, 100:300].any()
    # Twelve pixels of the small picture are 48 of its own; the means' reach and half a step more.
    assert (part[:44] == 1).all() and (part[356:] == 1).all()
    assert part == pytest.approx(part[::-1, ::-1], abs=0.05)


def test_a_small_picture_is_cut_as_it_is() -> None:
    moved = plain()
    moved[10, 10] = 255
    view = view_still(plain())
    seen = stillness(view, view_still(moved))
    area = Rectangle(5, 3, 50, 40)
    assert np.array_equal(cut_stillness(seen, view, area), seen[3:40, 5:50])
