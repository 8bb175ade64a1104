"""Edges of a small matte moved to where the full-size picture has them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from instmatt_video.matting.edge_refinement import RADIUS_PX, linear_model, refine_edges

FACTOR = 4
TO_MATTE = np.array(
    [[1 / FACTOR, 0, 0.5 / FACTOR - 0.5], [0, 1 / FACTOR, 0.5 / FACTOR - 0.5]], np.float64
)
"""Pixel centres: (x + 0.5) / 4 - 0.5."""


def shrink(image: np.ndarray) -> np.ndarray:
    size = (image.shape[1] // FACTOR, image.shape[0] // FACTOR)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def step(edge_x: float, height: int = 96, width: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """Return a true alpha that ends at a column, and its picture: red before grey."""
    columns = np.clip(edge_x - np.arange(width), 0, 1).astype(np.float32)
    alpha = np.broadcast_to(columns, (height, width)).copy()
    red, grey = np.float32([0.8, 0.2, 0.1]), np.float32([0.4, 0.45, 0.5])
    return alpha, alpha[..., None] * red + (1 - alpha[..., None]) * grey


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_certain_matte_stays_as_it_is(value: float) -> None:
    rng = np.random.default_rng(0)
    matte = np.full((8, 12), value, np.float32)
    refined = refine_edges(
        matte,
        rng.random((8, 12, 3), np.float32),
        rng.random((32, 48, 3), np.float32),
        TO_MATTE,
    )
    assert refined.shape == (32, 48) and (refined == value).all()


def test_far_from_the_edge_nothing_changes() -> None:
    alpha, image = step(50.0)
    noisy = np.clip(image + np.random.default_rng(1).normal(0, 0.1, image.shape), 0, 1)
    refined = refine_edges(shrink(alpha), shrink(image), noisy.astype(np.float32), TO_MATTE)
    assert (refined[:, :6] == 1).all()
    assert (refined[:, 94:] == 0).all()


@pytest.mark.parametrize("edge_x", [49.0, 50.0, 51.0, 52.0, 50.5])
def test_the_edge_comes_out_where_the_picture_shows_it(edge_x: float) -> None:
    alpha, image = step(edge_x)
    small, guide = shrink(alpha), shrink(image)
    enlarged = cv2.resize(small, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    refined = refine_edges(small, guide, image, TO_MATTE)
    before, after = np.abs(enlarged - alpha).mean(), np.abs(refined - alpha).mean()
    assert after < 0.25 * before or after < 1e-3
    assert refined.min() >= 0 and refined.max() <= 1


def test_linear_model_of_an_exactly_linear_matte() -> None:
    rng = np.random.default_rng(2)
    guide = cv2.GaussianBlur(rng.random((40, 40, 3), np.float32), (0, 0), 1.5)
    slopes, offset = np.float32([0.5, -0.3, 0.4]), np.float32(0.2)
    matte = (guide * slopes).sum(2) + offset
    model = linear_model(matte, guide)
    again = (model[..., :3] * guide).sum(2) + model[..., 3]
    assert np.abs(again - matte).max() < 0.25 * np.ptp(matte)
    assert np.corrcoef(again.ravel(), matte.ravel())[0, 1] > 0.97


def test_linear_model_of_a_flat_picture_is_the_mean() -> None:
    matte = np.random.default_rng(3).random((12, 12), np.float32)
    model = linear_model(matte, np.full((12, 12, 3), 0.5, np.float32))
    assert np.abs(model[..., :3]).max() < 1e-2
    side = (2 * RADIUS_PX + 1,) * 2
    mean = matte
    for _ in range(2):
        mean = cv2.blur(mean, side, borderType=cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(model[..., 3] + 0.5 * model[..., :3].sum(2), mean, atol=5e-3)
    assert model[..., 4].max() < 1e-2, "colour explains nothing"
