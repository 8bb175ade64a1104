"""Detection and tracking of a made clip, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from instmatt_video.detection.detections import Detections
from instmatt_video.media.frame import Frame
from instmatt_video.people.finder import (
    MAX_COAST_FRAMES,
    MAX_KEY_FRAMES_APART,
    FoundPeople,
    PeopleFinder,
)
from instmatt_video.trackers import Tracker
from tests.synthetic_clip import SIZE, ColorDetector, boxes_at, picture


def frame(index: int, image: np.ndarray | None = None) -> Frame:
    return Frame(index, Fraction(index, 25), picture(index) if image is None else image)


def find_all(finder: PeopleFinder, count: int = 30) -> list[FoundPeople]:
    return [finder.find(frame(k)) for k in range(count)]


def box_of(found: FoundPeople, track_id: int) -> np.ndarray:
    return found.people.boxes[found.track_ids.index(track_id)]


class Blinking(ColorDetector):
    """Sees nobody in some frames."""

    has_exact_masks = False

    def __init__(self, blind: Sequence[int]) -> None:
        super().__init__()
        self.blind = blind

    def detect(
        self, images: Sequence[np.ndarray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        assert frame_indices is not None
        found = super().detect(images, frame_indices)
        return [Detections.empty()] if frame_indices[0] in self.blind else found


def test_everybody_is_found_and_keeps_their_number() -> None:
    # From frame 24 on a third person stands there at once: in so small a picture that is a cut.
    found = find_all(PeopleFinder(ColorDetector()), 24)
    numbers = set()
    for index, people in enumerate(found):
        assert len(people.track_ids) == len(people.people) == len(people.is_coasted)
        assert people.record.index == index and people.record.alphas == ()
        left = boxes_at(index)[0]
        (at,) = [k for k, b in enumerate(people.people.boxes) if np.abs(b - left).max() < 1]
        numbers.add(people.track_ids[at])
    assert len(numbers) == 1


def test_a_missed_person_keeps_the_mask_for_a_while() -> None:
    blind = range(12, 30)
    found = find_all(PeopleFinder(Blinking(blind)))
    (before,) = [t for t in found[11].record.tracks if np.abs(t.box - boxes_at(11)[0]).max() < 1]
    coasted = [k for k in blind if before.track_id in found[k].track_ids]
    assert coasted == list(range(12, 12 + len(coasted)))
    assert MAX_COAST_FRAMES <= len(coasted) <= MAX_COAST_FRAMES + 1
    for k in coasted[:4]:
        at = found[k].track_ids.index(before.track_id)
        assert found[k].is_coasted[at]
        # Nothing but people moves in this picture: unseen, they are taken for the camera's motion.
        assert np.abs(box_of(found[k], before.track_id) - boxes_at(k)[0]).max() < 8


def test_who_was_missed_for_long_stays_away_when_looks_become_rarer() -> None:
    """Live use looks more often for a while, and rarely again; so the longest absence varies."""
    finder = PeopleFinder(Blinking(range(12, 30)))
    found = find_all(finder, 12 + MAX_COAST_FRAMES + 3)
    assert found[12].track_ids and not found[-1].track_ids
    finder.detect_every = 8
    late = [finder.find(frame(k)) for k in range(len(found), 30)]
    assert all(people.track_ids == () for people in late)


def test_between_looks_masks_move_along() -> None:
    detector = ColorDetector()
    found = find_all(PeopleFinder(detector, detect_every=3), 24)
    assert detector.looks == list(range(0, 24, 3))
    for k in range(6, 24):
        assert found[k].record.was_looked_at == (k % 3 == 0)
        nearest = np.abs(found[k].people.boxes - boxes_at(k)[0]).max(1).min()
        assert nearest < 3, k
        assert all(found[k].is_coasted) == (k % 3 != 0)
        assert not any(found[k].is_missed)


def test_whom_a_look_missed_is_missed_until_the_next() -> None:
    found = find_all(PeopleFinder(Blinking([12]), detect_every=3), 18)
    assert [k for k in range(6, 18) if any(found[k].is_missed)] == [12, 13, 14]
    assert all(all(found[k].is_missed) and found[k].track_ids for k in (12, 13, 14))


@pytest.mark.parametrize(
    ("gap", "carried"),
    [(MAX_KEY_FRAMES_APART, MAX_KEY_FRAMES_APART - 1), (MAX_KEY_FRAMES_APART + 1, 9)],
)
def test_drawn_masks_are_carried_so_far_and_no_farther(gap: int, carried: int) -> None:
    class Drawn(ColorDetector):
        has_exact_masks = True

        def looks_at(self, frame_index: int) -> bool:
            return frame_index in (0, gap)

    finder = PeopleFinder(Drawn())
    still = picture(0)
    found = [finder.find(frame(k, still)) for k in range(gap + 1)]
    assert sum(bool(people.track_ids) for people in found[1:gap]) == carried


def test_a_cut_is_looked_at_at_once_and_begins_new_lives() -> None:
    detector = ColorDetector()
    finder = PeopleFinder(detector, detect_every=4)
    rng = np.random.default_rng(0)
    for k in range(13):
        before = finder.find(frame(k))
    other = rng.integers(0, 90, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    other[20:68, 50:74] = (200, 40, 40)
    after = finder.find(frame(13, other))
    assert after.record.is_cut and after.record.was_looked_at
    assert not set(before.track_ids) & set(after.track_ids)


def test_16_bit_frames() -> None:
    class Wide(ColorDetector):
        def _look(self, image: np.ndarray) -> Detections:
            assert image.dtype == np.uint16
            return super()._look((image >> 8).astype(np.uint8))

    narrow = find_all(PeopleFinder(ColorDetector()), 8)
    finder = PeopleFinder(Wide())
    wide = [finder.find(frame(k, picture(k).astype(np.uint16) * 257)) for k in range(8)]
    for a, b in zip(narrow, wide, strict=True):
        assert a.track_ids == b.track_ids and np.array_equal(a.people.boxes, b.people.boxes)


def test_an_empty_clip_has_nobody() -> None:
    wall = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
    finder = PeopleFinder(ColorDetector())
    for k in range(3):
        found = finder.find(frame(k, wall))
        assert len(found.people) == 0 and found.track_ids == ()


@pytest.mark.parametrize(
    ("every", "blind"),
    [
        pytest.param(1, range(0), id="everywhere"),
        pytest.param(3, range(0), id="now and then"),
        pytest.param(1, range(13, 20), id="while somebody is missed"),
    ],
)
def test_replay_and_preparation_bring_back_the_past(every: int, blind: Sequence[int]) -> None:
    whole = find_all(PeopleFinder(Blinking(blind), every))
    finder = PeopleFinder(Blinking(blind), every)
    for k in range(17):
        finder.replay(whole[k].record)
    for k in range(17):
        finder.prepare(frame(k), whole[k].record)
    for k in range(17, 30):
        found = finder.find(frame(k))
        assert found.track_ids == whole[k].track_ids, k
        assert np.array_equal(found.people.boxes, whole[k].people.boxes), k
        assert np.array_equal(found.people.masks, whole[k].people.masks), k
        assert found.is_coasted == whole[k].is_coasted
        assert found.is_missed == whole[k].is_missed


def held(index: int, shown: int) -> Frame:
    return replace(frame(index, picture(shown)), is_held=True)


@pytest.mark.parametrize("every", [1, 3])
def test_a_held_frame_shows_everybody_where_they_were(every: int) -> None:
    detector = ColorDetector()
    finder = PeopleFinder(detector, every)
    frames = [held(k, 11) if k in (12, 13, 14) else frame(k) for k in range(20)]
    found = [finder.find(f) for f in frames]
    assert not {12, 13, 14} & set(detector.looks)
    for index in (12, 13, 14):
        assert found[index].track_ids == found[11].track_ids
        assert all(found[index].is_coasted) and found[index].record.is_held
        assert np.abs(found[index].people.boxes - found[11].people.boxes).max() < 0.5
        assert not found[index].record.is_cut
    assert found[19].track_ids == found[11].track_ids, "nobody is lost behind them"


@pytest.mark.parametrize("every", [1, 3])
def test_the_first_picture_is_looked_at_behind_held_frames(every: int) -> None:
    detector = ColorDetector()
    finder = PeopleFinder(detector, every)
    found = [finder.find(held(k, 2) if k < 2 else frame(k)) for k in range(4)]
    assert detector.looks[0] == 2
    assert [len(people.track_ids) for people in found[:3]] == [0, 0, 1]


class SeesEvenFrames(ColorDetector):
    """Has masks for every second frame alone."""

    def looks_at(self, frame_index: int) -> bool:
        return frame_index % 2 == 0


def test_a_cut_in_a_frame_without_masks_ends_every_track() -> None:
    finder = PeopleFinder(SeesEvenFrames())
    # In picture 24 a third person stands there at once, which is a cut in so small a picture.
    before = [finder.find(frame(k, picture(k + 3))) for k in range(21)]
    cut = finder.find(frame(21, picture(24)))
    assert cut.record.is_cut and not cut.record.was_looked_at
    after = [finder.find(frame(k, picture(k + 3))) for k in range(22, 40)]
    known = {i for found in before for i in found.track_ids}
    assert known and not known & {i for found in after for i in found.track_ids}
    # Replaying what was stored comes to the same numbers.
    replayed = PeopleFinder(SeesEvenFrames())
    for found in (*before, cut, *after):
        replayed.replay(found.record)
    assert replayed.tracker.finish() == finder.tracker.finish()


class Overlapping(ColorDetector):
    """Sees two people in one box, one in its left half and one in its right."""

    def _look(self, image: np.ndarray) -> Detections:
        masks = np.zeros((2, 28, 28), np.float32)
        masks[0, :, :14], masks[1, :, 14:] = 1, 1
        boxes = np.tile(np.float32([0, 0, *SIZE]), (2, 1))
        return Detections(boxes, np.float32([0.9, 0.8]), masks)


def test_two_people_in_one_box_stay_apart_when_a_run_is_resumed() -> None:
    whole = find_all(PeopleFinder(Overlapping()), 12)
    assert len(whole[-1].track_ids) == 2
    finder = PeopleFinder(Overlapping())
    for found in whole[:8]:
        finder.replay(found.record)
    for k in range(8):
        prepared = finder.prepare(frame(k), whole[k].record)
        assert np.array_equal(prepared.people.masks, whole[k].people.masks), k


class Telling(ColorDetector):
    """Knows who is who: the red person is 7, the green one 3; from frame 12 on the other way."""

    def detect(
        self, images: Sequence[np.ndarray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        assert frame_indices is not None
        (found,) = super().detect(images, frame_indices)
        order = [7, 3] if frame_indices[0] < 12 else [3, 7]
        return [replace(found, identities=np.array(order[: len(found)], np.int64))]


def test_the_detectors_word_for_who_is_who_is_taken() -> None:
    whole = find_all(PeopleFinder(Telling()), 20)
    for index, found in enumerate(whole):
        red, green = (7, 3) if index < 12 else (3, 7)
        assert np.abs(box_of(found, red) - boxes_at(index)[0]).max() < 1
        if 1 in boxes_at(index):
            assert np.abs(box_of(found, green) - boxes_at(index)[1]).max() < 1
        assert found.confirmed_ids.issuperset(found.track_ids)
    replayed = PeopleFinder(Telling())
    for found in whole:
        replayed.replay(found.record)
    assert replayed.finish() == {3, 7}
    cast = replayed.cast([found.record for found in whole], replayed.finish())
    assert [i.tracklet_ids for i in cast.identities] == [frozenset({3}), frozenset({7})]


def test_a_tracker_of_ones_own_is_asked_all_the_same() -> None:
    finder = PeopleFinder(Telling(), tracker=Tracker())
    found = find_all(finder, 20)
    assert {i for people in found for i in people.track_ids} == {1, 2}
