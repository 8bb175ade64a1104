"""Masks as detectors make them: close to the truth, never exact, the same for a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from instmatt_video.training.matting.guidance import GuidanceConfig, drop_neighbours, simulate_masks

CONFIG = GuidanceConfig()
QUIET = GuidanceConfig(
    exact_chance=0,
    hard_chance=0,
    noise=0.2,
    jitter=0,
    morphology_chance=0,
    blob_chance=0,
    leak_chance=0,
    cut_chance=0,
)


def two_people(side: int = 128) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    alphas = []
    for centre in (0.36, 0.62):
        radius = np.hypot((x - centre * side) / (0.17 * side), (y - 0.5 * side) / (0.4 * side))
        alphas.append(np.clip(0.5 + 10 * (1 - radius), 0, 1))
    back, front = alphas
    return np.stack((back * (1 - front), front)).astype(np.float32)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


def test_masks_are_probabilities_and_hard_ones_are_0_and_1() -> None:
    alphas = two_people()
    for hard_chance in (0.0, 1.0, 0.5):
        config = replace(CONFIG, hard_chance=hard_chance)
        kinds = set()
        for seed in range(25):
            masks = simulate_masks(alphas, config, np.random.default_rng(seed))
            assert masks.shape == alphas.shape and masks.dtype == np.float32
            assert masks.min() >= 0 and masks.max() <= 1
            kinds.add(bool(np.isin(masks, (0, 1)).all()))
        if hard_chance == 1:
            assert kinds == {True}
        if hard_chance == 0.5:
            assert kinds == {True, False}


def test_masks_are_as_good_as_a_detectors() -> None:
    alphas = two_people()
    scores = []
    for seed in range(60):
        masks = simulate_masks(alphas, CONFIG, np.random.default_rng(seed))
        scores += [iou(m > 0.5, a > 0.5) for m, a in zip(masks, alphas, strict=True)]
    assert 0.75 < np.mean(scores) < 0.95
    assert np.mean(np.array(scores) > 0.5) > 0.97, "hardly ever nonsense"
    assert np.mean(np.array(scores) > 0.99) < 0.3, "rarely exact"


def test_without_faults_only_the_grid_is_left() -> None:
    alphas = two_people()
    for grids, at_least in (((28,), 0.87), ((112,), 0.94)):
        config = replace(QUIET, grids=grids)
        scores = []
        for seed in range(10):
            masks = simulate_masks(alphas, config, np.random.default_rng(seed))
            scores += [iou(m > 0.5, a > 0.5) for m, a in zip(masks, alphas, strict=True)]
            for mask, alpha in zip(masks, alphas, strict=True):
                y, x = np.mgrid[:128, :128]
                for axis in (x, y):
                    shift = (mask * axis).sum() / mask.sum() - (alpha * axis).sum() / alpha.sum()
                    assert abs(shift) < 1.5
        assert np.mean(scores) > at_least


def test_exact_masks() -> None:
    alphas = two_people()
    config = replace(CONFIG, exact_chance=1.0)
    masks = simulate_masks(alphas, config, np.random.default_rng(0))
    assert np.array_equal(masks, (alphas > 0.5).astype(np.float32))


def test_a_leak_takes_from_the_neighbour() -> None:
    alphas = two_people()
    leaking, tight = replace(QUIET, leak_chance=1.0), QUIET
    gained = []
    for seed in range(20):
        wide, narrow = (
            simulate_masks(alphas, c, np.random.default_rng(seed))[0] for c in (leaking, tight)
        )
        gained.append(
            ((wide > 0.5) & (alphas[1] > 0.5)).sum() - ((narrow > 0.5) & (alphas[1] > 0.5)).sum()
        )
    assert np.mean(gained) > 20


def test_somebody_hardly_visible_has_an_empty_mask() -> None:
    alphas = np.zeros((2, 64, 64), np.float32)
    alphas[0] = 0.2
    for seed in range(10):
        assert not simulate_masks(alphas, QUIET, np.random.default_rng(seed)).any()


def test_a_person_who_fills_the_picture() -> None:
    for seed in range(10):
        masks = simulate_masks(
            np.ones((1, 64, 64), np.float32), CONFIG, np.random.default_rng(seed)
        )
        assert (masks > 0.5).mean() > 0.7


def test_same_seed_same_bytes() -> None:
    first, second, third = (
        simulate_masks(two_people(), CONFIG, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, second) and not np.array_equal(first, third)


def test_the_truth_is_not_changed() -> None:
    alphas = two_people()
    before = alphas.copy()
    for seed in range(10):
        simulate_masks(alphas, CONFIG, np.random.default_rng(seed))
    assert np.array_equal(alphas, before)


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.0), (0.3, 0.3), (1.0, 0.75)])
def test_neighbours_are_missed_but_never_everybody(chance: float, share: float) -> None:
    rng = np.random.default_rng(0)
    config = replace(CONFIG, missing_chance=chance)
    found = np.stack([drop_neighbours(4, config, rng) for _ in range(400)])
    assert found.any(1).all()
    assert (~found).mean() == pytest.approx(share, abs=0.04)
