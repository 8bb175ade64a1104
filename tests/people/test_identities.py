"""Who is who: frames that count, spans, and tracklets joined to people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from instmatt_video.correction import Merge
from instmatt_video.people.identities import Cast, Identity, cast_of
from instmatt_video.rendering.tracks_file import write_tracks
from instmatt_video.review.corrections import corrected_cast
from instmatt_video.trackers import StitchConfig, Tracker
from tests.made_records import frame_record, tracked

EASY = StitchConfig(min_identity_frames=1)


def one_life(pattern: str) -> Cast:
    """Return the cast of one person, drawn frame by frame.

    `d` is detected, `c` coasted though the detector looked, `s` coasted and nobody looked,
    `.` gone.
    """
    records = []
    for index, letter in enumerate(pattern):
        tracks = () if letter == "." else (tracked(1, 20.0 + index, letter == "d"),)
        records.append(frame_record(index, tracks, was_looked_at=letter != "s"))
    return cast_of(records, frozenset({1}), EASY)


@pytest.mark.parametrize(("looks_every", "people"), [(1, 0), (3, 1)])
def test_fewer_sightings_are_enough_where_the_detector_looks_seldom(
    looks_every: int, people: int
) -> None:
    records = [
        frame_record(
            index,
            (tracked(1, 20.0, index % 3 == 0),) if index < 12 else (),
            was_looked_at=index % looks_every == 0,
        )
        for index in range(60)
    ]
    assert len(cast_of(records, frozenset({1})).identities) == people


@pytest.mark.parametrize("looks_every", [1, 2, 3])
def test_short_clips_keep_their_people_however_seldom_the_detector_looks(looks_every: int) -> None:
    records = [
        frame_record(
            index,
            (tracked(1, 20.0, index % looks_every == 0),),
            was_looked_at=index % looks_every == 0,
        )
        for index in range(8)
    ]
    assert len(cast_of(records, frozenset({1})).identities) == 1


@pytest.mark.parametrize("pattern", ["d.d", "dd.d", "dd.dd", "ddd.dd", "d.dd.ddd", "...ddddd"])
@pytest.mark.parametrize("after", [0, 100], ids=["a clip", "a shot before another"])
def test_in_a_short_shot_a_miss_or_a_late_entry_loses_nobody(pattern: str, after: int) -> None:
    """Followed by the tracker, which may end a track that is missed when it is young."""
    tracker, records = Tracker(), []
    for index, letter in enumerate(pattern + "." * after):
        is_seen, is_cut = letter == "d", index == len(pattern)
        boxes = [[20.0, 10.0, 40.0, 50.0]] if is_seen else np.zeros((0, 4))
        tracks = tracker.update(boxes, [0.9] * is_seen, is_cut=is_cut)
        seen = tuple(tracked(track.track_id, 20.0) for track in tracks if track.detection == 0)
        records.append(frame_record(index, seen, is_cut=is_cut))
    (identity,) = cast_of(records, tracker.finish()).identities
    assert identity.visible.tolist() == [k for k, letter in enumerate(pattern) if letter == "d"]


@pytest.mark.parametrize("frames", [(50,), (50, 51), (98, 99), (99,)])
def test_a_frame_or_two_of_a_long_shot_make_nobody(frames: tuple[int, ...]) -> None:
    records = [
        frame_record(index, (tracked(1, 20.0),) if index in frames else ()) for index in range(100)
    ]
    for confirmed in (frozenset({1}), frozenset[int]()):
        assert cast_of(records, confirmed).identities == ()


def test_frames_that_could_not_be_read_hide_nobody() -> None:
    records = [frame_record(index, (tracked(1, 20.0, True),)) for index in (0, 1, 2, 3, 5, 6, 7)]
    assert len(cast_of(records, frozenset({1})).identities) == 1


def frames(cast: Cast) -> list[int]:
    (identity,) = cast.identities
    assert cast.visible_tracklets == {1: frozenset(identity.visible.tolist())}
    return identity.visible.tolist()


@pytest.mark.parametrize(
    ("pattern", "visible"),
    [
        pytest.param("dddd", [0, 1, 2, 3], id="always seen"),
        pytest.param("ddccd", [0, 1, 2, 3, 4], id="missed and found again"),
        pytest.param("ddcc", [0, 1], id="missed and gone"),
        pytest.param("dsdss", [0, 1, 2, 3, 4], id="nobody looked"),
        pytest.param("dssc", [0, 1, 2], id="then a look found nobody"),
        pytest.param("dsscs", [0, 1, 2], id="and nobody looked again"),
        pytest.param("ddc.d", [0, 1, 4], id="hidden: the mask did not last"),
        pytest.param("..dd", [2, 3], id="comes later"),
    ],
)
def test_frames_that_count(pattern: str, visible: list[int]) -> None:
    assert frames(one_life(pattern)) == visible


@pytest.mark.parametrize(
    ("visible", "spans"),
    [
        ([4], ((4, 4),)),
        ([0, 1, 2], ((0, 2),)),
        ([0, 2, 3, 7], ((0, 0), (2, 3), (7, 7))),
    ],
)
def test_spans(visible: list[int], spans: tuple[tuple[int, int], ...]) -> None:
    identity = Identity(1, "person_01", frozenset({1}), np.array(visible), 0.9, visible[0])
    assert identity.spans == spans


def test_nobody() -> None:
    cast = cast_of([frame_record(k) for k in range(3)], frozenset())
    assert cast.identities == () and cast.visible_tracklets == {} and cast.cuts == ()
    assert cast_of([], frozenset()).identities == ()


def test_a_short_track_that_was_never_confirmed_is_nobody() -> None:
    records = [
        frame_record(k, (tracked(1, 20), tracked(2, 90)) if k < 9 else (tracked(1, 20),))
        for k in range(20)
    ]
    cast = cast_of(records, frozenset({1}))
    assert [i.tracklet_ids for i in cast.identities] == [frozenset({1})]
    assert cast.rest([]) == frozenset({1})


def test_a_track_that_only_ever_coasted_is_nobody() -> None:
    records = [frame_record(k, (tracked(1, 20, is_detected=False),)) for k in range(12)]
    assert cast_of(records, frozenset({1}), EASY).identities == ()


def test_numbers_go_by_first_frame_then_left_edge() -> None:
    records = [
        frame_record(
            k,
            (tracked(7, 100), tracked(5, 20)) + ((tracked(2, 60),) if k > 3 else ()),
        )
        for k in range(20)
    ]
    cast = cast_of(records, frozenset({2, 5, 7}))
    assert [(i.track_id, i.name, set(i.tracklet_ids)) for i in cast.identities] == [
        (1, "person_01", {5}),
        (2, "person_02", {7}),
        (3, "person_03", {2}),
    ]


def stitched() -> tuple[list, frozenset[int]]:
    """Track 1 is lost behind something; track 2 goes on from there, but is never confirmed."""
    records = []
    for k in range(30):
        if k < 20:
            tracks = (tracked(1, 20.0 + k),)
        else:
            tracks = (tracked(2, 20.0 + k),) if k >= 24 else ()
        records.append(frame_record(k, tracks))
    return records, frozenset({1})


def test_an_unconfirmed_tracklet_joined_to_a_person_counts_everywhere(tmp_path: Path) -> None:
    records, confirmed = stitched()
    cast = cast_of(records, confirmed)
    (identity,) = cast.identities
    assert identity.tracklet_ids == {1, 2}
    assert identity.spans == ((0, 19), (24, 29))
    counted = set().union(*(cast.visible_tracklets[t] for t in identity.tracklet_ids))
    assert counted == set(identity.visible.tolist())
    write_tracks(tmp_path / "tracks.txt", records, cast)
    rows = np.loadtxt(tmp_path / "tracks.txt", delimiter=",")
    assert rows[:, 0].tolist() == [*range(1, 21), *range(25, 31)]
    assert set(rows[:, 1]) == {1}
    assert cast.rest([1]) == frozenset()


def test_two_merged_who_were_seen_at_once_have_one_line_a_frame(tmp_path: Path) -> None:
    records = [
        frame_record(k, (tracked(1, 10, score=0.6), tracked(2, 50, score=0.8))) for k in range(3)
    ]
    cast = corrected_cast(
        cast_of(records, frozenset({1, 2}), EASY), (Merge(track=1, other=2),), range(1, 4)
    )
    write_tracks(tmp_path / "tracks.txt", records, cast)
    line = "1,10.00,10.00,60.00,40.00,0.8000,-1,-1,-1"
    assert (tmp_path / "tracks.txt").read_text().splitlines() == [f"{k},{line}" for k in (1, 2, 3)]


def test_the_best_frame_is_large_and_sure() -> None:
    records = []
    for k in range(12):
        score = 0.95 if k == 7 else 0.7
        width = 40 if k == 9 else 20
        records.append(frame_record(k, (tracked(1, 20, score=score, width=width),)))
    (identity,) = cast_of(records, frozenset({1})).identities
    # score · sqrt(area): 0.95 · sqrt(800) = 26.9 against 0.7 · sqrt(1600) = 28.
    assert identity.best_frame == 9
    assert identity.mean_score == pytest.approx((11 * 0.7 + 0.95) / 12)


def test_cuts() -> None:
    records = [frame_record(k, (tracked(1, 20),), is_cut=k in (4, 9)) for k in range(12)]
    assert cast_of(records, frozenset({1})).cuts == (4, 9)


def test_appearance_joins_across_a_cut() -> None:
    red, blue = np.eye(6)[0], np.eye(6)[1]

    def clip(second: np.ndarray) -> list:
        first = [frame_record(k, (tracked(1, 20),), features={1: red}) for k in range(15)]
        later = [
            frame_record(k, (tracked(2, 100),), is_cut=k == 15, features={2: second})
            for k in range(15, 30)
        ]
        return [*first, *later]

    same = cast_of(clip(red), frozenset({1, 2}))
    other = cast_of(clip(blue), frozenset({1, 2}))
    assert len(other.identities) == 2
    assert len(same.identities) == 1


def test_tracks_file(tmp_path: Path) -> None:
    records = [
        frame_record(0, (tracked(3, 20.25),)),
        frame_record(1, (tracked(3, 21, score=0.5),)),
        frame_record(2, (tracked(3, 22, is_detected=False),)),
    ]
    cast = cast_of(records, frozenset({3}), StitchConfig(min_identity_frames=1))
    write_tracks(tmp_path / "tracks.txt", records, cast)
    assert (tmp_path / "tracks.txt").read_text() == (
        "1,1,20.25,10.00,20.00,40.00,0.9000,-1,-1,-1\n2,1,21.00,10.00,20.00,40.00,0.5000,-1,-1,-1\n"
    )
    assert [p.name for p in tmp_path.iterdir()] == ["tracks.txt"]
