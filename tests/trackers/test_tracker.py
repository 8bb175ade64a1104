"""Births, lives and deaths, on people whose truth is known."""

import dataclasses

import numpy as np
import pytest

from instmatt_video.trackers import Tracker, TrackerConfig, TrackState
from tests.trackers.made_people import ids_of_detections, person, run, standing


@pytest.mark.parametrize("count", [0, 1, 6])
def test_empty_one_many(count):
    frames = [[person(120.0 * k) for k in range(count)]] * 6
    tracks = run(Tracker(), frames)[-1]
    assert [t.track_id for t in tracks] == list(range(1, count + 1))
    assert {t.state for t in tracks} <= {TrackState.CONFIRMED}
    assert ids_of_detections(tracks) == {k: k + 1 for k in range(count)}


def test_a_track_is_reported_from_birth_and_confirmed_later():
    config = TrackerConfig(confirm_frames=4)
    tracker = Tracker(config)
    history = run(tracker, standing(5))
    assert [t.state for (t,) in history] == [TrackState.TENTATIVE] * 3 + [TrackState.CONFIRMED] * 2
    # The frames before confirmation are the same track's, so they can be given back to it.
    assert {t.track_id for (t,) in history} == {1}
    assert tracker.confirmed_ids == tracker.finish() == {1}


def test_what_is_seen_once_is_never_confirmed():
    tracker = Tracker()
    history = run(tracker, [[person(100)], [], [], []])
    assert history[0][0].state is TrackState.TENTATIVE
    assert history[1:] == [[], [], []]
    assert tracker.finish() == frozenset()


@pytest.mark.parametrize(
    ("pattern", "is_believed"),
    [
        pytest.param([0.9, 0.9, 0.9, 0.0], True, id="three of four"),
        pytest.param([0.9, 0.9, 0.9, 0.3], True, id="one of four uncertain"),
        pytest.param([0.9, 0.9, 0.0], False, id="two of three"),
        pytest.param([0.9, 0.0], False, id="every other"),
    ],
)
def test_whoever_is_seen_in_most_frames_is_confirmed(pattern, is_believed):
    tracker = Tracker()
    scores = [[pattern[f % len(pattern)]] for f in range(40)]
    run(tracker, standing(40), scores)
    assert tracker.finish() == ({1} if is_believed else frozenset())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_clip_too_short_to_confirm_believes_those_never_missed(count):
    tracker = Tracker(TrackerConfig(confirm_frames=4))
    frames = [[person(100), person(300)]] + [[person(100)]] * (count - 1)
    run(tracker, frames)
    assert tracker.finish() == ({1, 2} if count == 1 else {1})


def test_crossing_people_keep_their_ids():
    tracker = Tracker()
    left_to_right = [person(20.0 + 6 * f, 50) for f in range(60)]
    right_to_left = [person(380.0 - 6 * f, 56) for f in range(60)]
    history = run(tracker, [[a, b] for a, b in zip(left_to_right, right_to_left, strict=True)])
    assert all(ids_of_detections(tracks) == {0: 1, 1: 2} for tracks in history)


def test_crossing_behind_somebody_keeps_the_id():
    """The one behind is not detected while the boxes overlap by more than half."""
    tracker = Tracker()
    front = [person(200, 50) for _ in range(60)]
    behind = [person(20.0 + 6 * f, 40) for f in range(60)]
    frames = [[a] if abs(a[0] - b[0]) < 25 else [a, b] for a, b in zip(front, behind, strict=True)]
    history = run(tracker, frames)
    assert ids_of_detections(history[0]) == {0: 2, 1: 1}  # numbered from the left
    assert ids_of_detections(history[-1]) == {0: 2, 1: 1}


@pytest.mark.parametrize(("absence", "is_same"), [(1, True), (10, True), (11, False)])
def test_lost_and_back_inside_and_outside_the_buffer(absence, is_same):
    tracker = Tracker(TrackerConfig(max_lost_frames=10))
    history = run(tracker, standing(8) + [[]] * absence + standing(5))
    coasting = history[8 : 8 + absence]
    assert all(t.state is TrackState.LOST and t.detection is None for (t,) in coasting[:10])
    assert (history[-1][0].track_id == 1) is is_same
    assert history[-1][0].state is TrackState.CONFIRMED


def test_a_lost_track_coasts_along_its_course():
    tracker = Tracker()
    history = run(tracker, [[person(4.0 * f)] for f in range(30)] + [[]] * 5)
    assert history[-1][0].box[0] == pytest.approx(4.0 * 34, abs=2.0)


def test_low_scores_keep_a_track_alive_but_start_none():
    tracker = Tracker(TrackerConfig(high_score=0.6, low_score=0.1, birth_score=0.7))
    frames = [[person(100)]] * 20
    scores = [[0.9]] * 6 + [[0.2]] * 14
    assert all(t.state is TrackState.CONFIRMED for (t,) in run(tracker, frames, scores)[6:])
    assert run(Tracker(), frames, [[0.2]] * 20)[-1] == []
    assert run(Tracker(), frames, [[0.05]] * 20)[-1] == []


def test_a_low_score_does_not_revive_a_lost_track():
    tracker = Tracker()
    frames = [*standing(6), [], *standing(1)]
    history = run(tracker, frames, [[0.9]] * 6 + [[]] + [[0.2]])
    assert history[-1][0].state is TrackState.LOST


def test_a_cut_closes_all_tracks():
    tracker = Tracker()
    run(tracker, [[person(100), person(300)]] * 6)
    tracks = tracker.update([person(100), person(300)], [0.9, 0.9], is_cut=True)
    assert [t.track_id for t in tracks] == [3, 4]
    assert {t.state for t in tracks} == {TrackState.TENTATIVE}
    assert tracker.confirmed_ids == {1, 2}


def test_ids_are_never_reused(rng):
    """Everybody goes and somebody else comes, many times, with cuts between."""
    tracker = Tracker(TrackerConfig(max_lost_frames=1))
    seen, alive = set(), set()
    for step in range(40):
        x = float(rng.uniform(0, 2000))
        for inside in range(5):
            tracks = tracker.update([person(x)], [0.9], is_cut=inside == 0 and step % 3 == 0)
            now = {t.track_id for t in tracks}
            assert not (now & (seen - alive))
            alive = now
            seen |= now
    assert seen == set(range(1, len(seen) + 1))


@pytest.mark.parametrize("is_compensated", [True, False])
def test_camera_motion_compensates_a_pan(is_compensated):
    """A camera that jumps by more than a person's width between frames, back and forth."""
    tracker = Tracker()
    shifts = [0, 0, 0, 0, 0, 0, 150, 150, 0, 150, 150]
    before = 0
    for shift in shifts:
        motion = [[1, 0, shift - before], [0, 1, 0]] if is_compensated else None
        tracks = tracker.update(
            [person(100 + shift), person(150 + shift)], [0.9, 0.9], camera_motion=motion
        )
        before = shift
    assert (ids_of_detections(tracks) == {0: 1, 1: 2}) is is_compensated


def test_order_of_detections_does_not_matter(rng):
    frames = []
    for f in range(40):
        boxes = [person(40 * k + (3 if k % 2 else -2) * f, 50 + 5 * k) for k in range(6)]
        frames.append([b for b in boxes if rng.uniform() < 0.85])
    scores = [rng.uniform(0.3, 1.0, len(boxes)) for boxes in frames]
    straight = run(Tracker(), frames, scores)
    orders = [rng.permutation(len(boxes)) for boxes in frames]
    shuffled = run(
        Tracker(),
        [[boxes[i] for i in order] for boxes, order in zip(frames, orders, strict=True)],
        [score[order] for score, order in zip(scores, orders, strict=True)],
    )
    for a, b, order in zip(straight, shuffled, orders, strict=True):
        assert [(t.track_id, t.state, t.score) for t in a] == [
            (t.track_id, t.state, t.score) for t in b
        ]
        np.testing.assert_array_equal([t.box for t in a], [t.box for t in b])
        assert [t.detection for t in a] == [
            None if t.detection is None else order[t.detection] for t in b
        ]


def test_same_input_same_output(rng):
    frames = [[person(*p) for p in rng.uniform(0, 300, (4, 2))] for _ in range(30)]
    a, b = run(Tracker(), frames), run(Tracker(), frames)
    for x, y in zip(a, b, strict=True):
        assert [dataclasses.astuple(t)[:2] for t in x] == [dataclasses.astuple(t)[:2] for t in y]
        np.testing.assert_array_equal([t.box for t in x], [t.box for t in y])


def test_masks_decide_between_boxes_that_do_not():
    """Two people share nearly one box; the halves they fill tell them apart, whatever the order."""
    left, right = np.zeros((2, 8, 8), np.float32)
    left[:, :4], right[:, 4:] = 1.0, 1.0
    tracker = Tracker()
    for f in range(20):
        # The boxes' small differences swap every frame; the masks never do.
        d = 1.0 if f % 2 else -1.0
        tracks = tracker.update(
            [person(100 + d), person(100 - d)], [0.9, 0.9], masks=np.stack([left, right])
        )
        if f == 0:
            first = ids_of_detections(tracks)
        assert ids_of_detections(tracks) == first


def test_appearance_decides_between_boxes_that_do_not():
    red, blue = np.eye(2)
    tracker = Tracker()
    for f in range(20):
        d = 3.0 if f % 2 else -3.0
        tracks = tracker.update(
            [person(100 + d), person(100 - d)], [0.9, 0.9], appearance=[red, blue]
        )
        if f == 0:
            first = ids_of_detections(tracks)
        assert ids_of_detections(tracks) == first


def test_a_wrong_mask_does_not_end_a_track():
    masks = np.zeros((12, 1, 8, 8), np.float32)
    masks[:6, :, :4], masks[6:, :, 4:] = 1.0, 1.0
    history = run(Tracker(), standing(12), masks=masks)
    assert {t.track_id for tracks in history for t in tracks} == {1}


def test_cues_may_come_and_go():
    tracker = Tracker()
    masks, looks = np.ones((1, 8, 8), np.float32), np.array([[1.0, 0.0]])
    for cues in ({}, {"masks": masks}, {}, {"appearance": looks}, {"masks": masks}, {}):
        tracks = tracker.update([person(100)], [0.9], **cues)
    assert [t.track_id for t in tracks] == [1]


def test_detecting_every_third_frame_follows_a_walk():
    tracker = Tracker()
    for f in range(0, 60, 3):
        tracks = tracker.update([person(5.0 * f)], [0.9], elapsed_frames=3)
    assert [t.track_id for t in tracks] == [1]
    assert tracks[0].box[0] == pytest.approx(5.0 * 57, abs=3.0)


@pytest.mark.parametrize(
    ("elapsed", "looks", "is_believed"),
    [
        pytest.param(1, 4, True, id="four of every frame"),
        pytest.param(1, 3, False, id="three of every frame"),
        pytest.param(2, 3, True, id="three of every other"),
        pytest.param(2, 2, False, id="two of every other"),
        pytest.param(3, 2, True, id="two of every third"),
        pytest.param(8, 2, True, id="two of every eighth"),
        pytest.param(8, 1, False, id="one of every eighth"),
    ],
)
def test_confirmation_counts_frames_not_looks(elapsed, looks, is_believed):
    tracker = Tracker(TrackerConfig(confirm_frames=4))
    for boxes in standing(looks) + [[]] * 6:
        tracker.update(boxes, [0.9] * len(boxes), elapsed_frames=elapsed)
    assert tracker.finish() == ({1} if is_believed else frozenset())


@pytest.mark.parametrize(
    ("elapsed", "speed"),
    [
        pytest.param(1, 45.0, id="a few frames a second"),
        pytest.param(5, 7.0, id="every fifth frame"),
        pytest.param(8, 7.0, id="every eighth frame"),
    ],
)
def test_a_walk_past_ones_own_width_between_looks_is_one_track(elapsed, speed):
    tracker = Tracker()
    for f in range(0, 12 * elapsed, elapsed):
        tracks = tracker.update([person(speed * f)], [0.9], elapsed_frames=elapsed)
    assert [(t.track_id, t.state) for t in tracks] == [(1, TrackState.CONFIRMED)]


def test_of_two_that_a_newborn_may_have_become_neither_is_taken():
    tracker = Tracker()
    tracker.update([person(100)], [0.9])
    tracks = tracker.update([person(60), person(140)], [0.9, 0.9], elapsed_frames=8)
    assert ids_of_detections(tracks) == {0: 2, 1: 3}


def test_a_newborn_with_a_disputed_choice_takes_no_other():
    # The first may have gone to either, the second to the right one alone: nobody can tell.
    tracker = Tracker()
    tracker.update([[0, 0, 20, 60], [60, 0, 80, 60]], [0.9, 0.9])
    after = tracker.update([[-30, 0, -10, 60], [30, 0, 50, 60]], [0.9, 0.9])
    assert {t.track_id for t in after if t.detection is not None} == {3, 4}


@pytest.mark.parametrize(
    ("look", "expected"), [([1.0, 0.0], 1), ([0.0, 1.0], 2)], ids=["the same", "a stranger"]
)
def test_a_stranger_is_not_the_newborn_who_walked_on(look, expected):
    tracker = Tracker()
    tracker.update([person(100)], [0.9], appearance=[[1.0, 0.0]])
    tracks = tracker.update([person(160)], [0.9], appearance=[look], elapsed_frames=8)
    assert ids_of_detections(tracks) == {0: expected}


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        pytest.param({"scores": [0.9, 0.9]}, "scores of shape", id="scores"),
        pytest.param({"camera_motion": np.eye(3)}, "camera_motion must be", id="camera"),
        pytest.param({"elapsed_frames": 0}, "elapsed_frames is 0", id="time"),
    ],
)
def test_what_does_not_fit_is_refused(kwargs, message):
    with pytest.raises(ValueError, match=message):
        Tracker().update(**{"boxes": [person(0)], "scores": [0.9], **kwargs})


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        pytest.param({"scores": [np.nan]}, "scores must be finite", id="score of nan"),
        pytest.param({"masks": np.ones((1, 8, 4))}, r"masks must be \(N, m, m\)", id="oblong"),
        pytest.param({"masks": np.ones((1, 0, 0))}, r"masks must be \(N, m, m\)", id="no cells"),
        pytest.param({"masks": np.ones((1, 4, 4))}, "changed their shape", id="other grid"),
        pytest.param({"appearance": np.ones((1, 3))}, "changed their shape", id="other length"),
        pytest.param({"camera_motion": np.eye(3)}, "camera_motion must be", id="camera"),
        pytest.param({"camera_motion": np.full((2, 3), np.nan)}, "finite", id="camera of nan"),
        pytest.param({"elapsed_frames": 0}, "elapsed_frames is 0", id="time"),
    ],
)
def test_a_call_that_is_refused_leaves_the_tracker_as_it_was(kwargs, message):
    def call(tracker, x, **other):
        cues = {"masks": np.ones((1, 8, 8)), "appearance": np.array([[0.6, 0.8]])}
        given = {"scores": [0.9], **cues, **other}
        return [(t.track_id, t.state, t.box.tolist()) for t in tracker.update([person(x)], **given)]

    tracker, untouched = Tracker(), Tracker()
    for x in (100, 104, 109):
        assert call(tracker, x) == call(untouched, x)
    with pytest.raises(ValueError, match=message):
        call(tracker, 115, **{"elapsed_frames": 2, **kwargs})
    for x in (115, 122):
        assert call(tracker, x) == call(untouched, x)


def test_a_new_shot_may_bring_cues_of_another_shape():
    tracker = Tracker()
    tracker.update([person(0)], [0.9], masks=np.ones((1, 8, 8)))
    tracker.update([], [], masks=np.ones((0, 4, 4)))
    (track,) = tracker.update([person(0)], [0.9], masks=np.ones((1, 4, 4)), is_cut=True)
    assert track.track_id == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("high_score", 1.5), ("confirm_frames", 0), ("miss_cost", 0), ("buffer_fraction", -0.1)],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        TrackerConfig(**{name: value})
