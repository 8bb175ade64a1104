"""Who is drawn for a training picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from instmatt_video.training.pictures.composite_pool import CompositePool
from instmatt_video.training.pictures.cutouts import Cutout, CutoutLibrary
from instmatt_video.training.pictures.packs import ImagePack
from instmatt_video.training.pictures.scene import SceneConfig
from tests.training.made_people import write_packs

FIVE = SceneConfig(count_weights=(0, 0, 0, 0, 1))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        pytest.param([1, 1, 1, 1, 1, 9], 5, id="enough people"),
        pytest.param([1, 1, 1], 3, id="fewer than asked for"),
        pytest.param([1, 0, 0, 1, 0], 2, id="some of whom are never drawn"),
    ],
)
def test_nobody_is_in_a_picture_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: list[float], expected: int
) -> None:
    write_packs(tmp_path, len(weights), 1)
    places = ImagePack(tmp_path / "backgrounds")
    cutouts = CutoutLibrary(ImagePack(tmp_path / "cutouts", "rgba"))
    pool = CompositePool(cutouts, np.array(weights, float), places, places.names)
    drawn: list[int] = []
    get = CutoutLibrary.__getitem__

    def note(library: CutoutLibrary, index: int) -> Cutout:
        drawn.append(index)
        return get(library, index)

    monkeypatch.setattr(CutoutLibrary, "__getitem__", note)
    for seed in range(10):
        drawn.clear()
        pool.compose(64, FIVE, 0.0, np.random.default_rng(seed))
        assert len(drawn) == len(set(drawn)) == expected
