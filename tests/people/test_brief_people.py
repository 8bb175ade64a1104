"""Who was seen too briefly for a stream is told of."""

from __future__ import annotations

from instmatt_video.frame_record import FrameRecord
from instmatt_video.people.brief_people import tell_of_brief_people, tell_of_nobody
from instmatt_video.people.identities import cast_of
from tests.made_records import frame_record, tracked
from tests.synthetic_clip import ColorDetector

NUM_FRAMES = 60


def told(
    stays: dict[int, range], confirmed: set[int], score: float = 0.9, has_rest: bool = False
) -> tuple[str, ...]:
    """Return what is told of a clip from frame 1001 on: one person, and stays of others."""
    records: list[FrameRecord] = [
        frame_record(
            k,
            (
                tracked(1, 20),
                *(tracked(t, 40.0 * t, score=score) for t, stay in stays.items() if k in stay),
            ),
        )
        for k in range(NUM_FRAMES)
    ]
    cast = cast_of(records, frozenset({1, *confirmed}))
    assert [i.tracklet_ids for i in cast.identities] == [frozenset({1})]
    return tell_of_brief_people(cast, records[-1], 1001, has_rest)


def test_everybody_has_a_stream() -> None:
    assert told({}, set()) == ()


def test_a_short_stay_is_told_with_its_frames_and_what_can_be_done() -> None:
    (line,) = told({2: range(20, 26)}, {2})
    assert "in frames 1021-1026; --rest" in line


def test_many_short_stays_are_one_line() -> None:
    (line,) = told({t: range(7 * t, 7 * t + 5) for t in range(2, 7)}, set(range(2, 7)))
    assert "in frames 1015-1019, 1022-1026, 1029-1033 and 2 more" in line


def test_the_rest_has_them() -> None:
    assert told({2: range(20, 26)}, {2}, has_rest=True) == ()


def test_somebody_new_in_the_last_frame_is_told_though_no_stream_has_them() -> None:
    for has_rest in (False, True):
        (line,) = told({2: range(58, 60)}, set(), has_rest=has_rest)
        assert "the last frame, 1060, shows somebody too new" in line


def test_what_flickers_or_is_no_sure_person_is_not_told() -> None:
    assert told({2: range(20, 22), 3: range(50, 52)}, set()) == ()
    assert told({2: range(20, 26), 3: range(58, 60)}, {2}, score=0.5) == ()


def test_who_has_looked_already_is_not_what_to_try() -> None:
    detector = ColorDetector()
    detector.has_exact_masks = False
    assert "try --detector maskrcnn, or masks of another tool" in tell_of_nobody(detector)
    detector.name = "maskrcnn"
    assert "is there, try masks of another tool" in tell_of_nobody(detector)
