"""Masks that agree with those of the frames beside them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.alpha_store import AlphaStore
from instmatt_video.analysis import analyse
from instmatt_video.detection.detections import Detections
from instmatt_video.detection.paste import paste_masks
from instmatt_video.frame_record import FrameRecord
from instmatt_video.media.frame import Frame
from instmatt_video.media.source import open_source
from instmatt_video.people.finder import FoundPeople, PeopleFinder
from instmatt_video.people.mask_carrying import CarriedMask
from instmatt_video.people.mask_steadying import MaskSteadier
from instmatt_video.progress import ignore
from instmatt_video.stages import StageClock
from tests.people.test_mask_carrying import BOX, mask_of, overlap, scene
from tests.synthetic_clip import ColorDetector, write_clip

ARM = np.s_[90:114, 100:112]
"""Where the made person's arm is."""


def found(
    index: int,
    image: np.ndarray,
    mask: np.ndarray,
    box: np.ndarray = BOX,
    is_coasted: bool = False,
    is_cut: bool = False,
) -> FoundPeople:
    frame = Frame(index, Fraction(index, 25), image)
    people = Detections(box[None].astype(np.float32), np.ones(1, np.float32), mask[None])
    record = FrameRecord(index, frame.time, is_cut, True, None, people, (), ())
    return FoundPeople(frame, record, people, (1,), (is_coasted,), (is_coasted,), frozenset({1}))


def steady(frames: Sequence[FoundPeople], reach: int = 2) -> list[FoundPeople]:
    steadier = MaskSteadier(reach)
    given = [ready for frame in frames for ready in steadier.take(frame)]
    return given + steadier.finish()


def overlap_of(people: Detections, truth: np.ndarray) -> float:
    return overlap(CarriedMask(people.boxes[0].astype(np.float64), people.masks[0]), truth)


def still_frames(lost: int) -> tuple[list[FoundPeople], np.ndarray]:
    """Return five frames of who stands still; in one the detector saw no arm."""
    image, truth = scene()
    armless = truth.copy()
    armless[ARM] = False
    frames = [found(k, image, mask_of(armless if k == lost else truth)) for k in range(5)]
    return frames, truth


@pytest.mark.parametrize("lost", range(5))
def test_an_arm_that_one_frame_lost_is_back(lost: int) -> None:
    frames, truth = still_frames(lost)
    assert overlap_of(frames[lost].people, truth) < 0.93
    for frame in steady(frames):
        assert overlap_of(frame.people, truth) > 0.96, frame.frame.index


def test_what_one_frame_alone_saw_is_gone() -> None:
    image, truth = scene()
    armless = truth.copy()
    armless[ARM] = False
    frames = [found(k, image, mask_of(truth if k == 2 else armless)) for k in range(5)]
    assert overlap_of(steady(frames)[2].people, armless) > 0.96


def test_the_person_may_move_meanwhile() -> None:
    frames, truths = [], []
    for k in range(5):
        image, truth = scene(3 * k, -k)
        seen = truth.copy()
        if k == 2:
            seen[90 - k : 114 - k, 100 + 3 * k : 112 + 3 * k] = False
        box = BOX + np.array([3 * k, -k, 3 * k, -k])
        frames.append(found(k, image, mask_of(seen, box), box))
        truths.append(truth)
    steadied = steady(frames)
    before, after = (overlap_of(f[2].people, truths[2]) for f in (frames, steadied))
    assert before < 0.93 < 0.95 < after
    for k in (0, 1, 3, 4):
        assert overlap_of(steadied[k].people, truths[k]) > 0.95


def test_where_the_picture_changed_a_frame_is_believed() -> None:
    """The arm is gone from the picture too: the neighbours' masks say nothing of that place."""
    image, truth = scene()
    gone, armless = image.copy(), truth.copy()
    gone[ARM] = 255 - np.tile(np.arange(12, dtype=np.uint8) * 20, (24, 1))[..., None]
    armless[ARM] = False
    frames = [
        found(k, gone if k == 2 else image, mask_of(armless if k == 2 else truth)) for k in range(5)
    ]
    assert overlap_of(steady(frames)[2].people, armless) > 0.95


def test_nothing_passes_a_cut() -> None:
    frames, _ = still_frames(lost=2)
    frames[2] = found(2, frames[2].frame.image, frames[2].people.masks[0], is_cut=True)
    alone = steady(frames[2:])
    whole = steady(frames)
    for k in range(3):
        np.testing.assert_array_equal(whole[2 + k].people.masks, alone[k].people.masks)
    for k in range(2):
        np.testing.assert_array_equal(whole[k].people.masks, steady(frames[:2])[k].people.masks)


def test_masks_that_were_carried_are_no_witnesses() -> None:
    image, truth = scene()
    armless = truth.copy()
    armless[ARM] = False
    frames = [
        found(k, image, mask_of(truth if k == 2 else armless), is_coasted=k != 2) for k in range(5)
    ]
    # The one frame that saw the person outweighs none; the others hear of its arm.
    steadied = steady(frames)
    np.testing.assert_allclose(steadied[2].people.masks, frames[2].people.masks, atol=1e-6)
    arm = paste_masks(steadied[1].people, 200, 300)[0][ARM]
    assert 0.4 < np.median(arm) < 0.6


def test_frames_leave_in_order_and_each_once() -> None:
    frames, _ = still_frames(lost=1)
    for reach in range(4):
        for count in range(6):
            assert [f.frame.index for f in steady(frames[:count], reach)] == list(range(count))[:5]
    steadier = MaskSteadier(2)
    assert [len(steadier.take(frame)) for frame in frames] == [0, 0, 1, 1, 1]


def test_exact_masks_and_no_reach_leave_frames_as_they_are() -> None:
    class Exact(ColorDetector):
        has_exact_masks = True

    frames, _ = still_frames(lost=1)
    for steadier in (MaskSteadier(0), MaskSteadier.of(Exact(), 2)):
        assert [steadier.take(frame)[0] for frame in frames] == frames
    assert MaskSteadier.of(Guessing(), 2).reach == 2


def test_a_frame_alone_keeps_its_mask() -> None:
    frames, _ = still_frames(lost=0)
    (alone,) = steady(frames[:1])
    np.testing.assert_allclose(alone.people.boxes, BOX[None], atol=0.1)
    np.testing.assert_allclose(alone.people.masks, frames[0].people.masks, atol=0.02)


class Guessing(ColorDetector):
    """Masks differ from frame to frame: in every third one the lower half is missing."""

    has_exact_masks = False

    def detect(
        self, images: Sequence[np.ndarray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        detections = super().detect(images, frame_indices)
        assert frame_indices is not None
        if frame_indices[0] % 3 == 0:
            for found in detections:
                found.masks[:, 14:] = 0
        return detections


class MaskMatter:
    """Alphas are the masks."""

    device = "cpu"

    def matte(self, image: np.ndarray, people: Detections) -> list[AlphaFrame]:
        return [AlphaFrame(0, 0, alpha) for alpha in paste_masks(people, *image.shape[:2])]


def test_a_run_that_broke_off_goes_on_with_the_same_masks(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 34)

    def run(folder: str, fails_at: int | None = None) -> list[FrameRecord]:
        store = AlphaStore(tmp_path / folder, {})
        if not store.resume():
            store.create()
        finder, steadier = PeopleFinder(Guessing(fails_at)), MaskSteadier(2)
        with open_source(clip) as source:
            analyse(source, finder, steadier, MaskMatter(), store, StageClock(), 4, ignore)
        return list(store.records())

    with pytest.raises(RuntimeError, match="plug"):
        run("broken", fails_at=23)
    begun = AlphaStore(tmp_path / "broken", {})
    assert begun.resume() and 0 < begun.frame_count < 23
    whole, resumed = run("whole"), run("broken")
    assert len(whole) == len(resumed) == 34
    for record, again in zip(whole, resumed, strict=True):
        assert record.alphas == again.alphas, record.index
    # And they are steadied: the lower half is not missing in any frame of a run of them.
    (lower,) = {a.track_id for a in whole[12].alphas} & {a.track_id for a in whole[2].alphas}
    for record in whole[3:19]:
        (stored,) = (a for a in record.alphas if a.track_id == lower)
        assert (stored.unpack().alpha > 0.5).sum() > 0.8 * 24 * 48, record.index
