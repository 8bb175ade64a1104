"""Masks that follow what two pictures show."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from instmatt_video.detection.detections import Detections
from instmatt_video.detection.paste import mask_on_box, paste_masks
from instmatt_video.people.mask_carrying import CarriedMask, carry_mask

SIZE = (300, 200)
BOX = np.array([100.0, 50.0, 148.0, 146.0])
FULL = np.ones((28, 28), np.float32)
STILL = np.zeros(4)


def texture(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3))
    return cv2.GaussianBlur(noise.astype(np.uint8), (7, 7), 0)


WALL, CLOTH = texture(0), texture(1)


def scene(dx: int = 0, dy: int = 0, arm: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture and the truth: a person of 48 x 96 px whose arm may rise."""
    truth = np.zeros(SIZE[::-1], bool)
    image = WALL.copy()
    for left, top, width, height, rise in ((112, 50, 36, 96, 0), (100, 90, 12, 24, arm)):
        here = np.s_[top + dy - rise : top + dy - rise + height, left + dx : left + dx + width]
        image[here] = CLOTH[top : top + height, left : left + width]
        truth[here] = True
    return image, truth


def mask_of(truth: np.ndarray, box: np.ndarray = BOX) -> np.ndarray:
    whole = np.array([0.0, 0.0, *SIZE])
    return mask_on_box(truth.astype(np.float32), whole, box, 56, 56)


def overlap(mask: CarriedMask, truth: np.ndarray) -> float:
    """Return the IoU of a mask with the truth."""
    person = Detections(mask.box[None].astype(np.float32), np.ones(1, np.float32), mask.mask[None])
    seen = paste_masks(person, SIZE[1], SIZE[0])[0] > 0.5
    return float((seen & truth).sum() / (seen | truth).sum())


def test_who_stands_still_keeps_the_mask() -> None:
    image, truth = scene()
    carried = carry_mask(image, image, BOX, mask_of(truth), (STILL,))
    assert overlap(carried, truth) > 0.95
    assert np.abs(carried.box - BOX).max() < 1.5


@pytest.mark.parametrize(("dx", "dy"), [(4, 0), (-3, 2), (0, -5)])
def test_flow_alone_follows_a_step(dx: int, dy: int) -> None:
    before, truth = scene()
    now, moved = scene(dx, dy)
    start = mask_of(truth)
    carried = carry_mask(before, now, BOX, start, (STILL,))
    assert overlap(carried, moved) > 0.88 > overlap(CarriedMask(BOX, start), moved) - 0.05


def test_of_several_steps_the_true_one_is_taken() -> None:
    before, truth = scene()
    now, moved = scene(15, -9)
    step = np.array([15.0, -9.0, 15.0, -9.0])
    carried = carry_mask(before, now, BOX, mask_of(truth), (STILL, -step, step))
    assert overlap(carried, moved) > 0.95


def test_a_limb_moves_against_the_body() -> None:
    before, truth = scene()
    now, moved = scene(arm=5)
    start = mask_of(truth)
    carried = carry_mask(before, now, BOX, start, (STILL,))
    assert overlap(carried, moved) > overlap(CarriedMask(BOX, start), moved)


def test_where_nothing_is_left_the_mask_stays() -> None:
    image, _ = scene()
    nothing = np.zeros((28, 28), np.float32)
    step = np.array([3.0, 0.0, 3.0, 0.0])
    carried = carry_mask(image, image, BOX, nothing, (step,))
    assert np.array_equal(carried.box, BOX + step) and carried.mask is nothing


def test_a_box_that_reaches_past_the_frame() -> None:
    image, _ = scene()
    box = np.array([-20.0, 150.0, 28.0, 230.0])
    carried = carry_mask(image, image, box, FULL, (STILL,))
    assert np.abs(carried.box - box).max() < 2


def test_same_pictures_same_mask() -> None:
    (before, truth), (now, _) = scene(), scene(4, 1)
    first, second = (carry_mask(before, now, BOX, mask_of(truth), (STILL,)) for _ in range(2))
    assert np.array_equal(first.box, second.box) and np.array_equal(first.mask, second.mask)


@pytest.mark.parametrize("size", [(600, 80), (900, 30), (80, 600), (3, 2)], ids=str)
def test_people_of_any_shape_are_followed(size: tuple[int, int]) -> None:
    """In a process of its own: OpenCV's flow does not survive a canvas that is too flat."""
    program = (
        "import numpy as np\n"
        "from instmatt_video.people.mask_carrying import carry_mask\n"
        "image = np.random.default_rng(0).integers(0, 255, (800, 1000, 3), np.uint8)\n"
        f"box = np.array([50.0, 100.0, {50 + size[0]}.0, {100 + size[1]}.0])\n"
        "found = carry_mask(image, image, box, np.ones((64, 64), np.float32), (np.zeros(4),))\n"
        "assert np.abs(found.box - box).max() < 0.05 * (box[2:] - box[:2]).max() + 1, found.box\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
