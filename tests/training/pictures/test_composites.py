"""Eq. 13-15, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from instmatt_video.training.pictures.composites import Layer, composite


def layer(alpha: np.ndarray, color: tuple[float, float, float]) -> Layer:
    return Layer((alpha[..., None] * np.float32(color)).astype(np.float32), alpha)


def pixel(alpha: float) -> np.ndarray:
    return np.full((1, 1), alpha, np.float32)


def random_layers(count: int, seed: int = 0) -> tuple[np.ndarray, list[Layer]]:
    rng = np.random.default_rng(seed)
    background = rng.random((6, 7, 3), np.float32)
    return background, [
        layer(rng.random((6, 7), np.float32), tuple(rng.random(3))) for _ in range(count)
    ]


def test_two_layers_by_hand() -> None:
    background = np.full((1, 1, 3), 0.8, np.float32)
    back, front = layer(pixel(0.5), (1, 0, 0)), layer(pixel(0.25), (0, 1, 0))
    scene = composite(background, [back, front])
    # I_1 = 0.5 (1, 0, 0) + 0.5 (.8, .8, .8); I_2 = 0.25 (0, 1, 0) + 0.75 I_1
    assert scene.image[0, 0] == pytest.approx([0.675, 0.55, 0.3])
    # The layer behind keeps 0.5 · 0.75, the background 0.5 · 0.75.
    assert scene.alphas[:, 0, 0] == pytest.approx([0.375, 0.25])
    assert scene.foregrounds[0, 0, 0] == pytest.approx([0.375, 0, 0])
    assert scene.foregrounds[1, 0, 0] == pytest.approx([0, 0.25, 0])


def test_order_matters() -> None:
    background = np.zeros((1, 1, 3), np.float32)
    a, b = layer(pixel(1.0), (1, 0, 0)), layer(pixel(0.5), (0, 1, 0))
    assert composite(background, [a, b]).alphas[:, 0, 0] == pytest.approx([0.5, 0.5])
    assert composite(background, [b, a]).alphas[:, 0, 0] == pytest.approx([0, 1])


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_alphas_sum_to_1_and_layers_to_the_picture(count: int) -> None:
    background, layers = random_layers(count)
    scene = composite(background, layers)
    uncovered = np.ones(background.shape[:2], np.float32)
    for each in layers:
        uncovered *= 1 - each.alpha
    np.testing.assert_allclose(scene.alphas.sum(0) + uncovered, 1, atol=1e-6)
    picture = scene.foregrounds.sum(0) + uncovered[..., None] * background
    np.testing.assert_allclose(picture, scene.image, atol=1e-6)


def test_the_inputs_are_not_changed() -> None:
    background, layers = random_layers(3)
    before = background.copy(), layers[0].alpha.copy(), layers[0].premultiplied.copy()
    composite(background, layers)
    after = background, layers[0].alpha, layers[0].premultiplied
    assert all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))


def test_an_opaque_layer_in_front_hides_all() -> None:
    background, layers = random_layers(2)
    front = layer(np.ones((6, 7), np.float32), (0.2, 0.4, 0.6))
    scene = composite(background, [*layers, front])
    assert not scene.alphas[:2].any()
    np.testing.assert_allclose(scene.image, np.broadcast_to([0.2, 0.4, 0.6], (6, 7, 3)), atol=1e-6)
