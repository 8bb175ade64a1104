"""The flow of a matte follows it."""

from __future__ import annotations

import numpy as np

from instmatt_video.evaluation.motion import measure_flow, measure_person_flow
from tests.evaluation.made_benchmarks import disc


def test_a_disc_that_moves_right_by_three() -> None:
    before, after = disc(26, 18, 9), disc(29, 18, 9)
    flow = measure_person_flow(before, after)
    edge = (before > 0) & (before < 255)
    assert flow.shape == (36, 64, 2)
    assert np.abs(np.median(flow[edge], axis=0) - (3, 0)).max() < 1
    np.testing.assert_array_equal(flow[edge], measure_flow(before, after)[edge])


def test_nobody_does_not_move() -> None:
    nobody = np.zeros((36, 64), np.uint8)
    assert not measure_person_flow(nobody, nobody).any()
