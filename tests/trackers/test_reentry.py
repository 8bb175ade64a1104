"""Pairs that surely look alike, against a search over all of them."""

import numpy as np
import pytest

from instmatt_video.trackers.reentry import match_by_appearance, pair_cosines


def sure_pairs(similarity, is_possible, min_similarity, min_margin):
    """All pairs with no rival within the margin, by looking at every rival of each."""
    pairs = set()
    for row, column in np.argwhere(is_possible & (similarity >= min_similarity)):
        rivals = is_possible.copy()
        rivals[row, column] = False
        others = [*similarity[row, rivals[row]], *similarity[rivals[:, column], column]]
        if all(similarity[row, column] >= other + min_margin for other in others):
            pairs.add((row, column))
    return pairs


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (1, 8), (8, 1), (30, 20)])
def test_sure_pairs_are_those_without_a_rival(rng, shape):
    for _ in range(10):
        absent, present = (rng.normal(size=(count, 3)) for count in shape)
        absent /= np.linalg.norm(absent, axis=1, keepdims=True)
        present /= np.linalg.norm(present, axis=1, keepdims=True)
        is_possible = rng.uniform(size=shape) < 0.3
        found = match_by_appearance(absent, present, *np.nonzero(is_possible), 0.7, 0.1)
        expected = sure_pairs(absent @ present.T, is_possible, 0.7, 0.1)
        assert set(zip(*found, strict=True)) == expected


def test_cosines_of_many_pairs(rng):
    a, b = rng.normal(size=(100, 4)), rng.normal(size=(90, 4))
    rows, columns = np.nonzero(np.ones((100, 90)))
    np.testing.assert_allclose(pair_cosines(a, b, rows, columns), (a @ b.T).ravel())
