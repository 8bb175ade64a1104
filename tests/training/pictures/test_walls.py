from __future__ import annotations

import numpy as np
import numpy.typing as npt

from instmatt_video.training.pictures.walls import make_wall


def somebody(color: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    rgba = np.zeros((64, 48, 4), np.uint8)
    rgba[8:, 8:40] = (*color, 255)
    return rgba


def test_a_wall_has_the_persons_own_colour() -> None:
    color = np.array([200, 120, 60])
    walls = [
        make_wall([somebody((200, 120, 60))], (40, 30), np.random.default_rng(seed))
        for seed in range(40)
    ]
    assert all(wall.shape == (30, 40, 3) and wall.dtype == np.uint8 for wall in walls)
    means = np.stack([wall.mean((0, 1)) for wall in walls])
    np.testing.assert_allclose(means.mean(0), color, atol=12)
    # Every single wall: at most 15 % by its own shade, and a few levels by chance.
    assert (np.abs(means / color - 1) < 0.5).all()


def test_wall_and_floor_take_colours_of_everybody() -> None:
    people = [somebody((220, 30, 30)), somebody((30, 30, 220))]
    rng = np.random.default_rng(0)
    reddish = [
        float(np.diff(make_wall(people, (16, 16), rng)[0, 0].astype(int)[[0, 2]])[0]) < 0
        for _ in range(60)
    ]
    assert 15 < sum(reddish) < 45


def test_the_same_chance_gives_the_same_wall() -> None:
    first, again = (
        make_wall([somebody((90, 90, 90))], (32, 32), np.random.default_rng(3)) for _ in range(2)
    )
    np.testing.assert_array_equal(first, again)
