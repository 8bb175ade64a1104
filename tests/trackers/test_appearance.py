"""People who look alike score high, others low, and the background does not count."""

import numpy as np
import pytest

from instmatt_video.trackers import describe_people
from instmatt_video.trackers.appearance import VECTOR_LENGTH
from instmatt_video.trackers.boxes import as_boxes

RED, BLUE, GREEN, SKIN = (200, 40, 40), (40, 60, 190), (40, 160, 60), (220, 180, 150)


def paint(image, box, colors):
    """Fill the box's thirds with colours, head first."""
    x0, y0, x1, y1 = box
    edges = np.linspace(y0, y1, 4).astype(int)
    for color, top, bottom in zip(colors, edges[:-1], edges[1:], strict=True):
        image[top:bottom, x0:x1] = color


@pytest.fixture
def picture():
    image = np.full((300, 500, 3), 128, np.uint8)
    boxes = as_boxes(
        [[10, 30, 60, 150], [100, 100, 170, 280], [200, 30, 250, 150], [300, 30, 350, 150]]
    )
    for box, colors in zip(
        boxes.astype(int),
        [(SKIN, RED, BLUE), (SKIN, RED, BLUE), (SKIN, BLUE, RED), (SKIN, GREEN, GREEN)],
        strict=True,
    ):
        paint(image, box, colors)
    return image, boxes


def test_vectors_are_of_unit_length(picture):
    vectors = describe_people(*picture)
    assert vectors.shape == (4, VECTOR_LENGTH)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0)


def test_the_same_clothes_are_alike_at_any_size_and_others_are_not(picture):
    likeness = (v := describe_people(*picture)) @ v.T
    assert likeness[0, 1] > 0.97
    assert likeness[0, 2] < 0.75  # same colours, other places on the body
    assert likeness[0, 3] < 0.75


def test_a_little_less_light_changes_little(picture):
    image, boxes = picture
    darker = (image * 0.9).astype(np.uint8)
    same = (describe_people(image, boxes) * describe_people(darker, boxes)).sum(1)
    assert (same > 0.9).all()


def test_what_the_mask_leaves_out_does_not_count(picture):
    image, boxes = picture
    mask = np.zeros((4, 16, 16), np.float32)
    mask[:, :, :8] = 1.0
    other = image.copy()
    for x0, y0, x1, y1 in boxes.astype(int):
        other[y0:y1, (x0 + x1) // 2 + 5 : x1] = (255, 255, 0)
    np.testing.assert_allclose(
        (describe_people(image, boxes, mask) * describe_people(other, boxes, mask)).sum(1),
        1.0,
        atol=0.02,
    )


def test_people_who_cannot_be_seen_are_zeros(picture):
    image, boxes = picture
    outside = as_boxes([[-100, -100, -20, -20], [600, 10, 650, 90]])
    assert not describe_people(image, outside).any()
    assert not describe_people(image, boxes, np.zeros((4, 8, 8), np.float32)).any()


@pytest.mark.parametrize("count", [0, 1, 4])
def test_empty_one_many(picture, count):
    image, boxes = picture
    assert describe_people(image, boxes[:count]).shape == (count, VECTOR_LENGTH)


def test_a_box_past_the_edge_counts_what_is_inside():
    image = np.full((100, 100, 3), RED, np.uint8)
    inside, past = as_boxes([[10, 10, 60, 90], [-25, 10, 25, 90]])
    a, b = describe_people(image, np.stack([inside, past]))
    assert float(a @ b) == pytest.approx(1.0, abs=1e-6)
