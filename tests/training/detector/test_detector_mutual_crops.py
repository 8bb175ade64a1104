"""What the third look learns from: a detector that is known, in photos whose truth is known."""

import numpy as np
import pytest

from instmatt_video.detection.detections import Detections
from instmatt_video.errors import OptionError
from instmatt_video.models.person_crops import CROP_SIZE, MUTUAL_CROP_SIZE
from instmatt_video.training.detector.mutual_crops import COARSE_CHANCE, MutualCropSampler
from instmatt_video.training.detector.photos import PhotoMixer
from instmatt_video.training.pictures.marked_photos import Photo, person_from_mask

LEFT, RIGHT = (20, 30, 60, 110), (55, 30, 95, 110)
EMPTY = (90, 35, 130, 105)


def photo(is_complete=True, crowds=()):
    """Two people side by side: the right one hides the left one's edge."""
    masks = []
    for left, top, right, bottom in (LEFT, RIGHT):
        mask = np.zeros((130, 160), bool)
        mask[top:bottom, left:right] = True
        masks.append(mask)
    masks[0] &= ~masks[1]
    people = tuple(person_from_mask(mask) for mask in masks)
    image = np.random.default_rng(0).integers(0, 256, (130, 160, 3), np.uint8)
    return Photo("p", image, people, np.array(crowds, np.float32).reshape(-1, 4), is_complete)


class Finds:
    """Finds people who fill these boxes."""

    def __init__(self, *boxes, scores=None):
        self.boxes, self.scores = boxes, scores or [0.9] * len(boxes)

    def detect(self, images):
        count = len(self.boxes)
        masks = np.ones((count, 8, 8), np.float32)
        scores = np.array(self.scores, np.float32)
        boxes = np.array(self.boxes, np.float32).reshape(count, 4)
        return [Detections(boxes, scores, masks) for _ in images]


def sampler(*boxes, **kwargs):
    return MutualCropSampler(PhotoMixer([photo()]), Finds(*boxes, **kwargs))


def test_truth_is_the_visible_person_in_the_crop_of_what_was_found():
    left, right = sampler(LEFT, RIGHT).samples_of(photo())
    assert left.is_person and right.is_person
    np.testing.assert_allclose(right.box_deltas, [0, 0, 0, 0])
    np.testing.assert_allclose(left.box_deltas, [0, 0, -5 / 40, 0])
    # The left crop shows x 15..65; its person is visible in 20..55, and was found in 20..60.
    middle, cells = MUTUAL_CROP_SIZE[0] // 2, MUTUAL_CROP_SIZE[1] // 2
    columns = 15 + (np.arange(cells) + 0.5) * 50 / cells
    truth = (columns > 20) & (columns < 55)
    np.testing.assert_array_equal(left.mask[middle // 2] > 0.5, truth)
    own, others = left.guidance[:, middle, ::2]
    assert own[(columns > 21) & (columns < 59)].min() == 1
    np.testing.assert_array_equal(others > 0.5, columns > 55)


@pytest.mark.parametrize(
    ("marks", "is_learned"),
    [
        pytest.param({}, True, id="nobody"),
        pytest.param({"is_complete": False}, False, id="somebody who is not marked, perhaps"),
        pytest.param({"crowds": [EMPTY]}, False, id="in a crowd"),
    ],
)
def test_nobody(marks, is_learned):
    samples = sampler(LEFT, RIGHT, EMPTY).samples_of(photo(**marks))
    assert [s.is_person for s in samples] == [True, True, False][: 2 + is_learned]


def test_a_person_found_twice_is_learned_once():
    again = (22, 30, 62, 110)
    samples = sampler(LEFT, RIGHT, again).samples_of(photo())
    assert len(samples) == 2
    assert all(sample.is_person for sample in samples)


def test_people_without_neighbours_where_they_are_asked_for():
    alone = sampler(RIGHT)
    assert alone.samples_of(photo()) == []
    (sample,) = alone.samples_of(photo(), has_lonely=True)
    assert sample.is_person
    assert sample.guidance[1].max() == 0


def test_same_generator_same_crops():
    draws = [sampler(LEFT, RIGHT).draw(7, np.random.default_rng([1, 2])) for _ in range(2)]
    assert [len(samples) for samples in draws] == [7, 7]
    for a, b in zip(*draws, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.guidance, b.guidance)


def test_crops_of_a_draw_are_of_one_size():
    draws = [sampler(LEFT, RIGHT).draw(3, np.random.default_rng(k)) for k in range(40)]
    sizes = [{sample.guidance.shape[1:] for sample in samples} for samples in draws]
    assert all(len(size) == 1 for size in sizes)
    assert sum(CROP_SIZE in size for size in sizes) == pytest.approx(40 * COARSE_CHANCE, abs=7)
    for samples in draws:
        height, width = samples[0].guidance.shape[1:]
        assert samples[0].image.shape == (height, width, 3)
        assert samples[0].mask.shape == (height // 2, width // 2)


def test_a_detector_that_finds_nobody_teaches_nothing():
    blind = sampler()
    with pytest.raises(OptionError, match="nobody to learn from is found in 500 photos"):
        blind.draw(1, np.random.default_rng(0))
