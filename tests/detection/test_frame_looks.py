from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from instmatt_video.detection.frame_looks import FrameLook, Proposals, join_proposals

LOOK = FrameLook(long_side_px=416, min_score=0.15, max_iou=0.6, max_people=40)


class Cells:
    """Sees the same boxes on every canvas."""

    def __init__(self, boxes, scores):
        self._boxes, self._scores = torch.tensor(boxes), torch.tensor(scores)
        self.shapes = []

    def __call__(self, canvases):
        self.shapes.append([canvas.shape for canvas in canvases])
        self._count = len(canvases)
        return self

    def boxes_of(self, pictures, cells):
        return self._boxes[cells]

    def scores(self):
        return self._scores.expand(self._count, *self._scores.shape)


def picture(height, width):
    return np.zeros((height, width, 3), np.uint8)


def proposals(boxes, scores):
    return Proposals(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32).reshape(-1)
    )


def test_who_is_large_is_left_to_another_look_but_leaves_no_part_behind():
    # The second box, 16 px shorter, overlaps the first by 0.92 and is the same person.
    cells = Cells(
        [[0.0, 0, 60, 200], [0, 0, 60, 184], [300, 0, 340, 100]],
        [0.9, 0.8, 0.7],
    )
    (found,) = replace(LOOK, max_share=192 / 416).propose([picture(416, 416)], cells)
    np.testing.assert_array_equal(found.boxes, [[300, 0, 340, 100]])


def test_who_is_left_out_takes_nobodys_place():
    cells = Cells([[0.0, 0, 60, 200], [300, 0, 340, 100]], [0.9, 0.7])
    look = replace(LOOK, max_share=192 / 416, max_people=1)
    (found,) = look.propose([picture(416, 416)], cells)
    np.testing.assert_array_equal(found.boxes, [[300, 0, 340, 100]])


@pytest.mark.parametrize(
    ("max_enlargement", "canvas", "side"),
    [
        # 400 x 192 is shown as it is on 416 x 192, 8 px of margin on either side …
        pytest.param(1.0, (192, 416, 3), 32.0, id="as it is"),
        # … or twice as large, on 800 x 384.
        pytest.param(2.0, (384, 800, 3), 16.0, id="enlarged"),
    ],
)
def test_small_pictures_are_enlarged_no_more_than_so_much(max_enlargement, canvas, side):
    cells = Cells([[40.0, 40, 72, 72]], [0.9])
    look = replace(LOOK, long_side_px=832, max_enlargement=max_enlargement)
    (found,) = look.propose([picture(192, 400)], cells)
    assert cells.shapes == [[canvas]]
    np.testing.assert_allclose(found.boxes[0, 2:] - found.boxes[0, :2], side)


def test_of_two_looks_at_one_person_the_surer_is_kept():
    some = proposals([[0, 0, 100, 100], [200, 0, 300, 100]], [0.5, 0.9])
    # IoU 0.8 with the first and 0 with the second.
    others = proposals([[0, 0, 100, 80], [400, 0, 500, 100]], [0.7, 0.4])
    joined = join_proposals(some, others, 0.6)
    np.testing.assert_allclose(joined.scores, [0.9, 0.7, 0.4])
    np.testing.assert_array_equal(joined.boxes[1], [0, 0, 100, 80])
    nobody = proposals([], [])
    for one, other in ((some, nobody), (nobody, some)):
        np.testing.assert_array_equal(join_proposals(one, other, 0.6).boxes, some.boxes[::-1])
    assert len(join_proposals(nobody, nobody, 0.6).boxes) == 0


@pytest.mark.parametrize(
    ("boxes", "scores", "is_hint"),
    [
        pytest.param([[50, 50, 80, 90]], [0.1], True, id="small"),
        pytest.param([[0, 0, 100, 300]], [0.9], False, id="large"),
        pytest.param([[0, 0, 100, 300], [50, 50, 80, 90]], [0.9, 0.1], False, id="a hand"),
        pytest.param([[0, 0, 100, 300], [90, 50, 120, 90]], [0.9, 0.1], True, id="beside"),
        pytest.param([[0, 0, 100, 300], [50, 50, 80, 90]], [0.3, 0.1], True, id="of nobody sure"),
        pytest.param([], [], False, id="nobody"),
    ],
)
def test_hints_at_small_people_are_no_parts_of_large_ones(boxes, scores, is_hint):
    assert proposals(boxes, scores).hint_at_small_people(96) == is_hint
