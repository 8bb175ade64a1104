"""Smooth paths against straight lines, gaps, and filterpy's smoother."""

import numpy as np
import pytest
from filterpy.kalman import KalmanFilter

from instmatt_video.trackers import MotionConfig, smooth_boxes
from instmatt_video.trackers.boxes import as_boxes


def walk(frames, speed=4.0):
    frames = np.asarray(frames)
    return as_boxes(
        np.stack([speed * frames, 0 * frames + 50, speed * frames + 40, 0 * frames + 150], 1)
    )


@pytest.mark.parametrize("count", [1, 2, 3, 40])
def test_a_straight_walk_stays_as_it_is(count):
    frames = np.arange(5, 5 + count)
    every, boxes = smooth_boxes(frames, walk(frames))
    np.testing.assert_array_equal(every, frames)
    np.testing.assert_allclose(boxes, walk(frames), atol=1e-6)


def test_a_gap_is_filled_along_the_walk():
    frames = np.r_[0:20, 35:60]
    every, boxes = smooth_boxes(frames, walk(frames))
    np.testing.assert_array_equal(every, np.arange(60))
    np.testing.assert_allclose(boxes, walk(every), atol=1e-6)


def test_two_boxes_far_apart_are_joined_by_a_line():
    every, boxes = smooth_boxes(np.array([0, 10]), walk([0, 10]))
    np.testing.assert_allclose(boxes, walk(every), atol=1e-6)


def test_noise_shrinks(rng):
    frames = np.arange(100)
    noisy = walk(frames) + rng.normal(0, 3.0, (100, 4))
    _, boxes = smooth_boxes(frames, noisy)
    assert np.abs(boxes - walk(frames)).mean() < 0.5 * np.abs(noisy - walk(frames)).mean()


def test_the_path_is_that_of_filterpys_smoother(rng):
    """Same model but for where in a step the speed changes; nothing known of the start."""
    config = MotionConfig(measurement_std=0.05, acceleration_std=0.01)
    frames = np.arange(80)
    boxes = walk(frames) + rng.normal(0, 4.0, (80, 4))
    kf = KalmanFilter(dim_x=2, dim_z=1)
    kf.F, kf.H = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    kf.R, kf.P = np.array([[(0.05 * 100) ** 2]]), np.eye(2) * 1e9
    kf.Q = np.diag([0.0, (0.01 * 100) ** 2])
    center = (boxes[:, 0] + boxes[:, 2]) / 2
    means, covariances, _, _ = kf.batch_filter(center)
    truth = kf.rts_smoother(means, covariances)[0][:, 0, 0]
    _, path = smooth_boxes(frames, boxes, config)
    # Free ends differ by the model's half step; the path inside does not.
    np.testing.assert_allclose((path[:, 0] + path[:, 2]) / 2, truth, atol=0.05)
