import numpy as np
import pytest

from instmatt_video.detection.detections import Detections
from instmatt_video.detection.paste import (
    cell_positions,
    mask_on_box,
    paste_masks,
    resample_mask,
)


def one(box, mask):
    mask = np.asarray(mask, np.float32)
    return Detections(np.array([box], np.float32), np.ones(1, np.float32), mask[None])


def test_cells_as_large_as_pixels_are_copied():
    mask = [[0.1, 0.2], [0.3, 0.4]]
    pasted = paste_masks(one([3, 1, 5, 3], mask), 4, 6)
    expected = np.zeros((1, 4, 6), np.float32)
    expected[0, 1:3, 3:5] = mask
    np.testing.assert_allclose(pasted, expected, atol=1e-6)


def test_hand_computed_enlargement():
    # Two cells over four pixels: pixel centres lie at -.25 .25 .75 1.25 of cells centred on 0, 1.
    pasted = paste_masks(one([0, 0, 4, 1], [[0.0, 1.0], [0.0, 1.0]]), 1, 4)
    np.testing.assert_allclose(pasted[0, 0], [0, 0.25, 0.75, 1], atol=1e-6)


def test_fractional_box_claims_the_pixels_whose_centres_it_holds():
    # Of the centres 0.5, 1.5, 2.5 the box 1.0..2.5 holds 1.5 alone: its right edge is not its own.
    pasted = paste_masks(one([1.0, 0, 2.5, 1], np.ones((2, 2))), 1, 4)
    np.testing.assert_array_equal(pasted[0, 0], [0, 1, 0, 0])


def test_half_pixel_shift_is_exact():
    # Box 0.5..2.5, cells centred at 1 and 2: pixel 1's centre, 1.5, lies midway between them.
    pasted = paste_masks(one([0.5, 0, 2.5, 1], [[0.0, 1.0], [0.0, 1.0]]), 1, 3)
    np.testing.assert_allclose(pasted[0, 0], [0, 0.5, 0], atol=1e-6)


@pytest.mark.parametrize(
    "region", [(0, 0, 9, 7), (2, 1, 6, 5), (-3, -2, 4, 12), (7, 5, 9, 7)], ids=str
)
def test_region_is_the_same_part_of_the_frame(region):
    rng = np.random.default_rng(0)
    detections = Detections(
        np.array([[1.3, 0.7, 6.2, 6.9], [-2, -1, 3, 4]], np.float32),
        np.ones(2, np.float32),
        rng.random((2, 5, 5), np.float32),
    )
    whole = np.pad(paste_masks(detections, 7, 9), ((0, 0), (10, 10), (10, 10)))
    left, top, right, bottom = (side + 10 for side in region)
    np.testing.assert_array_equal(
        paste_masks(detections, 7, 9, region), whole[:, top:bottom, left:right]
    )


def test_nobody_and_boxes_outside_the_frame():
    assert paste_masks(Detections.empty(), 3, 4).shape == (0, 3, 4)
    assert paste_masks(one([10, 10, 20, 20], np.ones((2, 2))), 5, 5).max() == 0


def test_empty_region_is_refused():
    with pytest.raises(ValueError, match="holds no pixel"):
        paste_masks(Detections.empty(), 3, 4, (2, 0, 2, 3))


def test_resampling_at_the_cells_themselves_changes_nothing():
    mask = np.random.default_rng(1).random((6, 4), np.float32)
    np.testing.assert_allclose(
        resample_mask(mask, cell_positions(6), cell_positions(4)), mask, atol=1e-6
    )


def test_a_mask_on_another_box():
    mask = np.array([[1, 0], [1, 0]], np.float32)
    box = np.array([0.0, 0.0, 4.0, 4.0])
    np.testing.assert_array_equal(mask_on_box(mask, box, box, 2, 2), mask)
    # Twice as wide: two columns of the mask's, then nothing.
    wide = mask_on_box(mask, box, (0, 0, 8, 4), 2, 4)
    np.testing.assert_array_equal(wide, [[1, 0, 0, 0], [1, 0, 0, 0]])
    assert not mask_on_box(mask, box, (10, 0, 14, 4), 3, 3).any()


@pytest.mark.parametrize(("goes_on", "outside"), [(True, 1.0), (False, 0.0)])
def test_a_mask_goes_on_beyond_its_box_or_ends_there(goes_on, outside):
    mask = np.array([[1, 0], [1, 0]], np.float32)  # over x 10..30, y 0..20
    moved = mask_on_box(mask, (10, 0, 30, 20), (0, 0, 40, 10), 1, 4, goes_on)
    # Cell centres 5, 15, 25 and 35: before the mask, in its two columns, and behind it.
    np.testing.assert_allclose(moved, [[outside, 1, 0, 0]])
