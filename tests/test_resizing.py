import cv2
import numpy as np
import pytest

from instmatt_video.resizing import quick_resize


def smooth_picture(height, width):
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(9 * x + k) + np.cos(7 * y - k) for k in range(3)]
    return np.round(127 + 60 * np.stack(waves, axis=-1)).astype(np.uint8)


def test_halves_and_quarters_are_means():
    image = np.array([[0, 4, 8, 12], [4, 8, 12, 16], [100, 100, 0, 0], [100, 100, 0, 0]], np.uint8)
    np.testing.assert_array_equal(quick_resize(image, (2, 2)), [[4, 12], [100, 0]])
    np.testing.assert_array_equal(quick_resize(image, (1, 1)), [[29]])


def test_a_picture_of_that_size_is_returned_and_a_smaller_one_interpolated():
    image = smooth_picture(30, 40)
    assert quick_resize(image, (30, 40)) is image
    expected = cv2.resize(image, (60, 50), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(quick_resize(image, (50, 60)), expected)


@pytest.mark.parametrize("ratio", [2.5, 3.08, 4.7])
def test_stripes_of_a_pixel_become_grey_not_broader_stripes(ratio):
    stripes = np.zeros((64, 1200), np.uint8)
    stripes[:, ::2] = 200
    small = quick_resize(stripes, (round(64 / ratio), round(1200 / ratio)))
    np.testing.assert_array_equal(small, 100)


@pytest.mark.parametrize("size", [(234, 416), (333, 500), (90, 160), (57, 101)])
def test_smooth_pictures_are_as_by_means_over_areas(size):
    image = smooth_picture(720, 1280)
    expected = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA).astype(int)
    small = quick_resize(image, size)
    assert small.shape == expected.shape and small.dtype == np.uint8
    assert np.abs(small - expected).max() <= 2


def test_odd_sides_are_not_halved_so_nothing_moves():
    ramp = np.tile(np.linspace(0, 200, 715, dtype=np.float32)[:, None], (1, 334))
    expected = cv2.resize(ramp, (64, 96), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(quick_resize(ramp, (96, 64)), expected)
