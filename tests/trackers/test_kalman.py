"""The batch filter: one step by hand, every step as filterpy's general filter."""

import numpy as np
import pytest
from filterpy.common import Q_discrete_white_noise
from filterpy.kalman import KalmanFilter

from instmatt_video.trackers import MotionConfig
from instmatt_video.trackers.boxes import as_boxes
from instmatt_video.trackers.kalman import (
    COVARIANCE,
    POSITION,
    VAR_POSITION,
    VAR_VELOCITY,
    VELOCITY,
    BoxFilter,
)

CONFIG = MotionConfig(
    measurement_std=0.1,
    acceleration_std=0.2,
    initial_speed_std=0.3,
    size_factor=0.5,
    size_speed_kept=1.0,
)


def test_one_step_by_hand():
    """A box of height 10 at rest in (5, 5), seen 2 px further right one frame later.

    Variances in px²: position (0.1·10)² = 1, speed (0.3·10)² = 9, acceleration (0.2·10)² = 4.
    Predict: P00 = 1 + 9 + 4/4 = 11, P01 = 9 + 4/2 = 11, P11 = 9 + 4 = 13.
    Update:  S = 11 + 1 = 12, K = (11/12, 11/12), x = 5 + 2·11/12, v = 2·11/12,
             P00 = 11·(1 - 11/12), P01 = the same, P11 = 13 - 11·11/12.
    """
    motion = BoxFilter(CONFIG)
    motion.add(as_boxes([[0, 0, 10, 10]]))
    motion.predict()
    motion.update(np.array([0]), as_boxes([[2, 0, 12, 10]]))
    x = motion.state[0, :, 0]
    np.testing.assert_allclose(x[POSITION], 5 + 22 / 12)
    np.testing.assert_allclose(x[VELOCITY], 22 / 12)
    np.testing.assert_allclose(x[VAR_POSITION], 11 / 12)
    np.testing.assert_allclose(x[COVARIANCE], 11 / 12)
    np.testing.assert_allclose(x[VAR_VELOCITY], 13 - 121 / 12)


def test_misses_by_hand():
    """The same box one frame later: S = 11 + 1 for its centre, 1 + 9/4 + 1/4 + 1 for its size."""
    motion = BoxFilter(CONFIG)
    motion.add(as_boxes([[50, 50, 60, 60], [0, 0, 10, 10]]))
    motion.predict()
    boxes = as_boxes([[0, 0, 10, 10], [2, 0, 12, 10], [0, 0, 13, 10]])
    misses = motion.squared_misses(np.array([1]), boxes)
    np.testing.assert_allclose(misses, [[0, 2**2 / 12, 1.5**2 / 12 + 3**2 / 4.5]])


def reference_filter(position, axis, config):
    """Filterpy's filter of one axis of one box, at birth."""
    height = position[3]
    kept = config.size_speed_kept if axis >= 2 else 1.0
    factor = config.size_factor if axis >= 2 else 1.0
    kf = KalmanFilter(dim_x=2, dim_z=1)
    kf.x = np.array([[position[axis]], [0.0]])
    kf.F, kf.H = np.array([[1.0, 1.0], [0.0, kept]]), np.array([[1.0, 0.0]])
    kf.P = np.diag(
        [(config.measurement_std * height) ** 2, (config.initial_speed_std * factor * height) ** 2]
    )
    return kf, factor


@pytest.mark.parametrize(
    "config", [pytest.param(CONFIG, id="plain"), pytest.param(MotionConfig(), id="defaults")]
)
def test_every_step_equals_filterpys(rng, config):
    boxes = as_boxes([[0, 0, 40, 100], [200, 50, 230, 110], [90, 20, 190, 300]])
    motion = BoxFilter(config)
    motion.add(boxes)
    references = [[reference_filter(p, a, config) for a in range(4)] for p in motion.state[:, 0]]
    for frame in range(12):
        heights = motion.state[:, POSITION, 3].copy()
        motion.predict()
        seen = np.flatnonzero(rng.uniform(size=3) < 0.7)
        measured = boxes[seen] + 3.0 * frame + rng.normal(0, 1, (len(seen), 4))
        predicted_heights = motion.state[:, POSITION, 3].copy()
        motion.update(seen, measured)
        for track, filters in enumerate(references):
            for axis, (kf, factor) in enumerate(filters):
                std = config.acceleration_std * factor * heights[track]
                kf.predict(Q=Q_discrete_white_noise(2, dt=1.0, var=std**2))
                if track in seen:
                    x0, y0, x1, y1 = measured[list(seen).index(track)]
                    z = [(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0][axis]
                    kf.update(z, R=(config.measurement_std * predicted_heights[track]) ** 2)
                state = motion.state[track, :, axis]
                np.testing.assert_allclose(state[:2], kf.x[:, 0], rtol=1e-9, atol=1e-9)
                np.testing.assert_allclose(
                    state[2:], [kf.P[0, 0], kf.P[0, 1], kf.P[1, 1]], rtol=1e-7, atol=1e-9
                )


def test_a_steady_walk_is_learnt():
    motion = BoxFilter()
    motion.add(as_boxes([[0, 0, 40, 100]]))
    for frame in range(1, 60):
        motion.predict()
        motion.update(np.array([0]), as_boxes([[4 * frame, 0, 40 + 4 * frame, 100]]))
    motion.predict()
    np.testing.assert_allclose(motion.boxes, [[240, 0, 280, 100]], atol=0.5)


def test_direction_agreement_has_the_sign_of_the_move():
    motion = BoxFilter()
    motion.add(as_boxes([[0, 0, 40, 100], [0, 0, 40, 100]]))
    motion.state[0, VELOCITY, 0] = 50.0  # far above its uncertainty
    agreement = motion.direction_agreement(
        np.array([[20.0, 50.0], [20.0, 50.0]]), np.array([[30.0, 50.0], [10.0, 50.0], [20.0, 60.0]])
    )
    sure = 50.0**2 / (50.0**2 + 2 * (0.08 * 100) ** 2)
    np.testing.assert_allclose(agreement, [[sure, -sure, 0.0], [0.0, 0.0, 0.0]], atol=1e-12)


def test_warp_moves_turns_and_scales():
    motion = BoxFilter()
    motion.add(as_boxes([[-5, -10, 5, 10]]))
    motion.state[0, VELOCITY, :2] = [3.0, 0.0]
    before = motion.state[0].copy()
    quarter_turn_twice_as_large = np.array([[0.0, -2.0, 7.0], [2.0, 0.0, 1.0]])
    motion.warp(quarter_turn_twice_as_large)
    np.testing.assert_allclose(motion.state[0, POSITION], [7, 1, 20, 40])
    np.testing.assert_allclose(motion.state[0, VELOCITY, :2], [0, 6], atol=1e-12)
    np.testing.assert_allclose(motion.state[0, VAR_POSITION:], 4 * before[VAR_POSITION:])


@pytest.mark.parametrize("count", [0, 1, 5])
def test_empty_one_many(count):
    motion = BoxFilter()
    motion.add(np.tile([[0.0, 0.0, 4.0, 8.0]], (count, 1)))
    motion.predict()
    motion.update(np.arange(count), motion.boxes)
    motion.warp(np.eye(2, 3))
    motion.keep(np.ones(count, bool))
    assert len(motion) == count
    assert motion.boxes.shape == (count, 4)


def test_a_shrinking_box_keeps_a_size():
    motion = BoxFilter()
    motion.add(as_boxes([[0, 0, 4, 8]]))
    motion.state[0, VELOCITY, 2:] = -3.0
    for _ in range(20):
        motion.predict()
    assert (motion.boxes[:, 2:] > motion.boxes[:, :2]).all()


@pytest.mark.parametrize("name", ["measurement_std", "acceleration_std", "size_speed_kept"])
def test_noise_out_of_range_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} is -1"):
        MotionConfig(**{name: -1.0})
