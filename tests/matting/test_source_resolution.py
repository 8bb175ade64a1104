"""Mattes brought to the frame's resolution, of discs whose alpha is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from instmatt_video.matting.source_resolution import resize_to_source, solve_at_source

SIDE = 64
SAMPLES = 12
"""By which the truth is the mean of so many points a pixel and side."""
PERSON, PLACE = np.float32([0.8, 0.3, 0.2]), np.float32([0.2, 0.4, 0.7])


def disc(scale: int, radius: float = 14.3) -> np.ndarray:
    """Return a disc's alpha, each pixel of 1/`scale` of the frame's, `(64 scale, 64 scale)`."""
    points = (np.arange(SIDE * SAMPLES) + 0.5) / SAMPLES - SIDE / 2
    inside = np.hypot(points[:, None] + 0.2, points + 0.4) < radius
    size = (SIDE * scale, SIDE * scale)
    return cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def to_finer(scale: float) -> np.ndarray:
    """Return the map of a frame's pixels to those of a matte `scale` times as large."""
    return np.array([[scale, 0, scale / 2 - 0.5], [0, scale, scale / 2 - 0.5]])


def frame_of(alpha: np.ndarray) -> np.ndarray:
    return alpha[..., None] * PERSON + (1 - alpha[..., None]) * PLACE


def enlarged(frame: np.ndarray, scale: int) -> np.ndarray:
    size = (SIDE * scale, SIDE * scale)
    return cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC).clip(0, 1)


@pytest.mark.parametrize("scale", [2, 3])
def test_a_finer_matte_comes_back_as_the_means_of_its_pixels(scale: int) -> None:
    part = frame_of(disc(1))
    found = resize_to_source(disc(scale), enlarged(part, scale), part, to_finer(scale))
    np.testing.assert_allclose(found, disc(1), atol=1e-4)


def test_a_finer_matte_of_no_whole_scale_stays_where_it_was() -> None:
    part = frame_of(disc(1))
    finer = cv2.resize(disc(4), (160, 160), interpolation=cv2.INTER_AREA)
    guide = cv2.resize(part, (160, 160), interpolation=cv2.INTER_CUBIC)
    found = resize_to_source(finer, guide, part, to_finer(2.5))
    assert np.abs(found - disc(1)).max() < 0.25
    assert np.abs(found - disc(1)).mean() < 0.004
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for axis in (rows, columns):
        shift = (found * axis).sum() / found.sum() - (disc(1) * axis).sum() / disc(1).sum()
        assert abs(shift) < 0.01


def test_edges_of_the_enlarged_are_solved_between_the_frames_pixels() -> None:
    truth, part, guide = disc(1), frame_of(disc(1)), enlarged(frame_of(disc(1)), 3)
    guess = cv2.GaussianBlur(disc(3), (0, 0), 4)  # as a network that is unsure of the edge
    given = resize_to_source(guess, guide, part, to_finer(3))
    solved = solve_at_source(guess, guide, part, to_finer(3), color_noise=0.001)
    assert np.abs(given - truth).sum() > 75
    assert np.abs(solved - truth).sum() < 15
    assert not solved[:10].any() and (solved[28:36, 28:36] == 1).all()
