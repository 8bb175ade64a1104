"""Low light and deep shadows: what becomes of pictures; composites stay what Eq. 1 says."""

from __future__ import annotations

import numpy as np
import pytest

from instmatt_video.training.pictures.composites import Composite, Layer, composite
from instmatt_video.training.pictures.dimming import (
    MAX_GAMMA,
    MIN_GAIN,
    ToneCurve,
    dim_composite,
    dim_levels,
    draw_curve,
)


def scene() -> Composite:
    rng = np.random.default_rng(4)
    layers = []
    for _ in range(3):
        alpha = rng.random((20, 30), np.float32).round(1)
        layers.append(Layer(alpha[..., None] * rng.random((20, 30, 3), np.float32), alpha))
    return composite(rng.random((20, 30, 3), np.float32), layers)


def test_a_curve_of_ones_changes_nothing() -> None:
    made = scene()
    dimmed = dim_composite(made, ToneCurve(1, 1))
    assert dimmed.image == pytest.approx(made.image, abs=1e-3)
    assert dimmed.foregrounds == pytest.approx(made.foregrounds, abs=1e-3)


def test_less_light_is_a_factor_for_the_mixture_too() -> None:
    made = scene()
    dimmed = dim_composite(made, ToneCurve(0.25, 1))
    assert dimmed.image == pytest.approx(0.25 * made.image, abs=1e-3)


def test_deep_shadows_change_each_layer_not_the_mixture() -> None:
    """White of alpha one half over black: 0.5 before, and still, for white and black stay."""
    alpha = np.full((4, 4), 0.5, np.float32)
    white = Layer(np.full((4, 4, 3), 0.5, np.float32), alpha)
    made = composite(np.zeros((4, 4, 3), np.float32), [white])
    assert dim_composite(made, ToneCurve(1, 3)).image == pytest.approx(0.5)
    grey = Layer(np.full((4, 4, 3), 0.25, np.float32), alpha)
    made = composite(np.full((4, 4, 3), 0.5, np.float32), [grey])
    # Both are grey of one half: its square is one quarter, in any mixture.
    assert dim_composite(made, ToneCurve(1, 2)).image == pytest.approx(0.25)


def test_the_picture_stays_the_sum_of_its_layers_and_alphas_stay() -> None:
    made = scene()
    dimmed = dim_composite(made, ToneCurve(0.8, 2.2))
    assert np.array_equal(dimmed.alphas, made.alphas)
    place = dimmed.image - dimmed.foregrounds.sum(0)
    uncovered = 1 - made.alphas.sum(0)
    assert (place > -1e-5).all() and (place <= uncovered[..., None] + 1e-5).all()
    assert (dimmed.foregrounds <= made.alphas[..., None] + 1e-5).all()


def test_colours_a_hair_below_0_are_0() -> None:
    """Resampling leaves such; to a power they would be no numbers."""
    made = scene()
    made.foregrounds[0] -= 1e-3
    assert np.isfinite(dim_composite(made, ToneCurve(1, 1.7)).image).all()


def test_levels_of_a_picture() -> None:
    image = np.array([[[0, 51, 255]]], np.uint8)
    assert dim_levels(image, ToneCurve(1, 2)).tolist() == [[[0, 10, 255]]]
    assert dim_levels(image, ToneCurve(0.5, 1)).tolist() == [[[0, 26, 128]]]


def test_a_drawn_curve_takes_light_or_deepens_shadows() -> None:
    rng = np.random.default_rng(0)
    curves = [draw_curve(rng) for _ in range(400)]
    assert all((c.gain == 1) != (c.gamma == 1) for c in curves)
    gammas = [c.gamma for c in curves if c.gain == 1]
    gains = [c.gain for c in curves if c.gamma == 1]
    assert 150 < len(gammas) < 250
    assert 1 < min(gammas) < 1.1 and 2.7 < max(gammas) < MAX_GAMMA
    assert MIN_GAIN < min(gains) < 0.22 and 0.9 < max(gains) < 1
