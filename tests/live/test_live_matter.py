"""Frames matted one after the other: who is shown, with which mask, at which cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.detection.detections import Detections
from instmatt_video.live.alpha_steadying import MEMORY, LiveAlphaSteadier
from instmatt_video.live.capture import Captured
from instmatt_video.live.live_matter import QUICK_LOOK, LiveFrame, LiveMatter
from instmatt_video.live.work_level import PaceKeeper, WorkLevel
from instmatt_video.media.frame import Frame
from instmatt_video.people.finder import FoundPeople, PeopleFinder
from tests.live.made_live import BOXES, SettableMatter, standing_people
from tests.made_records import frame_record, tracked
from tests.synthetic_clip import ColorDetector, picture


class ScoredDetector(ColorDetector):
    """Finds the flat-coloured people with a score of the test's choosing."""

    def __init__(self, score: float) -> None:
        super().__init__()
        self.score = score

    def _look(self, image: np.ndarray) -> Detections:
        found = super()._look(image)
        return replace(found, scores=np.full(len(found), self.score, np.float32))


def process(
    images: Sequence[np.ndarray],
    level: WorkLevel | None = None,
    detector: ColorDetector | None = None,
    record: list[FoundPeople] | None = None,
) -> tuple[list[LiveFrame], ColorDetector, SettableMatter]:
    detector, network = detector or ColorDetector(), SettableMatter()
    matter: Any = network
    live = LiveMatter(
        PeopleFinder(detector),
        matter,
        PaceKeeper([level or WorkLevel(1, 160, False, False)], 0.1),
        None if record is None else record.append,
        clock=lambda: 0.0,
    )
    # Captured frames have gaps in their numbers: those between were overtaken.
    frames = [Frame(3 * k + 5, Fraction(k, 10), image) for k, image in enumerate(images)]
    return [live.process(Captured(frame, 0.0)) for frame in frames], detector, network


def box_of(alpha: AlphaFrame) -> tuple[int, int, int, int]:
    h, w = alpha.alpha.shape
    return alpha.left, alpha.top, alpha.left + w, alpha.top + h


def test_people_are_numbered_from_the_left_and_keep_their_numbers() -> None:
    shown, _, _ = process([standing_people(k) for k in range(8)])
    for frame in shown:
        found = {p.number: box_of(p.alpha) for p in frame.people}
        assert found == {1: BOXES[0], 2: BOXES[1]}


def test_a_late_comer_gets_the_next_number() -> None:
    shown, _, _ = process([picture(k) for k in range(12)])
    assert {p.number for p in shown[0].people} == {1}
    assert {p.number for p in shown[-1].people} == {1, 2}


def test_whoever_is_seen_clearly_is_shown_at_once_and_others_when_they_are_confirmed() -> None:
    images = [standing_people(k) for k in range(8)]
    sure, _, _ = process(images, detector=ScoredDetector(0.9))
    unsure, _, _ = process(images, detector=ScoredDetector(0.6))
    assert len(sure[0].people) == 2
    assert [len(frame.people) for frame in unsure][:2] == [0, 0]
    assert len(unsure[-1].people) == 2


def test_the_detector_looks_more_often_until_everybody_is_confirmed() -> None:
    _, detector, _ = process(
        [standing_people(k) for k in range(24)], WorkLevel(6, 160, False, False)
    )
    gaps = np.diff(detector.looks)
    assert set(gaps[:2]) == {QUICK_LOOK}
    assert set(gaps[-2:]) == {6}


def test_the_level_of_work_is_obeyed() -> None:
    _, detector, network = process(
        [standing_people(k) for k in range(4)], WorkLevel(1, 192, True, False, True)
    )
    assert detector.looks == [0, 1, 2, 3]
    assert network.asked == [(192, True, False, True)] * 4


def test_between_detections_masks_come_from_the_last_alpha_and_follow_the_motion() -> None:
    shown, detector, _ = process(
        [picture(k) for k in range(16)], WorkLevel(4, 160, False, False), ScoredDetector(0.9)
    )
    walker = [box_of(frame.people[0].alpha) for frame in shown]
    missed = [k for k in range(10, 16) if k not in detector.looks]
    assert missed
    for k in missed:
        assert abs(walker[k][0] - (8 + 2 * k)) <= 2
        assert (walker[k][2] - walker[k][0], walker[k][3] - walker[k][1]) == pytest.approx(
            (24, 48), abs=2
        )


def test_whom_the_detector_missed_yields_to_whom_it_saw_until_the_next_look() -> None:
    """A moved mask lies within somebody who is seen: it is hidden there."""
    boxes = np.array([(0, 20, 40, 80), (10, 30, 20, 54)], np.float32)
    masks = np.full((2, 20, 20), 0.9, np.float32)
    people = Detections(boxes, np.ones(2, np.float32), masks)
    tracks = tracked(1, 0), tracked(2, 10, is_detected=False)
    image = np.zeros((96, 64, 3), np.uint8)
    asked: list[np.ndarray] = []

    class Finder:
        def find(self, frame: Frame) -> FoundPeople:
            looks, ids = frame.index == 0, (1, 2)
            record = frame_record(frame.index, tracks, was_looked_at=looks)
            is_coasted, is_missed = (not looks, True), (False, True)
            return FoundPeople(frame, record, people, ids, is_coasted, is_missed, frozenset(ids))

    class Listening(SettableMatter):
        def matte(self, image: np.ndarray, people: Detections) -> list[AlphaFrame]:
            asked.append(people.masks)
            alphas = zip(super().matte(image, people), people.masks, strict=True)
            return [replace(alpha, alpha=alpha.alpha * mask.max()) for alpha, mask in alphas]

    finder: Any = Finder()
    matter: Any = Listening()
    live = LiveMatter(finder, matter, PaceKeeper([WorkLevel(1, 160, False, False)], 0.1))
    for index in range(2):
        live.process(Captured(Frame(index, Fraction(index, 10), image), 0.0))
    assert len(asked) == 2
    for seen, missed in asked:
        assert seen.min() >= np.float32(0.9) and not missed.any()


def test_all_found_people_are_recorded_with_their_alphas() -> None:
    recorded: list[FoundPeople] = []
    process([standing_people(k) for k in range(3)], detector=ScoredDetector(0.6), record=recorded)
    assert [len(found.record.alphas) for found in recorded] == [2, 2, 2]
    assert [found.frame.index for found in recorded] == [0, 1, 2]


def alpha_of(value: float, left: int = 4) -> AlphaFrame:
    return AlphaFrame(left, 4, np.full((8, 8), value, np.float32))


def test_where_the_picture_stands_still_alphas_are_mixed() -> None:
    steadier, image = LiveAlphaSteadier(), np.full((20, 20, 3), 90, np.uint8)
    (first,) = steadier.steady(image, (1,), [alpha_of(1.0)])
    (second,) = steadier.steady(image.copy(), (1,), [alpha_of(0.5)])
    assert np.array_equal(first.alpha, alpha_of(1.0).alpha)
    assert second.alpha == pytest.approx(0.5 + MEMORY * 0.5)


def test_where_the_picture_moves_alphas_are_taken_as_they_come() -> None:
    steadier = LiveAlphaSteadier()
    steadier.steady(np.full((20, 20, 3), 90, np.uint8), (1,), [alpha_of(1.0)])
    (second,) = steadier.steady(np.full((20, 20, 3), 120, np.uint8), (1,), [alpha_of(0.5)])
    assert second.alpha == pytest.approx(0.5)


def test_a_newcomer_a_gone_person_and_a_new_size_have_no_past() -> None:
    steadier, image = LiveAlphaSteadier(), np.full((20, 20, 3), 90, np.uint8)
    nothing = AlphaFrame(0, 0, np.zeros((0, 0), np.float32))
    steadier.steady(image, (1, 2), [alpha_of(1.0), nothing])
    new, empty = steadier.steady(image, (3, 2), [alpha_of(0.5), nothing])
    assert new.alpha == pytest.approx(0.5) and not empty.alpha.size
    (back,) = steadier.steady(image, (1,), [alpha_of(0.5)])
    assert back.alpha == pytest.approx(0.5)
    (resized,) = steadier.steady(np.full((24, 20, 3), 90, np.uint8), (1,), [alpha_of(0.25)])
    assert resized.alpha == pytest.approx(0.25)


def test_two_people_who_share_pixels_go_on_sharing_them() -> None:
    steadier, image = LiveAlphaSteadier(), np.full((20, 20, 3), 90, np.uint8)
    rng = np.random.default_rng(3)
    for _ in range(4):
        share = rng.random((8, 8)).astype(np.float32)
        pair = [AlphaFrame(4, 4, share), AlphaFrame(4, 4, 1 - share)]
        first, second = steadier.steady(image, (1, 2), pair)
        assert first.alpha + second.alpha == pytest.approx(1, abs=1e-6)


def test_somebody_who_was_part_of_another_makes_no_pixel_brighter() -> None:
    steadier, image = LiveAlphaSteadier(), np.full((20, 20, 3), 90, np.uint8)
    steadier.steady(image, (1,), [alpha_of(1.0)])
    old, new = steadier.steady(image, (1, 2), [alpha_of(0.0), alpha_of(1.0)])
    # The old one keeps 0.6 of their alpha for a frame, and the two share the pixel.
    assert old.alpha == pytest.approx(MEMORY / (1 + MEMORY))
    assert new.alpha == pytest.approx(1 / (1 + MEMORY))
    for _ in range(8):
        old, new = steadier.steady(image, (1, 2), [alpha_of(0.0), alpha_of(1.0)])
    assert new.alpha == pytest.approx(1, abs=0.01)
