"""People who were away and come back: known again by looks, where they can have walked to."""

import numpy as np
import pytest

from instmatt_video.trackers import Tracker, TrackerConfig
from instmatt_video.trackers.reentry import match_by_appearance, pair_cosines
from tests.trackers.made_people import ids_of_detections, person


def sure_pairs(similarity, is_possible, min_similarity, min_margin):
    """All pairs with no rival within the margin, by looking at every rival of each."""
    pairs = set()
    for row, column in np.argwhere(is_possible & (similarity >= min_similarity)):
        rivals = is_possible.copy()
        rivals[row, column] = False
        others = [*similarity[row, rivals[row]], *similarity[rivals[:, column], column]]
        if all(similarity[row, column] >= other + min_margin for other in others):
            pairs.add((row, column))
    return pairs


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (1, 8), (8, 1), (30, 20)])
def test_sure_pairs_are_those_without_a_rival(rng, shape):
    for _ in range(10):
        absent, present = (rng.normal(size=(count, 3)) for count in shape)
        absent /= np.linalg.norm(absent, axis=1, keepdims=True)
        present /= np.linalg.norm(present, axis=1, keepdims=True)
        is_possible = rng.uniform(size=shape) < 0.3
        found = match_by_appearance(absent, present, *np.nonzero(is_possible), 0.7, 0.1)
        expected = sure_pairs(absent @ present.T, is_possible, 0.7, 0.1)
        assert set(zip(*found, strict=True)) == expected


def test_cosines_of_many_pairs(rng):
    a, b = rng.normal(size=(100, 4)), rng.normal(size=(90, 4))
    rows, columns = np.nonzero(np.ones((100, 90)))
    np.testing.assert_allclose(pair_cosines(a, b, rows, columns), (a @ b.T).ravel())


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        pytest.param([1.0, 0.0, 0.0], 1, id="the one who left"),
        pytest.param([0.0, 1.0, 0.0], 3, id="a stranger"),
        pytest.param([np.sqrt(0.5), 0.0, np.sqrt(0.5)], 3, id="as like one as the other"),
    ],
)
def test_appearance_takes_an_absent_person_up_again(look, expected):
    tracker = Tracker(TrackerConfig(max_lost_frames=5, max_reentry_frames=50))
    looks = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    for _ in range(6):
        tracker.update([person(100), person(300)], [0.9, 0.9], appearance=looks)
    for _ in range(45):
        tracker.update([], [], appearance=np.zeros((0, 3)))
    for f in range(5):
        tracks = tracker.update([person(500 + f)], [0.9], appearance=[look])
    assert ids_of_detections(tracks) == {0: expected}


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        pytest.param([1.0, 0.0], 1, id="the one who was lost"),
        pytest.param([0.0, 1.0], 2, id="somebody else"),
        pytest.param([0.0, 0.0], 1, id="unknown"),
    ],
)
def test_somebody_else_does_not_take_a_lost_track(look, expected):
    tracker = Tracker()
    for _ in range(6):
        tracker.update([person(100)], [0.9], appearance=[[1.0, 0.0]])
    for _ in range(5):
        tracker.update([], [], appearance=np.zeros((0, 2)))
    tracks = tracker.update([person(100)], [0.9], appearance=[look])
    assert ids_of_detections(tracks) == {0: expected}


def test_an_absent_person_is_forgotten_in_time():
    tracker = Tracker(TrackerConfig(max_lost_frames=5, max_reentry_frames=20))
    look = np.array([[1.0, 0.0]])
    for _ in range(6):
        tracker.update([person(100)], [0.9], appearance=look)
    for _ in range(26):
        tracker.update([], [], appearance=np.zeros((0, 2)))
    tracks = tracker.update([person(250)], [0.9], appearance=look)
    assert [t.track_id for t in tracks] == [2]


@pytest.mark.parametrize("absence", [1, 12])
def test_a_newcomer_in_the_same_clothes_is_somebody_else(absence):
    """One is missed for a while, and far off somebody steps in whom colours do not tell apart."""
    tracker = Tracker()
    for f in range(60):
        is_there, has_come = not 20 <= f < 20 + absence, f >= 19 + absence
        boxes = [person(100)] * is_there + [person(1600 - 4.0 * f)] * has_come
        looks = np.full((len(boxes), 1), 1.0)
        tracks = tracker.update(boxes, [0.9] * len(boxes), appearance=looks)
    assert ids_of_detections(tracks) == {0: 1, 1: 2}


def test_a_person_taken_up_again_at_the_last_moment_is_absent_no_more():
    tracker = Tracker(TrackerConfig(max_lost_frames=9))
    look = np.array([[1.0, 0.0]])
    for _ in range(6):
        tracker.update([person(100)], [0.9], appearance=look)
    for _ in range(9):
        tracker.update([], [], appearance=np.zeros((0, 2)))
    tracker.update([person(180)], [0.9], appearance=look)
    tracks = tracker.update(
        [person(180), person(80)], [0.9, 0.9], appearance=np.repeat(look, 2, axis=0)
    )
    assert ids_of_detections(tracks) == {0: 1, 1: 2}


@pytest.mark.parametrize("is_compensated", [True, False])
def test_an_absent_person_is_expected_where_the_camera_has_left_them(is_compensated):
    tracker = Tracker(TrackerConfig(max_lost_frames=5, max_reentry_frames=50))
    look = np.array([[1.0, 0.0]])
    for _ in range(6):
        tracker.update([person(100)], [0.9], appearance=look)
    motion = [[1, 0, 20], [0, 1, 0]] if is_compensated else None
    for _ in range(39):
        tracker.update([], [], appearance=np.zeros((0, 2)), camera_motion=motion)
    tracks = tracker.update([person(900)], [0.9], appearance=look, camera_motion=motion)
    assert [t.track_id for t in tracks] == ([1] if is_compensated else [2])
