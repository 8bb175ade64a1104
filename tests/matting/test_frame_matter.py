"""What a run takes from a matter of somebody's own."""

from __future__ import annotations

import numpy as np
import pytest

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.detection.detections import Detections
from instmatt_video.frame_record import pack_alpha
from instmatt_video.matting.frame_matter import matte_people

IMAGE = np.zeros((30, 40, 3), np.uint8)
HALF = np.full((4, 6), 0.5, np.float32)


class GivenMatter:
    """Gives what it was made with."""

    device, precision = "cpu", "none"

    def __init__(self, *alphas: AlphaFrame) -> None:
        self._alphas = list(alphas)

    def matte(self, image: np.ndarray, people: Detections) -> list[AlphaFrame]:
        return self._alphas


def matted(*alphas: AlphaFrame) -> list[AlphaFrame]:
    """Return what a run takes from a matter that gives these alphas for one person."""
    people = Detections(
        np.array([(0, 0, 9, 9)], np.float32),
        np.ones(1, np.float32),
        np.ones((1, 4, 4), np.float32),
    )
    return matte_people(GivenMatter(*alphas), IMAGE, people)


def test_alphas_in_order_are_taken_as_they_are() -> None:
    (alpha,) = matted(AlphaFrame(34, 26, HALF))
    assert (alpha.left, alpha.top) == (34, 26)
    assert np.array_equal(alpha.alpha, HALF)


def test_nothing_seen_is_nothing_seen_wherever_it_is_said_to_be() -> None:
    (alpha,) = matted(AlphaFrame(50, 0, np.zeros((0, 0), np.float32)))
    assert not alpha.alpha.size


def test_what_resizing_leaves_past_0_and_1_is_stored_as_0_and_1() -> None:
    values = np.array([[-0.001, 0.0], [1.0, 1.02]], np.float32)
    stored = pack_alpha(1, matted(AlphaFrame(0, 0, values))[0], is_coasted=False)
    assert stored.unpack().alpha.tolist() == [[0, 0], [1, 1]]


def test_numbers_of_numpy_become_plain_ones_that_json_holds() -> None:
    (alpha,) = matted(AlphaFrame(np.int64(3), np.float32(5), HALF.astype(np.float64)))
    assert (type(alpha.left), type(alpha.top)) == (int, int)
    assert alpha.alpha.dtype == np.float32


@pytest.mark.parametrize(
    ("alpha", "complaint"),
    [
        pytest.param(AlphaFrame(0, 0, HALF * 255), "must be in 0..1, not 0..127.5", id="levels"),
        pytest.param(AlphaFrame(0, 0, HALF * np.nan), "must be in 0..1, not nan", id="nan"),
        pytest.param(AlphaFrame(0, 0, HALF.astype(np.uint8)), "floats, not .* uint8", id="bytes"),
        pytest.param(AlphaFrame(0, 0, HALF[None]), r"\(h, w\) floats, not \(1, 4, 6\)", id="rank"),
        pytest.param(AlphaFrame(2.5, 0, HALF), "whole pixel, not at 2.5, 0", id="between pixels"),
        pytest.param(AlphaFrame(35, 0, HALF), "reaches out of the image", id="past the right"),
        pytest.param(AlphaFrame(0, -1, HALF), "reaches out of the image", id="above the top"),
    ],
)
def test_what_cannot_be_meant_is_refused(alpha: AlphaFrame, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        matted(alpha)


def test_somebody_left_out_is_refused() -> None:
    with pytest.raises(ValueError, match="gave 0 alphas for 1 people"):
        matted()
