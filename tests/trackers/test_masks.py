"""Mask overlap, by hand and by pasting."""

import numpy as np
import pytest

from instmatt_video.trackers.boxes import as_boxes
from instmatt_video.trackers.masks import pairwise_mask_iou

FULL = np.ones((1, 8, 8), np.float32)
LEFT = np.zeros((1, 8, 8), np.float32)
LEFT[:, :, :4] = 1.0


def test_full_masks_have_the_boxes_iou():
    a, b = as_boxes([[0, 0, 10, 10]]), as_boxes([[5, 0, 15, 10], [2, 2, 7, 6], [10, 0, 20, 10]])
    np.testing.assert_allclose(
        pairwise_mask_iou(a, FULL, b, FULL.repeat(3, 0)), [[1 / 3, 0.2, 0.0]], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param(LEFT, LEFT, 1.0, id="itself"),
        pytest.param(LEFT, 1 - LEFT, 0.0, id="complement"),
        pytest.param(LEFT, FULL, 0.5, id="half"),
        pytest.param(0.5 * FULL, FULL, 0.5, id="half as sure"),
        pytest.param(0 * FULL, FULL, 0.0, id="empty"),
    ],
)
def test_hand_computed_pairs_in_one_box(a, b, expected):
    box = as_boxes([[3, 4, 43, 104]])
    np.testing.assert_allclose(pairwise_mask_iou(box, a, box, b), [[expected]], atol=1e-6)


def test_soft_blobs_as_pasted_on_a_fine_grid(rng):
    """The truth is the same sum over a grid of 0.25 px."""
    y, x = np.mgrid[:14, :14] / 13.0
    blob = np.exp(-(((x - 0.5) / 0.25) ** 2 + ((y - 0.5) / 0.4) ** 2)).astype(np.float32)[None]
    a, b = as_boxes([[10, 10, 40, 80]]), as_boxes([[22, 4, 50, 90]])

    def paste(box):
        g = np.arange(0, 100, 0.25) + 0.125
        u, v = (g - box[0]) / (box[2] - box[0]) * 14, (g - box[1]) / (box[3] - box[1]) * 14
        inside = np.outer((v >= 0) & (v < 14), (u >= 0) & (u < 14))
        index = np.ix_(np.clip(v, 0, 13).astype(int), np.clip(u, 0, 13).astype(int))
        return blob[0][index] * inside

    pa, pb = paste(a[0]), paste(b[0])
    expected = np.minimum(pa, pb).sum() / np.maximum(pa, pb).sum()
    np.testing.assert_allclose(pairwise_mask_iou(a, blob, b, blob), [[expected]], atol=0.02)


@pytest.mark.parametrize("shape", [(0, 0), (0, 2), (2, 0)])
def test_nobody_overlaps_nobody(shape):
    box = np.tile([[0.0, 0.0, 4.0, 4.0]], (2, 1))
    masks = FULL.repeat(2, 0)
    iou = pairwise_mask_iou(box[: shape[0]], masks[: shape[0]], box[: shape[1]], masks[: shape[1]])
    assert iou.shape == shape
