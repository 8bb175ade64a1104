"""How long a frame waits for those in it: no longer than somebody's future matters."""

from __future__ import annotations

import numpy as np

from instmatt_video.media.frame import Frame
from instmatt_video.people.waiting_frames import MAX_WAITING_FRAMES, WaitingFrames
from tests.made_records import frame_record, tracked


class Clip:
    """A clip as it comes, and which frames are decided by then, with who counts in them."""

    def __init__(self) -> None:
        self._frames = WaitingFrames()
        self._count = 0

    def add(
        self, *people: tuple[int, bool], confirmed: set[int], look: bool = True
    ) -> list[tuple[int, list[int]]]:
        boxes = tuple(tracked(t, 10.0 * t, is_detected) for t, is_detected in people)
        record = frame_record(self._count, boxes, (), was_looked_at=look)
        frame = Frame(record.index, record.time, np.zeros((60, 100, 3), np.uint8))
        self._count += 1
        decided = self._frames.take(frame, record, frozenset(confirmed))
        return [(f.index, [t.track_id for t in counting]) for f, _, counting in decided]

    def finish(self, confirmed: set[int]) -> list[tuple[int, list[int]]]:
        decided = self._frames.finish(frozenset(confirmed))
        return [(f.index, [t.track_id for t in counting]) for f, _, counting in decided]


def test_a_frame_of_nobody_or_of_detected_known_people_does_not_wait() -> None:
    clip = Clip()
    assert clip.add(confirmed=set()) == [(0, [])]
    assert clip.add((1, True), (2, True), confirmed={1, 2}) == [(1, [1, 2])]
    assert clip.add((1, False), (2, True), confirmed={1, 2}, look=False) == [(2, [1, 2])]


def test_a_newcomer_holds_everybody_until_it_is_confirmed_or_gone() -> None:
    clip = Clip()
    assert clip.add((1, True), (2, True), confirmed={1}) == []
    assert clip.add((1, True), (2, True), confirmed={1}) == []
    assert clip.add((1, True), (2, True), confirmed={1, 2}) == [(k, [1, 2]) for k in range(3)]
    assert clip.add((1, True), (3, True), confirmed={1, 2}) == []
    assert clip.add((1, True), confirmed={1, 2}) == [(3, [1]), (4, [1])]


def test_who_is_missed_holds_frames_until_the_next_detection_or_the_end() -> None:
    clip = Clip()
    assert clip.add((1, True), confirmed={1}) == [(0, [1])]
    assert clip.add((1, False), confirmed={1}) == []
    assert clip.add((1, False), confirmed={1}) == []
    assert clip.add((1, True), confirmed={1}) == [(1, [1]), (2, [1]), (3, [1])]
    assert clip.add((1, False), confirmed={1}) == []
    assert clip.add(confirmed={1}) == [(4, []), (5, [])]


def test_a_frame_waits_for_so_many_others_and_no_more() -> None:
    clip = Clip()
    for _ in range(MAX_WAITING_FRAMES):
        assert clip.add((1, True), confirmed=set()) == []
    assert clip.add((1, True), confirmed=set()) == [(0, [])]


def test_the_end_decides_by_whom_the_tracker_believes_in_then() -> None:
    clip = Clip()
    assert clip.add((1, True), (2, True), confirmed=set()) == []
    assert clip.finish({2}) == [(0, [2])]
