"""Chance arrangements: nobody hidden, half figures on the lower edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from instmatt_video.training.pictures.cutouts import Cutout, cut_out
from instmatt_video.training.pictures.scene import (
    SceneConfig,
    compose_scene,
    place_background,
    place_cutout,
)
from tests.training.made_people import person, place

SIZE = (128, 96)
PLAIN = SceneConfig(has_augmentation=False)
PEOPLE = [cut_out(f"p{k}", person(k, is_half=k % 2 == 1)) for k in range(5)]


def test_everybody_is_visible_enough() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scene = compose_scene(PEOPLE, place(), SIZE, PLAIN, rng)
        assert 1 <= len(scene.alphas) <= 5
        for alpha in scene.alphas:
            assert alpha.sum() >= PLAIN.min_area * alpha.size


@pytest.mark.parametrize("min_visible", [0.3, 0.8, 1.0])
def test_nobody_is_hidden(monkeypatch: pytest.MonkeyPatch, min_visible: float) -> None:
    # Remember whole alphas as they are laid: what is visible is a share of them.
    laid: list[np.ndarray] = []
    lay = Cutout.lay

    def remember(self: Cutout, matrix: np.ndarray, size: tuple[int, int]):  # type: ignore[no-untyped-def]
        layer = lay(self, matrix, size)
        laid.append(layer.alpha)
        return layer

    monkeypatch.setattr(Cutout, "lay", remember)
    for seed in range(30):
        laid.clear()
        config = replace(PLAIN, min_visible=min_visible)
        scene = compose_scene(PEOPLE, place(), SIZE, config, np.random.default_rng(seed))
        for alpha in scene.alphas:
            # The layer it came from: the visible part is nowhere more than the whole.
            wholes = [w.sum() for w in laid if (alpha <= w + 1e-5).all()]
            assert wholes and any(alpha.sum() >= min_visible * w - 1e-2 for w in wholes)


@pytest.mark.parametrize("has_augmentation", [False, True])
def test_the_truth_holds_together(has_augmentation: bool) -> None:
    config = replace(PLAIN, has_augmentation=has_augmentation)
    for seed in range(10):
        scene = compose_scene(PEOPLE, place(), SIZE, config, np.random.default_rng(seed))
        assert scene.image.shape == (96, 128, 3)
        assert scene.alphas.min() >= -1e-6 and scene.alphas.sum(0).max() <= 1 + 1e-5
        assert scene.image.min() >= 0 and scene.image.max() <= 1 + 0.02
        uncovered = (1 - scene.alphas.sum(0))[..., None]
        rest = scene.image - scene.foregrounds.sum(0)
        assert (rest >= -1e-5).all() and (rest <= uncovered + 1e-5).all()


def test_half_figures_reach_the_lower_edge() -> None:
    half = [PEOPLE[1]]
    for seed in range(80):
        alpha = compose_scene(half, place(), SIZE, PLAIN, np.random.default_rng(seed)).alphas[0]
        seen = alpha > 0.5
        columns = np.flatnonzero(seen.any(0))
        # The cut edge is never in the picture: where the figure is widest it goes on to the edge.
        widest = seen.sum(1).argmax()
        assert seen[-1].any(), seed
        lowest = seen[:, columns].shape[0] - 1 - seen[::-1][:, columns].argmax(0)
        assert (lowest == 95).mean() > 0.4 or widest == 95, seed


@pytest.mark.parametrize("sides", [("left",), ("right",), ("left", "right")], ids=" and ".join)
def test_where_their_picture_cut_them_off_people_go_on_outside(sides: tuple[str, ...]) -> None:
    cut = replace(
        PEOPLE[0], is_cut_left="left" in sides, is_cut_right="right" in sides, is_cut_below=False
    )
    for seed in range(200):
        matrix, _ = place_cutout(cut, [], SIZE, PLAIN, np.random.default_rng(seed))
        for side in sides:
            column = 0 if side == "left" else cut.width
            ends = matrix[0] @ np.array([[column, column], [0, cut.height], [1, 1]])
            assert (ends < 0).all() or (ends > SIZE[0]).all(), seed


def test_posed_people_are_whole_and_upright() -> None:
    config = replace(PLAIN, is_posed=True, height_range=(0.5, 0.9))
    whole = [PEOPLE[0]]
    for seed in range(40):
        _, (_, width) = place_cutout(whole[0], [], SIZE, config, np.random.default_rng(seed))
        matrix, _ = place_cutout(whole[0], [], SIZE, config, np.random.default_rng(seed))
        assert matrix[0, 1] == 0 and matrix[1, 0] == 0, "upright"
        assert 0.5 * 96 <= matrix[1, 1] * whole[0].height <= 0.9 * 96 + 1e-3
        assert width == pytest.approx(matrix[1, 1] * whole[0].width, rel=1e-5)


def test_people_stand_side_by_side() -> None:
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(300):
        _, (centre, width) = place_cutout(PEOPLE[0], [(64.0, 30.0)], SIZE, PLAIN, rng)
        gaps.append(abs(centre - 64) / ((width + 30) / 2))
    assert min(gaps) >= PLAIN.gap_range[0] - 1e-6 and max(gaps) <= PLAIN.gap_range[1] + 1e-6


def test_same_seed_same_bytes() -> None:
    for config in (PLAIN, SceneConfig()):
        a, b = (
            compose_scene(PEOPLE, place(), SIZE, config, np.random.default_rng(7)) for _ in range(2)
        )
        assert np.array_equal(a.image, b.image) and np.array_equal(a.alphas, b.alphas)
    other = compose_scene(PEOPLE, place(), SIZE, PLAIN, np.random.default_rng(8))
    assert a.alphas.shape != other.alphas.shape or not np.array_equal(a.alphas, other.alphas)


@pytest.mark.parametrize("size", [(128, 96), (64, 64), (300, 50)])
def test_backgrounds_fill_the_window(size: tuple[int, int]) -> None:
    for seed in range(10):
        for config in (PLAIN, SceneConfig()):
            scene = place_background(place(), size, config, np.random.default_rng(seed))
            assert scene.shape == (size[1], size[0], 3)
            assert scene.min() >= 0 and scene.max() <= 1
            assert scene.dtype == np.float32


@pytest.mark.parametrize("size", [(8192, 32), (32, 8192)])
def test_a_strip_shows_a_line_of_the_place_at_least(size: tuple[int, int]) -> None:
    for seed in range(3):
        scene = place_background(place(), size, PLAIN, np.random.default_rng(seed))
        assert scene.shape == (size[1], size[0], 3)
