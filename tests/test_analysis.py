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

    class Finder:
        def find(self, frame: Frame) -> FoundPeople:
            return found

    class Listening(BoxMatter):
        def matte(self, image: np.ndarray, people: Detections) -> Sequence[AlphaFrame]:
            asked.append(people.masks)
            return super().matte(image, people)

    (matted,) = matted_frames([found.frame], Finder(), MaskSteadier(0), Listening(), StageClock())
    ((seen, missed),) = asked
    assert (seen == np.float32(0.9)).all()
    assert (missed[:9] == np.float32(0.9)).all() and not missed[11:].any()
    assert [(part.track_id, part.is_coasted) for part in matted.record.alphas] == [
        (1, False),
        (2, True),
    ]
