"""Which detections of a frame count, and in which order."""

import numpy as np
import pytest

from instmatt_video.trackers import TrackerConfig
from instmatt_video.trackers.frame_detections import take_in
from tests.trackers.made_people import person

CONFIG = TrackerConfig()


def taken(boxes, scores, masks=None, appearance=None, config=CONFIG):
    """Return the rows of the call that are taken, in order."""
    return take_in(boxes, scores, masks, appearance, config).rows.tolist()


def test_nobody():
    found = take_in([], [], np.zeros((0, 8, 8)), np.zeros((0, 2)), CONFIG)
    assert (len(found.rows), found.boxes.shape, found.centers.shape) == (0, (0, 4), (0, 2))


def test_best_first_then_from_the_left_and_above():
    boxes = [person(300), person(100), person(200), person(200, 20.0)]
    assert taken(boxes, [0.8, 0.8, 0.9, 0.9]) == [3, 2, 1, 0]


def test_cues_keep_to_their_boxes():
    boxes, looks = [person(100), person(300)], np.eye(2)
    masks = np.stack([np.zeros((8, 8)), np.ones((8, 8))])
    found = take_in(boxes, [0.6, 0.9], masks, looks, CONFIG)
    np.testing.assert_array_equal(found.boxes, [person(300), person(100)])
    np.testing.assert_array_equal(found.appearance, looks[::-1])
    np.testing.assert_array_equal(found.masks, masks[::-1])
    np.testing.assert_array_equal(found.centers, [[320, 100], [120, 100]])


def test_scores_too_low_do_not_count():
    low = CONFIG.low_score
    assert taken([person(100), person(300)], [low, np.nextafter(low, 0)]) == [0]


def test_of_two_copies_the_weaker_is_dropped():
    boxes = [person(100), person(100.5), person(300)]
    assert taken(boxes, [0.8, 0.9, 0.9]) == [1, 2]
    assert taken(boxes, [0.8, 0.9, 0.9], config=TrackerConfig(duplicate_iou=1.0)) == [1, 2, 0]


def test_a_copy_of_a_copy_is_dropped_only_with_its_own_better():
    """Each is a copy of its neighbour alone: without the second the third is nobody's copy."""
    boxes = [person(100), person(102), person(104)]
    config = TrackerConfig(duplicate_iou=0.9)
    assert taken(boxes, [0.9, 0.8, 0.7], config=config) == [0, 2]


def test_two_outlines_in_one_box_are_two_people():
    left, right = np.zeros((2, 8, 8), np.float32)
    left[:, :4], right[:, 4:] = 1.0, 1.0
    assert taken([person(100), person(100)], [0.9, 0.9], np.stack([left, right])) == [0, 1]
    assert taken([person(100), person(100)], [0.9, 0.9], np.stack([left, left])) == [0]


@pytest.mark.parametrize(
    ("cues", "message"),
    [
        pytest.param({"scores": [0.9, 0.9]}, "scores of shape", id="scores"),
        pytest.param({"masks": np.zeros((2, 8, 8))}, "masks of shape", id="masks"),
        pytest.param({"appearance": np.zeros(3)}, "appearance of shape", id="appearance"),
    ],
)
def test_what_does_not_fit_is_refused(cues, message):
    with pytest.raises(ValueError, match=message):
        taken(**{"boxes": [person(0)], "scores": [0.9], **cues})
