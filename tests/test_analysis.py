"""A clip's frames on their way through detection, matting and packing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.analysis import matted_frames
from instmatt_video.detection.detections import Detections
from instmatt_video.media.frame import Frame
from instmatt_video.people.finder import FoundPeople
from instmatt_video.people.mask_steadying import MaskSteadier
from instmatt_video.stages import StageClock
from tests.made_records import frame_record, tracked
from tests.synthetic_clip import BoxMatter


class OneFrame:
    """Finds the people of one frame, whom it was given."""

    def __init__(self, found: FoundPeople) -> None:
        self._found = found

    def find(self, frame: Frame) -> FoundPeople:
        return self._found


def test_whom_the_detector_missed_yields_to_whom_it_saw() -> None:
    """The lower half of a moved mask lies within somebody who is seen: it is hidden there."""
    boxes = np.array([(0, 20, 40, 80), (10, 9, 20, 33)], np.float32)
    masks = np.full((2, 20, 20), 0.9, np.float32)
    image = np.zeros((96, 64, 3), np.uint8)
    record = frame_record(0, (tracked(1, 0), tracked(2, 10, is_detected=False)))
    found = FoundPeople(
        Frame(0, record.time, image),
        record,
        Detections(boxes, np.ones(2, np.float32), masks),
        (1, 2),
        (False, True),
        (False, True),
        frozenset({1, 2}),
    )
    asked: list[np.ndarray] = []

    class Listening(BoxMatter):
        def matte(self, image: np.ndarray, people: Detections) -> Sequence[AlphaFrame]:
            asked.append(people.masks)
            return super().matte(image, people)

    finder = OneFrame(found)
    (matted,) = matted_frames([found.frame], finder, MaskSteadier(0), Listening(), StageClock())
    ((seen, missed),) = asked
    assert (seen == np.float32(0.9)).all()
    assert (missed[:9] == np.float32(0.9)).all() and not missed[11:].any()
    assert [(part.track_id, part.is_coasted) for part in matted.record.alphas] == [
        (1, False),
        (2, True),
    ]


def test_an_alpha_slightly_below_0_is_stored_as_0() -> None:
    """So a matter of somebody's own may leave it, after a cubic resize."""
    record = frame_record(0, (tracked(1, 0),))
    people = Detections(
        np.array([(0, 20, 40, 80)], np.float32),
        np.ones(1, np.float32),
        np.ones((1, 20, 20), np.float32),
    )
    frame = Frame(0, record.time, np.zeros((96, 64, 3), np.uint8))
    found = FoundPeople(frame, record, people, (1,), (False,), (False,), frozenset({1}))

    class Dipping(BoxMatter):
        def matte(self, image: np.ndarray, people: Detections) -> list[AlphaFrame]:
            return [AlphaFrame(4, 4, np.full((8, 8), -0.001, np.float32))]

    (matted,) = matted_frames([frame], OneFrame(found), MaskSteadier(0), Dipping(), StageClock())
    (stored,) = matted.record.alphas
    assert not stored.unpack().alpha.any()
