"""A detector's masks as guidance: each person gets their own, and who is not found gets none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.detection.detections import Detections
from instmatt_video.training.matting.batch import MattingBatchConfig, MattingBatchMaker
from instmatt_video.training.matting.detected_guidance import detect_masks
from instmatt_video.training.matting.validation import make_validation
from instmatt_video.training.pictures.composite_pool import CompositePool
from instmatt_video.training.pictures.cutouts import CutoutLibrary
from instmatt_video.training.pictures.packs import ImagePack
from tests.training.made_people import write_packs

PICTURE = np.zeros((40, 60, 3), np.float32)


class FixedDetector:
    """Says the same of every picture, and keeps the pictures."""

    name = "fixed"
    confident_score = 0.5
    has_exact_masks = True

    def __init__(self, boxes: list[tuple[float, float, float, float]], scores: list[float]) -> None:
        self.people = Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.ones((len(boxes), 8, 8), np.float32),
        )
        self.pictures: list[np.ndarray] = []

    def looks_at(self, frame_index: int) -> bool:
        return True

    def detect(
        self, images: Sequence[np.ndarray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        self.pictures += images
        return [self.people for _ in images]


def alphas(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Return alphas that are 1 in a box each, `(n, 40, 60)`."""
    planes = np.zeros((len(boxes), 40, 60), np.float32)
    for plane, (left, top, right, bottom) in zip(planes, boxes, strict=True):
        plane[top:bottom, left:right] = 1
    return planes


def test_each_person_gets_the_mask_that_covers_them_best() -> None:
    detector = FixedDetector([(32, 6, 50, 30), (10, 5, 20, 35)], [0.9, 0.8])
    truth = alphas((10, 5, 20, 35), (30, 5, 50, 30))
    masks, is_found = detect_masks(detector, PICTURE, truth)
    assert is_found.all()
    np.testing.assert_array_equal(masks[0], truth[0])
    np.testing.assert_array_equal(masks[1] > 0.5, alphas((32, 6, 50, 30))[0] > 0.5)


@pytest.mark.parametrize(
    ("box", "score"),
    [
        pytest.param((10, 5, 20, 35), 0.29, id="too unsure"),
        # 300 px of the person, of which 110 are seen: IoU 0.37
        pytest.param((10, 5, 20, 16), 0.9, id="overlaps too little"),
    ],
)
def test_who_is_not_found_has_an_empty_mask(
    box: tuple[float, float, float, float], score: float
) -> None:
    masks, is_found = detect_masks(FixedDetector([box], [score]), PICTURE, alphas((10, 5, 20, 35)))
    assert not is_found.any()
    assert not masks.any()


def test_a_detection_of_nobody_is_left_out() -> None:
    detector = FixedDetector([(40, 0, 60, 20), (10, 5, 20, 35)], [0.9, 0.8])
    truth = alphas((10, 5, 20, 35))
    masks, is_found = detect_masks(detector, PICTURE, truth)
    assert is_found.tolist() == [True]
    np.testing.assert_array_equal(masks, truth)


def test_the_detector_sees_eight_bits_of_the_picture() -> None:
    detector = FixedDetector([], [])
    detect_masks(detector, PICTURE + 0.5, alphas((10, 5, 20, 35)))
    assert detector.pictures[0].dtype == np.uint8
    assert (detector.pictures[0] == 128).all()


def test_a_batch_is_guided_by_the_detector(tmp_path: Path) -> None:
    write_packs(tmp_path)
    cutouts = CutoutLibrary(ImagePack(tmp_path / "cutouts", "rgba"))
    places = ImagePack(tmp_path / "backgrounds")
    config = MattingBatchConfig(pictures=16, targets=1, photo_chance=0.0, detected_chance=1.0)
    whole = FixedDetector([(0, 0, 64, 64)], [0.9])

    def make(detector: FixedDetector | None, chosen: MattingBatchConfig = config) -> np.ndarray:
        maker = MattingBatchMaker(
            CompositePool(cutouts, np.ones(len(cutouts)), places, places.names),
            [],
            chosen,
            seed=1,
            detector=detector,
        )
        return maker.make(0, size_px=64).tri_masks.numpy()

    guidance = make(whole)
    assert any((sample[0] == 1).all() for sample in guidance)  # where somebody fills the window
    nobody = FixedDetector([], [])
    simulated = make(None)
    np.testing.assert_array_equal(make(nobody), simulated)  # nobody found: simulated after all
    assert len(nobody.pictures) == 16
    unused = FixedDetector([(0, 0, 64, 64)], [0.9])
    np.testing.assert_array_equal(make(unused, replace(config, detected_chance=0.0)), simulated)
    assert not unused.pictures


def test_the_detector_alone_sees_an_obscured_picture(tmp_path: Path) -> None:
    write_packs(tmp_path)
    cutouts = CutoutLibrary(ImagePack(tmp_path / "cutouts", "rgba"))
    places = ImagePack(tmp_path / "backgrounds")
    seen = {}
    for chance in (0.0, 1.0):
        config = MattingBatchConfig(
            pictures=1, photo_chance=0.0, detected_chance=1.0, obscured_chance=chance
        )
        detector = FixedDetector([(0, 0, 64, 64)], [0.9])
        maker = MattingBatchMaker(
            CompositePool(cutouts, np.ones(len(cutouts)), places, places.names),
            [],
            config,
            seed=1,
            detector=detector,
        )
        seen[chance] = (maker.make(0, size_px=64).image, detector.pictures[0].astype(float))
    assert np.array_equal(seen[0.0][0], seen[1.0][0])
    assert np.abs(seen[0.0][1] - seen[1.0][1]).mean() > 3


def test_validation_pictures_are_the_same_whoever_makes_their_masks(tmp_path: Path) -> None:
    write_packs(tmp_path)
    cutouts = CutoutLibrary(ImagePack(tmp_path / "cutouts", "rgba"))
    places = ImagePack(tmp_path / "backgrounds")
    simulated = make_validation(cutouts, places, places.names, 2, 96)
    nobody = make_validation(cutouts, places, places.names, 2, 96, FixedDetector([], []))
    for one, other in zip(simulated, nobody, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.alphas, other.alphas)
        assert other.masks.shape == one.masks.shape
        assert not other.masks.any()
