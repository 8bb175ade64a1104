"""Camera motion on a textured scene moved by a known amount."""

import cv2
import numpy as np
import pytest

from instmatt_video.trackers import CameraMotionEstimator


@pytest.fixture(scope="module")
def scene():
    """Random blocks: corners everywhere, 400 × 700 px."""
    rng = np.random.default_rng(1)
    blocks = rng.integers(0, 255, (25, 44, 3), np.uint8)
    return cv2.resize(blocks, (704, 400), interpolation=cv2.INTER_NEAREST)


def view(scene, affine):
    """The scene as a camera sees it whose pixels are `affine` of the scene's."""
    moved = cv2.warpAffine(scene, np.asarray(affine, float), (480, 270))
    return cv2.GaussianBlur(moved, (0, 0), 1.0)


def still(shift=0.0):
    return np.array([[1.0, 0.0, -100.0 + shift], [0.0, 1.0, -60.0]])


@pytest.mark.parametrize("size", [240, 480], ids=["half size", "full size"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param([[1, 0, 0], [0, 1, 0]], id="still"),
        pytest.param([[1, 0, 11], [0, 1, -6]], id="pan"),
        pytest.param([[1.03, 0, -7], [0, 1.03, -4]], id="zoom"),
        pytest.param([[0.9994, -0.0349, 5], [0.0349, 0.9994, -8]], id="roll by 2 degrees"),
    ],
)
def test_known_motion_is_found(scene, change, size):
    before, change = still(), np.array(change, float)
    after = np.c_[change[:, :2] @ before[:, :2], change[:, :2] @ before[:, 2] + change[:, 2]]
    estimator = CameraMotionEstimator(size)
    np.testing.assert_array_equal(estimator.estimate(view(scene, before)), np.eye(2, 3))
    found = estimator.estimate(view(scene, after))
    corners = np.array([[0, 0, 1], [480, 0, 1], [0, 270, 1], [480, 270, 1]], float)
    np.testing.assert_allclose(corners @ found.T, corners @ change.T, atol=1.0)


def test_a_large_person_who_walks_is_no_camera_motion(scene):
    """Someone fills half the frame and moves; the background stands."""
    rng = np.random.default_rng(2)
    coat = cv2.resize(
        rng.integers(0, 255, (20, 20, 3), np.uint8), (240, 260), 0, 0, 0, cv2.INTER_NEAREST
    )
    estimator = CameraMotionEstimator(480)
    for x in (100, 112):
        frame = view(scene, still())
        frame[5:265, x : x + 240] = coat
        found = estimator.estimate(frame, [[x, 5, x + 240, 265]])
    np.testing.assert_array_equal(found, np.eye(2, 3))


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(np.zeros((2, 90, 160, 3), np.uint8), id="black"),
        pytest.param(
            np.random.default_rng(3).integers(0, 255, (2, 90, 160, 3), np.uint8), id="two noises"
        ),
    ],
)
def test_where_nothing_is_sure_the_camera_stands(frames):
    estimator = CameraMotionEstimator()
    estimator.estimate(frames[0])
    np.testing.assert_array_equal(estimator.estimate(frames[1]), np.eye(2, 3))


def test_reset_forgets(scene):
    estimator = CameraMotionEstimator()
    estimator.estimate(view(scene, still()))
    estimator.reset()
    found = estimator.estimate(view(scene, still(12.0)))
    np.testing.assert_array_equal(found, np.eye(2, 3))


def test_people_who_fill_the_frame_leave_nothing_to_say(scene):
    estimator = CameraMotionEstimator()
    for shift in (0, 12):
        frame = view(scene, still(shift))
        found = estimator.estimate(frame, [[-10, -10, 600, 400]])
    np.testing.assert_array_equal(found, np.eye(2, 3))


@pytest.mark.parametrize("shape", [(4, 2000), (1920, 8), (1, 3000), (1, 1)])
def test_a_picture_that_shrinks_to_a_line_gives_no_motion(shape):
    image = np.random.default_rng(2).integers(0, 255, (*shape, 3), np.uint8)
    estimator = CameraMotionEstimator()
    for step in range(3):
        motion = estimator.estimate(np.roll(image, 3 * step, axis=1))
        np.testing.assert_array_equal(motion, np.eye(2, 3))
