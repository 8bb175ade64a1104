"""Who is looked at again, and what that look is shown."""

import numpy as np
import pytest

from instmatt_video.detection.detections import Detections
from instmatt_video.detection.mutual_look import cut_mutual_crops
from instmatt_video.models.person_crops import CROP_SIZE, MARGIN, MUTUAL_CROP_SIZE

HEIGHT, WIDTH = MUTUAL_CROP_SIZE


def people(boxes, scores=None):
    """People who fill their boxes."""
    count = len(boxes)
    scores = np.full(count, 0.9) if scores is None else scores
    return Detections(
        np.array(boxes, np.float32),
        np.array(scores, np.float32),
        np.ones((count, 8, 8), np.float32),
    )


def picture():
    return np.random.default_rng(0).integers(0, 256, (120, 200, 3), np.uint8)


def test_only_who_touches_somebody_is_looked_at():
    found = people([[20, 20, 60, 100], [50, 20, 90, 100], [150, 20, 180, 100]])
    crops = cut_mutual_crops(picture(), found)
    assert crops.who == [0, 1]
    assert [image.shape for image in crops.images] == [(*MUTUAL_CROP_SIZE, 3)] * 2
    assert crops.guidance.shape == (2, 2, *MUTUAL_CROP_SIZE)
    assert crops.regions[0] == (15, 10, 65, 110)  # an eighth of 40 and of 80 px around the box


def test_crops_of_another_size():
    found = people([[20, 20, 60, 100], [50, 20, 90, 100]])
    fine, coarse = (
        cut_mutual_crops(picture(), found, size=s) for s in (MUTUAL_CROP_SIZE, CROP_SIZE)
    )
    assert coarse.regions == fine.regions
    assert coarse.images[0].shape == (*CROP_SIZE, 3)
    # Each of them shows the neighbour to the same share of its width.
    for crops in (coarse, fine):
        seen = crops.guidance[0, 1, crops.guidance.shape[2] // 2] > 0.5
        assert seen.argmax() / len(seen) == pytest.approx((50 - 15) / 50, abs=0.01)


def test_somebody_small_and_alone_where_everybody_is_asked_for():
    crops = cut_mutual_crops(picture(), people([[20, 20, 60, 100]]), takes_everybody=True)
    assert crops.who == [0]
    assert crops.guidance[0, 1].max() == 0


def test_who_is_alone_is_looked_at_where_the_second_look_shrank_them():
    # With an eighth around it a box of 160 px is 200 px tall, where the second look has 192 rows.
    tall = np.zeros((400, 400, 3), np.uint8)
    for box, who in (
        ([150, 100, 180, 260], [0]),
        ([150, 100, 180, 250], []),
        ([100, 100, 210, 130], [0]),
        ([100, 100, 200, 130], []),
    ):
        assert cut_mutual_crops(tall, people([box])).who == who, box


def test_guidance_is_the_persons_mask_and_their_neighbours_as_sure_as_they_are():
    found = people([[20, 20, 60, 100], [50, 20, 90, 100], [50, 20, 55, 100]], [0.9, 0.6, 0.3])
    own, others = cut_mutual_crops(picture(), found).guidance[0]
    share = MARGIN / (1 + 2 * MARGIN)
    inner = np.zeros(MUTUAL_CROP_SIZE, bool)
    inner[round(HEIGHT * share) : round(HEIGHT * (1 - share))] = True
    inner[:, : round(WIDTH * share)] = inner[:, round(WIDTH * (1 - share)) :] = False
    np.testing.assert_array_equal(own > 0.5, inner)
    # The crop shows x 15..65, and the neighbours begin at 50: the surer one is what is shown.
    assert others[HEIGHT // 2, : round(WIDTH * 0.69)].max() == 0
    np.testing.assert_allclose(others[HEIGHT // 2, round(WIDTH * 0.71) :], 0.6, atol=1e-6)
    assert others[0].max() == 0  # above everybody


def test_who_is_hardly_there_is_a_neighbour_alone():
    found = people([[20, 20, 60, 100], [50, 20, 90, 100]], [0.9, 0.15])
    assert cut_mutual_crops(picture(), found).who == []  # nor is such a neighbour reason enough
    third = people([[20, 20, 60, 100], [50, 20, 90, 100], [22, 60, 60, 100]], [0.9, 0.8, 0.15])
    crops = cut_mutual_crops(picture(), third)
    assert crops.who == [0, 1]
    assert crops.guidance[0, 1, round(HEIGHT * 0.8), WIDTH // 2] == pytest.approx(0.15)


def test_nobody():
    crops = cut_mutual_crops(picture(), Detections.empty())
    assert crops.who == crops.images == crops.regions == []
    assert crops.guidance.shape == (0, 2, *MUTUAL_CROP_SIZE)
