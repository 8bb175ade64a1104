import numpy as np

from instmatt_video.detection.detections import Detections
from instmatt_video.detection.duplicates import without_duplicates


def people(boxes, masks):
    count = len(boxes)
    scores = np.linspace(0.9, 0.3, count, dtype=np.float32)
    return Detections(np.array(boxes, np.float32), scores, np.array(masks, np.float32))


def test_one_mask_in_two_boxes_is_one_person():
    body = np.ones((8, 8), np.float32)
    with_arm = np.zeros((8, 8), np.float32)
    with_arm[:, 4:] = 1  # the same body in the right half of a box twice as wide
    found = people([[400, 100, 600, 700], [200, 100, 600, 700]], [body, with_arm])
    kept = without_duplicates(found, 720, 1280, 0.8)
    np.testing.assert_array_equal(kept.boxes, found.boxes[:1])


def test_two_people_in_one_box_stay_two():
    left, right = np.zeros((2, 8, 8), np.float32)
    left[:, :4], right[:, 4:] = 1, 1
    found = people([[200, 100, 600, 700]] * 2, [left, right])
    assert len(without_duplicates(found, 720, 1280, 0.8)) == 2


def test_overlap_at_the_limit_is_kept():
    # 8 of 10 columns are common: the overlap is 0.8, no more, and neither lies in the other.
    found = people([[0, 0, 90, 100], [10, 0, 100, 100]], np.ones((2, 4, 4)))
    assert len(without_duplicates(found, 128, 128, 0.8)) == 2
    assert len(without_duplicates(found, 128, 128, 0.79)) == 1


def test_nobody_one_and_empty_masks():
    assert len(without_duplicates(Detections.empty(), 72, 128, 0.8)) == 0
    assert len(without_duplicates(people([[0, 0, 9, 9]], np.ones((1, 4, 4))), 72, 128, 0.8)) == 1
    unseen = people([[0, 0, 9, 9], [50, 50, 60, 60]], np.zeros((2, 4, 4)))
    assert len(without_duplicates(unseen, 72, 128, 0.8)) == 2


def test_a_loose_box_around_two_people_is_nobody():
    whole = np.ones((8, 8), np.float32)
    pair = [[100, 100, 200, 500], [220, 100, 320, 500], [95, 95, 325, 505]]
    found = people(pair, [whole, whole, whole])
    np.testing.assert_array_equal(without_duplicates(found, 720, 1280, 0.8).boxes, found.boxes[:2])


def test_someone_before_two_others_stays():
    # The middle person covers a fifth of each neighbour's mask and has a body of their own.
    whole = np.ones((8, 8), np.float32)
    row = [[100, 100, 200, 500], [260, 100, 360, 500], [180, 100, 280, 500]]
    assert len(without_duplicates(people(row, [whole] * 3), 720, 1280, 0.8)) == 3


def test_a_better_scored_person_is_not_dropped_for_their_parts():
    whole = np.ones((8, 8), np.float32)
    found = people([[100, 100, 200, 500], [100, 100, 200, 300], [100, 300, 200, 500]], [whole] * 3)
    kept = without_duplicates(found, 720, 1280, 0.8)
    np.testing.assert_array_equal(kept.boxes[0], found.boxes[0])


def test_a_bust_within_a_better_found_person_is_a_part_of_them():
    whole = np.ones((8, 8), np.float32)
    found = people([[100, 100, 200, 500], [110, 95, 190, 330]], [whole, whole])
    np.testing.assert_array_equal(without_duplicates(found, 720, 1280, 0.8).boxes, found.boxes[:1])


def test_a_better_found_person_and_what_is_beside_them_is_nobody_new():
    # The worse mask is the better one and a neighbour's arm: an overlap of 0.77 alone.
    found = people([[60, 0, 100, 100], [48, 0, 100, 100]], np.ones((2, 4, 4)))
    kept = without_duplicates(found, 128, 128, 0.8)
    np.testing.assert_array_equal(kept.boxes, found.boxes[:1])


def test_who_shows_a_third_beside_somebody_in_front_stays():
    found = people([[60, 0, 100, 100], [40, 0, 100, 100]], np.ones((2, 4, 4)))
    assert len(without_duplicates(found, 128, 128, 0.8)) == 2


def test_a_child_before_an_adult_stays():
    around = np.ones((8, 8), np.float32)
    around[4:, 2:6] = 0  # the adult's mask leaves the child out
    found = people([[100, 100, 300, 500], [150, 300, 250, 500]], [around, np.ones((8, 8))])
    assert len(without_duplicates(found, 720, 1280, 0.8)) == 2


def test_somebody_small_in_front_of_a_person_stays():
    whole = np.ones((8, 8), np.float32)
    assert (
        len(
            without_duplicates(
                people([[0, 0, 400, 700], [100, 400, 200, 650]], [whole] * 2), 720, 1280, 0.8
            )
        )
        == 2
    )
