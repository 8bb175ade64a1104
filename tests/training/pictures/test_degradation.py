"""What cameras do to pictures, and what it must not do to a premultiplied layer."""

from __future__ import annotations

import numpy as np
import pytest

from instmatt_video.training.pictures.composites import Layer
from instmatt_video.training.pictures.cutouts import cut_out
from instmatt_video.training.pictures.degradation import (
    compress,
    degrade,
    match_light,
    motion_kernel,
    obscure,
    soften,
)
from tests.training.made_people import person, place

SCENE = place().astype(np.float32) / 255


def made_layer(seed: int = 0) -> Layer:
    matrix = np.float32([[1, 0, 40], [0, 1, 12]])
    return cut_out("p", person(seed)).lay(matrix, (160, 120))


@pytest.mark.parametrize("change", ["light", "sharpness"])
def test_a_layer_stays_premultiplied(change: str) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        before = made_layer(seed)
        after = match_light(before, SCENE, rng) if change == "light" else soften(before, rng)
        assert after.alpha.min() >= 0 and after.alpha.max() <= 1 + 1e-6
        assert after.premultiplied.min() >= 0
        assert (after.premultiplied <= after.alpha[..., None] + 0.02).all()
        if change == "light":
            assert np.array_equal(after.alpha, before.alpha)


def test_light_is_the_same_function_of_straight_colour_at_any_alpha() -> None:
    # A layer of one colour stays of one colour, where no gradient of light is drawn.
    alpha = np.tile(np.linspace(0.2, 1, 160, dtype=np.float32), (120, 1))
    flat = Layer(alpha[..., None] * np.float32([0.5, 0.4, 0.45]), alpha)
    uniform = 0
    for seed in range(30):
        after = match_light(flat, SCENE, np.random.default_rng(seed))
        straight = after.premultiplied / alpha[..., None]
        uniform += np.ptp(straight, (0, 1)).max() < 1e-4
    assert 15 <= uniform <= 27  # 7 of 10


def test_light_draws_colours_to_the_scene() -> None:
    layer = made_layer(1)
    mean = layer.premultiplied.sum((0, 1)) / layer.alpha.sum()
    scene = SCENE.mean((0, 1))
    distances = []
    for seed in range(60):
        after = match_light(layer, SCENE, np.random.default_rng(seed))
        now = after.premultiplied.sum((0, 1)) / after.alpha.sum()
        distances.append((now - mean) @ (scene - mean) / ((scene - mean) @ (scene - mean)))
    assert 0 < np.mean(distances) < 0.8


def test_softening_keeps_most_layers_and_all_of_their_area() -> None:
    same = 0
    for seed in range(60):
        before = made_layer()
        after = soften(before, np.random.default_rng(seed))
        same += after is before
        assert after.alpha.sum() == pytest.approx(before.alpha.sum(), rel=0.02)
    assert 30 < same < 58  # 0.8 · 0.92 of 60 is 44


@pytest.mark.parametrize("length", [3, 4, 11])
@pytest.mark.parametrize("angle", [0.0, 45.0, 90.0, 133.0])
def test_motion_kernel(length: int, angle: float) -> None:
    kernel = motion_kernel(length, angle)
    assert kernel.shape == (length, length) and kernel.min() >= 0
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    if length % 2 and angle == 0:
        assert kernel[length // 2] == pytest.approx(1 / length)


def test_degraded_pictures_stay_pictures() -> None:
    changes = []
    for seed in range(40):
        after = degrade(SCENE, np.random.default_rng(seed))
        assert after.shape == SCENE.shape and after.dtype == np.float32
        assert after.min() >= 0 and after.max() <= 1
        changes.append(np.abs(after - SCENE).mean())
    assert max(changes) < 0.05
    assert sum(change < 1e-7 for change in changes) < 20


def test_of_who_is_far_away_noise_and_coding_are_enlarged_too() -> None:
    flat = np.full((96, 128, 3), 0.5, np.float32)

    def likeness_of_neighbours(far_chance: float) -> float:
        found = []
        for seed in range(60):
            noise = degrade(flat, np.random.default_rng(seed), far_chance) - flat
            assert noise.shape == flat.shape and np.abs(noise).max() <= 0.5
            if noise.std() > 1e-3:
                pairs = noise[:, :-1].ravel(), noise[:, 1:].ravel()
                found.append(np.corrcoef(*pairs)[0, 1])
        assert len(found) > 15
        return float(np.mean(found))

    assert likeness_of_neighbours(1.0) > likeness_of_neighbours(0.0) + 0.15


@pytest.mark.parametrize("quality", [40, 70, 95])
def test_a_jpeg_keeps_fine_lines_as_the_eye_sees_them(quality: int) -> None:
    """Of luma green makes 0.587, red 0.299 and blue 0.114; fine chroma is lost."""
    kept = []
    for channel in range(3):
        lines = np.zeros((64, 96, 3), np.uint8)
        lines[:, 1::2, channel] = 255
        shown = compress(lines, quality).astype(np.float64)
        kept.append(shown[:, 1::2, channel].mean() - shown[:, ::2, channel].mean())
    red, green, blue = kept
    assert green > red + 20 and red > blue + 20


def test_compressed_colours_stay_what_they_are() -> None:
    flat = np.full((64, 64, 3), (220, 90, 30), np.uint8)
    np.testing.assert_allclose(compress(flat, 95), flat, atol=4)


def test_same_seed_same_bytes() -> None:
    first, second = (degrade(SCENE, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, second)


def test_an_obscured_picture_keeps_its_shapes_and_loses_its_contrast() -> None:
    row = np.arange(96) // 24 % 2 * 0.8 + 0.1
    stripes = np.broadcast_to(row[None, :, None], (64, 96, 3)).astype(np.float32)
    for seed in range(20):
        after = obscure(stripes, np.random.default_rng(seed))
        assert after.shape == stripes.shape and after.dtype == np.float32
        assert after.min() >= 0 and after.max() <= 1
        bright, dark = after[:, 32:40].mean(), after[:, 8:16].mean()
        assert 0.15 < bright - dark < 0.8 * 1.7  # the tint can raise it, e^0.5 at three sigmas
    spread = [obscure(stripes, np.random.default_rng(seed)).std() for seed in range(20)]
    assert np.mean(spread) < 0.85 * stripes.std()
    assert len(set(spread)) == 20
