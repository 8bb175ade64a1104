"""IMQ by hand and by its invariants, in the strict protocol."""

from __future__ import annotations

import doctest
import math
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from instmatt_video.eval import imq
from instmatt_video.eval.alpha import find_support
from instmatt_video.eval.matte_errors import measure_errors

Bytes = npt.NDArray[np.uint8]


def square(left: int, top: int, side: int, size: int = 24, value: int = 255) -> Bytes:
    alpha = np.zeros((size, size), dtype=np.uint8)
    alpha[top : top + side, left : left + side] = value
    return alpha


@pytest.fixture
def people() -> Bytes:
    random = np.random.default_rng(3)
    stack = np.zeros((3, 40, 60))
    for k in range(3):
        stack[k, 6 + 3 * k : 34, 3 + 19 * k : 17 + 19 * k] = 1
    soft = gaussian_filter(stack, (0, 1.2, 1.2)) + random.normal(0, 0.02, stack.shape) * (stack > 0)
    return np.round(255 * soft.clip(0, 1)).astype(np.uint8)


def score(
    predictions: npt.ArrayLike | None, targets: npt.ArrayLike, **options: float
) -> imq.ImqResult:
    accumulator = imq.ImqAccumulator(**options)  # type: ignore[arg-type]
    given = None if predictions is None else np.asarray(predictions)
    accumulator.add(given, np.asarray(targets))
    return accumulator.result()


# By hand.


def test_the_documented_examples() -> None:
    assert doctest.testmod(imq).failed == 0


def test_a_constant_error_inside_a_square() -> None:
    # 8 x 8 pixels at 255 and at 242: |p - g| = 13/255 in every pixel of the union.
    errors = measure_errors(square(4, 4, 8, value=242), square(4, 4, 8))
    assert errors.mad == pytest.approx(13 / 255, rel=1e-6)
    assert errors.mse == pytest.approx((13 / 255) ** 2, rel=1e-6)
    # 242/255 = 0.949: the last level reached is 0.9; 0.949 - 0.9 and 1 - 0.9 are below 0.15.
    assert errors.conn == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("value", [np.nan, 1.5, -0.5])
@pytest.mark.parametrize("name", ["prediction", "target"])
def test_errors_of_what_is_no_alpha_are_refused(value: float, name: str) -> None:
    alphas = {"prediction": np.ones((8, 8), np.float32), "target": np.ones((8, 8), np.float32)}
    alphas[name][3, 3] = value
    with pytest.raises(ValueError, match=rf"{name} has values outside of 0\.\.1"):
        measure_errors(**alphas)


def test_connectivity_of_a_detached_island() -> None:
    target = square(2, 2, 10)
    target[2:6, 16:20] = 255
    prediction = square(2, 2, 10)
    prediction[2:6, 16:20] = 128
    # The island never belongs to the largest component: its level is 0, so its connectivity is
    # 1 - 128/255 in the prediction and 0 in the target; the union has 100 + 16 pixels.
    errors = measure_errors(prediction, target)
    assert errors.conn == pytest.approx(16 * (1 - 128 / 255) / 116, rel=1e-5)


def test_gradient_of_a_step_that_is_missing() -> None:
    # A prediction without any slope inside its support: the error is the target's own gradient.
    from instmatt_video.eval.gradient import derivative_kernels, gradient_magnitude

    alpha = np.zeros((20, 20), dtype=np.float32)
    alpha[:, 10:] = 1
    gaussian, derivative = derivative_kernels()
    # Right beside the step, half of the derivative's kernel meets ones; along it all is constant.
    expected = abs(float(derivative[4:].sum()) * float(gaussian.sum()))
    assert gradient_magnitude(alpha)[10, 10] == pytest.approx(expected, rel=1e-5)
    assert gradient_magnitude(np.ones((9, 9), np.float32)).max() == pytest.approx(0, abs=1e-6)


def test_recognition_counts() -> None:
    targets = np.stack([square(1, 1, 6), square(12, 12, 6)])
    predictions = np.stack([square(1, 1, 6), square(12, 1, 6), square(1, 12, 6)])
    result = score(predictions, targets)
    assert (result.tp, result.fp, result.fn) == (1, 2, 1)
    assert result.rq == pytest.approx(1 / (1 + 1 + 0.5))
    assert result.imq.mse == pytest.approx(result.rq)


def test_similarity_is_weighted_and_floored() -> None:
    # MAD = 13/255, so S = 1 - 10 x 13/255, and 0 at a weight of 20.
    pair = [square(4, 4, 8, value=242)], [square(4, 4, 8)]
    assert score(*pair).imq.mad == pytest.approx(1 - 130 / 255, rel=1e-5)
    assert score(*pair, weight=20.0).imq.mad == 0


@pytest.mark.parametrize("protocol", ["strict", "official"])
def test_an_overlap_of_exactly_half_is_not_above_half(protocol: imq.Protocol) -> None:
    target = np.zeros((1, 10, 20), dtype=np.uint8)
    target[0, :, :8] = 255
    prediction = target.copy()
    prediction[0, :, 4:8] = 0
    accumulator = imq.ImqAccumulator(protocol)
    accumulator.add(prediction, target)
    result = accumulator.result()
    assert (result.tp, result.fp, result.fn) == (0, 1, 1)


def test_matching_is_one_to_one_and_best_in_total() -> None:
    # Greedy would give target 0 the prediction 0 (IoU 0.6) and leave target 1 with nothing.
    iou = np.array([[0.6, 0.55], [0.55, 0.0]])
    from instmatt_video.eval.matching import assign_min_cost

    assert assign_min_cost(1 - iou) == [(0, 1), (1, 0)]
    assert assign_min_cost(np.zeros((0, 3))) == []


# Invariants.


def test_identity_is_one(people: Bytes) -> None:
    result = score(people, people)
    for column in imq.COLUMNS:
        assert getattr(result.imq, column) == 1
        assert getattr(result.mq, column) == 1
    assert result.rq == 1


def test_order_of_instances_does_not_matter(people: Bytes) -> None:
    blurred = gaussian_filter(people, (0, 1, 1))
    expected = score(blurred, people)
    for order in ([2, 0, 1], [1, 0, 2]):
        found = score(blurred[order], people[order[::-1]])
        assert asdict(found.imq) == pytest.approx(asdict(expected.imq))
        assert found.rq == expected.rq


def test_more_blur_scores_lower(people: Bytes) -> None:
    results = [score(gaussian_filter(people, (0, s, s)), people) for s in (0, 0.6, 1.0, 1.6)]
    for better, worse in pairwise(results):
        for column in imq.COLUMNS:
            assert getattr(better.imq, column) >= getattr(worse.imq, column)
        assert better.imq.mad > worse.imq.mad


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.float16])
def test_the_depth_of_the_arrays_does_not_matter(people: Bytes, dtype: type) -> None:
    def convert(stack: Bytes) -> npt.NDArray[np.generic]:
        if dtype is np.uint16:
            return stack.astype(np.uint16) * 257
        return stack if dtype is np.uint8 else (stack / 255).astype(dtype)

    blurred = gaussian_filter(people, (0, 1, 1))
    found = score(convert(blurred), convert(people))
    expected = score(blurred, people)
    tolerance = 2e-3 if dtype is np.float16 else 1e-5
    assert asdict(found.imq) == pytest.approx(asdict(expected.imq), abs=tolerance)


def test_dust_below_an_eight_bit_level_is_no_support(people: Bytes) -> None:
    dusty = people.astype(np.uint16) * 257
    dusty[:, 0, 0] = 100  # of 65535: 0 in an 8-bit file
    assert score(dusty, people).imq.iou == 1
    accumulator = imq.ImqAccumulator("official")
    accumulator.add(dusty, people)
    assert accumulator.result().imq.iou < 1


def test_support_begins_where_eight_bits_round_up() -> None:
    # 128 / 257 is below half a level of 255, 129 / 257 above.
    words = np.array([[128, 129]], np.uint16)
    assert find_support(words, "strict").tolist() == [[False, True]]
    assert find_support(words / np.float32(65535), "strict").tolist() == [[False, True]]
    assert find_support(words, "official").all()


def test_imq_is_mq_times_rq(people: Bytes) -> None:
    result = score(gaussian_filter(people[:2], (0, 1, 1)), people)
    for column in imq.COLUMNS:
        product = getattr(result.mq, column) * result.rq
        assert getattr(result.imq, column) == pytest.approx(product)


def test_the_frame_around_the_people_does_not_matter(people: Bytes) -> None:
    blurred = gaussian_filter(people, (0, 1, 1))
    # Where people reach the frame's edge it does: the gradient repeats the outermost pixels.
    near, far = ((0, 0), (4, 4), (4, 4)), ((0, 0), (30, 50), (70, 4))
    found, expected = (score(np.pad(blurred, room), np.pad(people, room)) for room in (far, near))
    assert asdict(found.imq) == pytest.approx(asdict(expected.imq), abs=1e-9)


# Empty sets.


def test_an_image_without_predictions_is_missed(people: Bytes) -> None:
    result = score(None, people)
    assert (result.tp, result.fp, result.fn) == (0, 0, 3)
    assert result.imq.mad == result.mq.mad == result.rq == 0


def test_the_release_leaves_such_an_image_out(people: Bytes) -> None:
    accumulator = imq.ImqAccumulator("official")
    accumulator.add(None, people)
    accumulator.add(people, people)
    assert accumulator.result().fn == 0


def test_nobody_there_and_nobody_claimed_is_undefined(people: Bytes) -> None:
    nobody = people[:0]
    result = score(nobody, nobody)
    assert math.isnan(result.imq.mad) and math.isnan(result.rq)


def test_claims_where_nobody_is_are_wrong(people: Bytes) -> None:
    result = score(people, people[:0])
    assert (result.fp, result.fn, result.rq) == (3, 0, 0)


def test_empty_mattes_are_no_instances(people: Bytes) -> None:
    with_empty = np.concatenate([people, np.zeros_like(people[:1])])
    assert score(with_empty, people).imq.mad == 1
    assert score(people, with_empty).imq.mad == 1
    assert [pair.target for pair in imq.match_image(people, with_empty).pairs] == [0, 1, 2]


# Errors.


def test_refuses_what_does_not_fit(people: Bytes) -> None:
    with pytest.raises(ValueError, match="sizes differ"):
        score(people[:, :-1], people)
    with pytest.raises(ValueError, match="3 axes"):
        score(people[0], people)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        score(people.astype(np.float32), people)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        score(np.full((1, 40, 60), np.nan), people)
    with pytest.raises(ValueError, match="int64"):
        score(people.astype(np.int64), people)
    with pytest.raises(ValueError, match="protocol"):
        imq.ImqAccumulator("paper")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="iou_threshold"):
        imq.ImqAccumulator(iou_threshold=50)


def test_matches_made_for_a_higher_threshold_are_refused() -> None:
    target = square(2, 2, 10)
    matches = imq.match_image(np.stack([square(4, 2, 10)]), np.stack([target]), min_iou=0.9)
    with pytest.raises(ValueError, match="IoU above"):
        imq.summarise([matches], iou_threshold=0.5)


def test_the_table_is_in_per_cent(people: Bytes) -> None:
    assert "100.00" in score(people, people).table()
