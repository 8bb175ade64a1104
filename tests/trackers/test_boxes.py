"""Overlaps by hand, and the invariants of box arithmetic."""

import numpy as np
import pytest

from instmatt_video.trackers.boxes import (
    as_boxes,
    cxcywh_to_xyxy,
    expand_boxes,
    pairwise_iou,
    xyxy_to_cxcywh,
)


def test_iou_of_hand_computed_pairs():
    a = as_boxes([[0, 0, 10, 10]])
    b = as_boxes([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 7, 6]])
    # identical; half over half: 50 / 150; only an edge in common; 20 px² inside 100
    np.testing.assert_allclose(pairwise_iou(a, b), [[1.0, 1 / 3, 0.0, 0.2]])


def test_iou_is_symmetric_and_within_its_range(rng):
    corners = rng.uniform(0, 100, (2, 12, 2, 2))
    a, b = (np.concatenate([c.min(1), c.max(1) + 1.0], 1) for c in corners)
    assert ((pairwise_iou(a, b) >= 0) & (pairwise_iou(a, b) <= 1)).all()
    np.testing.assert_allclose(pairwise_iou(a, b), pairwise_iou(b, a).T)


def test_forms_convert_back_and_forth(rng):
    boxes = rng.uniform(0, 100, (5, 2)).repeat(2, 1)[:, [0, 2, 1, 3]] + [[0, 0, 7, 9]]
    np.testing.assert_allclose(cxcywh_to_xyxy(xyxy_to_cxcywh(boxes)), boxes)
    np.testing.assert_allclose(xyxy_to_cxcywh(as_boxes([[2, 4, 8, 16]])), [[5, 10, 6, 12]])


def test_growth_is_by_own_size():
    np.testing.assert_allclose(expand_boxes(as_boxes([[0, 0, 10, 20]]), 0.5), [[-5, -10, 15, 30]])


@pytest.mark.parametrize("count", [0, 1, 7])
def test_shapes(count):
    boxes = np.tile([[0.0, 0.0, 4.0, 8.0]], (count, 1))
    assert as_boxes(boxes).shape == (count, 4)
    assert pairwise_iou(boxes, as_boxes([[0, 0, 1, 1]])).shape == (count, 1)


@pytest.mark.parametrize(
    "boxes",
    [
        pytest.param([[0, 0, 1]], id="three numbers"),
        pytest.param([[0, 0, 0, 5]], id="no width"),
        pytest.param([[0, 0, 5, -1]], id="upside down"),
        pytest.param([[0, 0, np.nan, 5]], id="nan"),
        pytest.param([[0, 0, np.inf, 5]], id="infinite"),
    ],
)
def test_what_is_no_box_is_refused(boxes):
    with pytest.raises(ValueError, match="boxes must be"):
        as_boxes(boxes)
