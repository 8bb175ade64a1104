"""The assignment against every possible one."""

from itertools import permutations

import numpy as np
import pytest

from instmatt_video.trackers.assignment import match_listed_pairs, match_pairs


def best_sum(value, is_allowed):
    """The highest sum over all one-to-one choices, by trying all of them."""
    worth = np.where(is_allowed, value, 0.0)
    if worth.shape[0] > worth.shape[1]:
        worth = worth.T
    rows = range(worth.shape[0])
    return max(
        sum(worth[r, c] for r, c in zip(rows, p, strict=True))
        for p in permutations(range(worth.shape[1]), worth.shape[0])
    )


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 6), (6, 3)])
def test_sum_is_the_best_of_all(rng, shape):
    for _ in range(20):
        value, is_allowed = rng.uniform(0, 1, shape), rng.uniform(size=shape) < 0.6
        rows, columns = match_pairs(value, is_allowed)
        assert is_allowed[rows, columns].all()
        assert len(set(rows)) == len(rows)
        assert len(set(columns)) == len(columns)
        np.testing.assert_allclose(value[rows, columns].sum(), best_sum(value, is_allowed))


def test_the_sum_counts_not_the_greatest_pair():
    rows, columns = match_pairs(np.array([[0.9, 0.8], [0.8, 0.1]]), np.ones((2, 2), bool))
    assert list(zip(rows, columns, strict=True)) == [(0, 1), (1, 0)]  # 1.6, not 0.9 + 0.1


def test_a_pair_worth_less_than_nothing_costs_no_other_pair():
    rows, columns = match_pairs(np.array([[0.5, 0.0], [0.0, -1.0]]), np.eye(2, dtype=bool))
    assert list(zip(rows, columns, strict=True)) == [(0, 0)]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_matches_nothing(shape):
    rows, columns = match_pairs(np.zeros(shape), np.ones(shape, bool))
    assert len(rows) == len(columns) == 0


def test_worthless_and_forbidden_pairs_stay_alone():
    rows, _ = match_pairs(np.array([[-0.1, 0.0], [0.7, -2.0]]), np.array([[1, 1], [0, 1]], bool))
    assert len(rows) == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 3), (4, 6), (6, 3), (40, 30)])
def test_listed_pairs_are_matched_as_all_pairs_are(rng, shape):
    for _ in range(20):
        value, is_listed = rng.uniform(-0.5, 1, shape), rng.uniform(size=shape) < 0.4
        rows, columns = np.nonzero(is_listed)
        order = rng.permutation(len(rows))
        rows, columns = rows[order], columns[order]
        matched = match_listed_pairs(rows, columns, value[rows, columns])
        assert set(zip(*matched, strict=True)) == set(
            zip(*match_pairs(value, is_listed), strict=True)
        )
