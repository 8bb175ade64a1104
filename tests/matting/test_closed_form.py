"""Closed-form matting against exact mixtures, its definition, and a well-known implementation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from instmatt_video.matting import closed_form
from instmatt_video.matting.closed_form import BAND_PX, solve_uncertain
from instmatt_video.media.color_noise import CLEAN, CODED


def mixture(seed: int = 0, side: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Return a disc's alpha with a soft rim and its picture: one colour over another."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    radius = np.hypot(y - side / 2 + 0.3, x - side / 2)
    alpha = np.clip((0.3 * side - radius) / 3 + 0.5, 0, 1).astype(np.float32)
    colors = rng.random((2, 3))
    return alpha, (alpha[..., None] * colors[0] + (1 - alpha[..., None]) * colors[1]).astype(
        np.float32
    )


@pytest.mark.parametrize("seed", range(4))
def test_an_exact_mixture_of_two_colours_gives_back_its_alpha(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closed_form, "PRIOR", 0.0)
    monkeypatch.setattr(closed_form, "TOLERANCE", 1e-8)
    monkeypatch.setattr(closed_form, "MAX_ITERATIONS", 3000)
    alpha, image = mixture(seed)
    rough = np.where((alpha > 0) & (alpha < 1), np.float32(0.5), alpha)
    solved = solve_uncertain(rough, image, CLEAN)
    inside = (alpha > 0.03) & (alpha < 0.97)
    assert np.abs(solved - alpha)[inside].max() < 0.02
    assert np.abs(solved - alpha).max() <= closed_form.SNAP + 0.01


def test_the_matte_gets_better_with_the_shipped_settings() -> None:
    alpha, image = mixture(1, 96)
    rough = np.where((alpha > 0) & (alpha < 1), np.float32(0.5), alpha)
    solved = solve_uncertain(rough, image, CLEAN)
    assert np.abs(solved - alpha).mean() < 0.1 * np.abs(rough - alpha).mean()


def test_without_colour_the_prior_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_form, "PRIOR", 1e10)
    rng = np.random.default_rng(2)
    matte = np.zeros((40, 40), np.float32)
    matte[10:30, 10:30] = 1
    matte[9:31, 9] = matte[9:31, 30] = 0.5
    solved = solve_uncertain(matte, rng.random((40, 40, 3), np.float32), CLEAN)
    assert np.abs(solved - matte).max() < 0.02


def test_what_is_certain_becomes_0_and_1_and_the_rest_of_the_picture_is_left_alone() -> None:
    alpha, image = mixture(3, 64)
    dusty = np.clip(alpha, 0.01, 0.99).astype(np.float32)
    solved = solve_uncertain(dusty, image, CLEAN)
    far = BAND_PX + 4
    y, x = np.mgrid[:64, :64]
    radius = np.hypot(y - 31.7, x - 32)
    assert (solved[radius > 0.3 * 64 + far] == 0).all()
    assert (solved[radius < 0.3 * 64 - far] == 1).all()


def test_nothing_uncertain_and_nothing_certain_stay_as_they_are() -> None:
    image = np.random.default_rng(4).random((20, 30, 3), np.float32)
    for value in (0.0, 0.5, 1.0):
        matte = np.full((20, 30), value, np.float32)
        assert (solve_uncertain(matte, image, CLEAN) == matte).all()


def test_a_band_along_the_pictures_edge_is_solved_too() -> None:
    alpha, image = mixture(5, 48)
    cut, picture = alpha[:, 24:].copy(), image[:, 24:].copy()
    rough = np.where((cut > 0) & (cut < 1), np.float32(0.5), cut)
    solved = solve_uncertain(rough, picture, CLEAN)
    assert np.isfinite(solved).all()
    assert np.abs(solved - cut).mean() < 0.25 * np.abs(rough - cut).mean()


def test_like_pymatting_where_the_band_is_the_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    pymatting = pytest.importorskip("pymatting")
    for name, value in {
        "PRIOR": 0.0,
        "TOLERANCE": 1e-9,
        "MAX_ITERATIONS": 5000,
        "SNAP": 0.0,
    }.items():
        monkeypatch.setattr(closed_form, name, value)
    rng = np.random.default_rng(6)
    alpha, image = mixture(6, 40)
    image = np.clip(image + rng.normal(0, 0.05, image.shape), 0, 1).astype(np.float32)
    solved = solve_uncertain(alpha, image, 1e-2)
    known = closed_form._known(alpha)
    trimap = np.where(np.isnan(known), 0.5, known).astype(np.float64)
    # Its ε is divided by the window's nine pixels as ours is.
    theirs = pymatting.estimate_alpha_cf(
        image.astype(np.float64), trimap, laplacian_kwargs={"epsilon": 1e-4}
    )
    assert np.abs(solved - theirs).max() < 2e-3


def test_edges_follow_a_coders_blocks_less_where_colours_are_alike() -> None:
    alpha, _ = mixture(8, 96)
    soft = cv2.GaussianBlur(alpha, (0, 0), 3)[..., None]
    image = soft * np.float32([0.6, 0.53, 0.47]) + (1 - soft) * np.float32([0.57, 0.5, 0.44])
    blocks = image.reshape(24, 4, 24, 4, 3).mean((1, 3)).repeat(4, 0).repeat(4, 1)
    trusting, wary = (
        np.abs(np.diff(solve_uncertain(soft[..., 0], blocks, noise) - soft[..., 0])).mean()
        for noise in (CLEAN, CODED)
    )
    assert wary < 0.7 * trusting
