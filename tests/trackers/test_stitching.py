"""Which tracklets are one person."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from instmatt_video.trackers import StitchConfig, Tracklet, stitch, stitching
from instmatt_video.trackers.assignment import match_pairs
from instmatt_video.trackers.boxes import as_boxes


def tracklet(track_id, frames, x=0.0, speed=4.0, height=100.0, score=0.9, **kwargs):
    """A person who is at `x` in frame 0 of the clip and walks to the right."""
    frames = np.asarray(frames)
    left = x + speed * frames
    boxes = np.stack([left, 0 * left + 50, left + 0.4 * height, 0 * left + 50 + height], 1)
    return Tracklet(track_id, frames, as_boxes(boxes), np.full(len(frames), score), **kwargs)


def test_nobody():
    assert stitch([]) == {}


def test_one():
    assert stitch([tracklet(7, range(30))]) == {7: 1}


def test_a_gap_in_a_walk_is_joined():
    assert stitch([tracklet(1, range(30)), tracklet(5, range(42, 80))]) == {1: 1, 5: 1}


def test_three_parts_are_one_chain():
    parts = [tracklet(i, range(40 * i, 40 * i + 30)) for i in (1, 2, 3)]
    assert stitch(parts) == {1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize(
    "later",
    [
        pytest.param({"x": 600.0}, id="six heights away"),
        pytest.param({"height": 200.0}, id="twice as tall"),
        pytest.param({"speed": -4.0, "x": 600.0}, id="elsewhere and back"),
    ],
)
def test_the_impossible_is_not_joined(later):
    assert stitch([tracklet(1, range(30)), tracklet(2, range(36, 70), **later)]) == {1: 1, 2: 2}


def test_an_absence_too_long_is_not_joined():
    parts = [tracklet(1, range(30), speed=0.0), tracklet(2, range(80, 120), speed=0.0)]
    assert stitch(parts, StitchConfig(max_gap_frames=60)) == {1: 1, 2: 1}
    assert stitch(parts, StitchConfig(max_gap_frames=50)) == {1: 1, 2: 2}


def test_people_at_the_same_time_are_two():
    assert stitch([tracklet(1, range(30)), tracklet(2, range(20, 60))]) == {1: 1, 2: 2}


def test_motion_does_not_join_across_a_cut():
    assert stitch([tracklet(1, range(30)), tracklet(2, range(32, 60), shot=1)]) == {1: 1, 2: 2}


@pytest.mark.parametrize(("cosine", "identity"), [(1.0, 1), (0.9, 2)])
def test_only_strong_appearance_joins_across_a_cut(cosine, identity):
    a = np.array([1.0, 0.0])
    b = np.array([cosine, np.sqrt(1 - cosine**2)])
    parts = [
        tracklet(1, range(30), appearance=a),
        tracklet(2, range(32, 60), x=900.0, shot=1, appearance=b),
    ]
    assert stitch(parts)[2] == identity


def test_of_two_alike_none_is_taken():
    look = np.array([1.0, 0.0])
    parts = [
        tracklet(1, range(30), appearance=look),
        tracklet(2, range(30), x=400.0, appearance=look),
        tracklet(3, range(40, 70), x=900.0, shot=1, appearance=look),
    ]
    assert stitch(parts) == {1: 1, 2: 2, 3: 3}


def test_appearance_chooses_where_motion_cannot():
    """Two people vanish at one place and come back there; who is who, only colours tell."""
    red, blue = np.eye(2)
    parts = [
        tracklet(1, range(30), speed=0.0, appearance=red),
        tracklet(2, range(30), speed=0.0, x=10.0, appearance=blue),
        tracklet(3, range(35, 70), speed=0.0, appearance=blue),
        tracklet(4, range(35, 70), speed=0.0, x=10.0, appearance=red),
    ]
    assert stitch(parts) == {1: 1, 2: 2, 3: 2, 4: 1}


def test_the_whole_clip_decides_not_the_nearest_pair():
    """Tracklet 3 lies nearest to 2, but then 1 would be left alone with nothing it can reach."""
    parts = [
        tracklet(1, range(30), speed=0.0, x=0.0),
        tracklet(2, range(30), speed=0.0, x=16.0),
        tracklet(3, range(34, 70), speed=0.0, x=12.0),
        tracklet(4, range(34, 70), speed=0.0, x=32.0),
    ]
    assert stitch(parts) == {1: 1, 2: 2, 3: 1, 4: 2}


def test_identities_are_numbered_by_first_frame_then_left_edge():
    parts = [
        tracklet(9, range(20, 60), x=0.0),
        tracklet(4, range(50), x=700.0),
        tracklet(6, range(50), x=200.0),
    ]
    assert stitch(parts) == {6: 1, 4: 2, 9: 3}


def test_the_short_the_unsure_and_the_never_confirmed_are_dropped():
    parts = [
        tracklet(1, range(50)),
        tracklet(2, range(2), x=500.0),
        tracklet(3, range(50), x=1000.0, score=0.3),
        tracklet(4, range(9), x=1500.0, is_confirmed=False),
    ]
    assert stitch(parts, StitchConfig(min_identity_frames=3)) == {1: 1}


@pytest.mark.parametrize(
    ("scores", "is_person"),
    [
        pytest.param([0.8] * 20 + [0.3] * 20, True, id="hidden for half of the time"),
        pytest.param([0.8] * 10 + [0.3] * 30, False, id="hidden for longer"),
        pytest.param([0.62, 0.58] * 20, True, id="hardly certain, in every other frame"),
        pytest.param([0.9] + [0.55] * 39, False, id="certain once"),
        pytest.param([0.65, 0.5] * 10, False, id="as uncertain for a short time"),
    ],
)
def test_the_better_half_of_a_long_stay_tells_whether_it_is_a_person(scores, is_person):
    """Of the better 20 means are .8, .55, .62, .5675 and .575; of the best 10 .65 in the last."""
    part = replace(tracklet(1, range(len(scores))), scores=np.array(scores))
    assert bool(stitch([part], StitchConfig(min_mean_score=0.6))) == is_person


@pytest.mark.parametrize(
    ("count", "score", "is_person"),
    [
        pytest.param(10, 0.9, True, id="often enough"),
        pytest.param(9, 0.9, False, id="too seldom"),
        pytest.param(10, 0.5, False, id="too unsure"),
    ],
)
def test_whoever_is_seen_often_is_a_person_though_never_for_long(count, score, is_person):
    """Found in every other frame: no tracklet is longer than one detection."""
    parts = [tracklet(k + 1, [2 * k], score=score, is_confirmed=False) for k in range(count)]
    assert len(stitch(parts, looked_at={0: np.arange(40)})) == (count if is_person else 0)


@pytest.mark.parametrize("count", [1, 4])
def test_nobody_can_be_there_longer_than_the_clip(count):
    assert stitch([tracklet(1, range(count))]) == {1: 1}


@pytest.mark.parametrize(
    ("frames", "is_person"),
    [
        pytest.param(range(96, 100), True, id="comes in at the end"),
        pytest.param(range(4), True, id="leaves at the beginning"),
        pytest.param([93, 95, 97, 99], True, id="comes in, missed in every other frame"),
        pytest.param(range(40, 49), False, id="a while in the middle"),
        pytest.param(range(98, 100), False, id="two frames at the end"),
        pytest.param(range(2), False, id="two frames at the beginning"),
        pytest.param([90, 91, 92, 93], False, id="no longer there at the end"),
    ],
)
def test_a_shot_may_cut_off_the_rest_of_a_stay(frames, is_person):
    parts = [tracklet(1, frames)]
    assert stitch(parts, looked_at={0: np.arange(100)}) == ({1: 1} if is_person else {})
    parts = [tracklet(1, frames, is_confirmed=False)]
    assert stitch(parts, looked_at={0: np.arange(100)}) == {}


def test_frames_at_which_nobody_looked_hide_nobody():
    parts = [tracklet(1, range(0, 12, 3), is_confirmed=False)]
    assert stitch(parts, looked_at={0: np.arange(0, 14, 3)}) == {1: 1}
    assert stitch(parts, looked_at={0: np.arange(14)}) == {}


def test_each_shot_is_judged_by_its_own_length():
    parts = [tracklet(1, range(5)), tracklet(2, range(50, 55), x=600.0, shot=1)]
    assert stitch(parts, looked_at={0: np.arange(5), 1: np.arange(5, 100)}) == {1: 1}


def test_an_unconfirmed_piece_may_belong_to_somebody():
    parts = [tracklet(1, range(30)), tracklet(2, range(33, 36), is_confirmed=False)]
    assert stitch(parts) == {1: 1, 2: 1}


def test_order_of_tracklets_does_not_matter(rng):
    parts = [
        tracklet(i, range(7 * i, 7 * i + 25), x=40.0 * (i % 5), speed=float(i % 3))
        for i in range(1, 20)
    ]
    expected = stitch(parts)
    for _ in range(5):
        assert stitch([parts[i] for i in rng.permutation(len(parts))]) == expected


def crowd(rng, count):
    """Tracklets of a few people in sight at a time, some much alike, over three shots."""
    parts = []
    for k in range(count):
        start, length = 9 * k + int(rng.integers(0, 20)), int(rng.integers(1, 30))
        look = np.eye(4)[rng.integers(0, 4)] + rng.normal(0, 0.1, 4)
        parts.append(
            tracklet(
                k + 1,
                range(start, start + length),
                x=float(rng.integers(0, 200)) - 4.0 * start,
                appearance=None if k % 5 == 0 else look / np.linalg.norm(look),
                shot=k * 3 // count,
            )
        )
    return parts


def match_in_a_matrix(rows, columns, value):
    worth = np.zeros((rows.max(initial=0) + 1, columns.max(initial=0) + 1))
    worth[rows, columns] = value
    return match_pairs(worth, worth > 0.0)


def test_what_is_near_in_time_gives_what_all_pairs_give(rng, monkeypatch):
    """The same people where every pair is looked at, and matched in one matrix of them all."""
    clips = [crowd(rng, 120) for _ in range(5)]
    people = [stitch(parts) for parts in clips]
    for parts, identities in zip(clips, people, strict=True):
        assert len(set(identities.values())) < len(identities) < len(parts)
    monkeypatch.setattr(
        stitching,
        "_pairs_within",
        lambda first, last, max_gap: np.nonzero(
            (first - last[:, None] >= 1) & (first - last[:, None] <= max_gap)
        ),
    )
    monkeypatch.setattr(stitching, "match_listed_pairs", match_in_a_matrix)
    assert [stitch(parts) for parts in clips] == people


def test_memory_grows_with_tracklets_not_with_their_pairs():
    """A matrix of all pairs would take 72 MB."""
    looks = np.eye(8)
    parts = [
        tracklet(k + 1, range(10 * k, 10 * k + 2), appearance=looks[k % 8]) for k in range(3000)
    ]
    tracemalloc.start()
    stitch(parts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24e6


def test_two_tracklets_of_one_id_are_refused():
    with pytest.raises(ValueError, match="one track_id"):
        stitch([tracklet(1, range(5)), tracklet(1, range(10, 15))])


def test_a_tracklet_of_unequal_lengths_is_refused():
    with pytest.raises(ValueError, match="do not describe the same frames"):
        Tracklet(1, np.arange(3), np.zeros((2, 4)), np.zeros(3))
