"""People who are matted after the fact take of each pixel what the others leave."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from instmatt_video.media.frame import Frame
from instmatt_video.people.identities import Cast
from instmatt_video.people.late_matting import LateMatting
from instmatt_video.people.mask_carrying import CarriedMask
from tests.made_records import alpha, frame_record, tracked
from tests.synthetic_clip import BoxMatter

PICTURE = Frame(0, Fraction(0), np.zeros((60, 100, 3), np.uint8))


@pytest.mark.parametrize("number", [0, 2], ids=["tracks that count from 0", "any"])
def test_alphas_of_a_pixel_sum_to_1(number: int) -> None:
    """Eq. 2; the other one stands in columns 20 to 39, and is seen through by a quarter."""
    record = frame_record(0, (tracked(number, 20),), (alpha(number, 20, 0.75),))
    late = LateMatting(Cast((), {number: frozenset({0})}, ()), BoxMatter())
    mask = np.ones((28, 28), np.float32)
    person = CarriedMask(np.array([30.0, 10.0, 60.0, 50.0]), mask)
    _, added = late.add(PICTURE, record, 7, person, 0.5).alphas
    found = added.unpack()
    assert (found.left, found.top, found.alpha.shape) == (30, 10, (40, 30))
    assert found.alpha[:, :10] == pytest.approx(0.25, abs=1e-2)
    assert (found.alpha[:, 10:] == 1).all()


def test_who_was_added_before_is_left_their_own() -> None:
    late = LateMatting(Cast((), {}, ()), BoxMatter())
    mask = np.ones((28, 28), np.float32)
    left, right = (CarriedMask(np.array([x, 10.0, x + 20, 50.0]), mask) for x in (20.0, 30.0))
    record = late.add(PICTURE, frame_record(0), 7, left, 0.5)
    first, second = (part.unpack() for part in late.add(PICTURE, record, 8, right, 0.5).alphas)
    assert (first.alpha == 1).all()
    assert not second.within(first.area).any() and second.alpha.max() == 1
