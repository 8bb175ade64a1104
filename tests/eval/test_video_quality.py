"""Video quality, identity in alpha and errors in time, on discs whose path is known."""

from __future__ import annotations

import itertools
import math
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest

from instmatt_video.eval.alpha import Protocol
from instmatt_video.eval.alpha_tracking import measure_identity
from instmatt_video.eval.clip_pairs import ClipPairAccumulator, ClipPairs
from instmatt_video.eval.temporal import TemporalAccumulator, TemporalErrors
from instmatt_video.eval.video_quality import VideoError, measure_clip, summarise_clips

Clip = npt.NDArray[np.float32]
NUM_FRAMES, HEIGHT, WIDTH = 6, 30, 64


def disc(x: float, y: float, radius_px: float = 6) -> Clip:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return (radius_px - np.hypot(columns - x, rows - y) + 0.5).clip(0, 1).astype(np.float32)


@pytest.fixture
def clip() -> Clip:
    """Two discs that move apart, `(2, T, H, W)`."""
    left = [disc(14 - t, 15) for t in range(NUM_FRAMES)]
    right = [disc(40 + 2 * t, 12) for t in range(NUM_FRAMES)]
    return np.stack([np.stack(left), np.stack(right)])


def add_up(predictions: Clip, targets: Clip) -> ClipPairs:
    accumulator = ClipPairAccumulator()
    for t in range(targets.shape[1]):
        accumulator.add(predictions[:, t], targets[:, t])
    return accumulator.result()


def test_sums_are_those_of_the_full_frame(clip: Clip) -> None:
    random = np.random.default_rng(0)
    predictions = (clip[::-1] * random.random(clip.shape)).astype(np.float32)
    sums = add_up(predictions, clip)
    for g in range(2):
        for p in range(2):
            difference = (predictions[p] - clip[g]).astype(np.float64)
            np.testing.assert_allclose(sums.absolute[:, g, p], np.abs(difference).sum((1, 2)))
            np.testing.assert_allclose(
                sums.squared[:, g, p], (difference**2).sum((1, 2)), rtol=1e-5
            )
            change = (np.diff(difference, axis=0) ** 2).sum((1, 2))
            np.testing.assert_allclose(sums.change[1:, g, p], change, rtol=1e-5)
            overlap = np.minimum(predictions[p], clip[g]).sum((1, 2))
            np.testing.assert_allclose(sums.overlap[:, g, p], overlap, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("error", ["mse", "mad", "dtssd"])
def test_identity_is_one_in_any_order(clip: Clip, error: str) -> None:
    quality = measure_clip(add_up(clip[::-1].copy(), clip), error=error)  # type: ignore[arg-type]
    assert (quality.rq, quality.tq, quality.mq, quality.vmq) == (1, 1, 1, 1)
    assert [(pair.target, pair.prediction) for pair in quality.pairs] == [(0, 1), (1, 0)]


def test_a_missed_person(clip: Clip) -> None:
    quality = measure_clip(add_up(clip[1:], clip))
    assert (quality.tp, quality.fp, quality.fn) == (1, 0, 1)
    assert quality.rq == pytest.approx(1 / 1.5)


def test_swapped_identities_cost_tracking(clip: Clip) -> None:
    swapped = clip.copy()
    swapped[:, -1] = clip[::-1, -1]
    quality = measure_clip(add_up(swapped, clip))
    assert quality.tq == pytest.approx(5 / 6)
    # In the swapped frame the pair's IoU is 0.
    assert quality.rq == pytest.approx(5 / 6)
    identity = measure_identity(add_up(swapped, clip))
    assert identity.switches == 2
    assert identity.idf1 == pytest.approx(5 / 6, abs=0.01)


def test_people_missed_together_are_no_swap_when_strict(clip: Clip) -> None:
    predictions = clip.copy()
    predictions[:, 1] = 0  # whose empty matte is whose cannot be told
    for order in ([0, 1], [1, 0]):
        quality = measure_clip(add_up(predictions[order], clip))
        assert (quality.tp, quality.tq) == (2, 1)


def test_tracking_does_not_depend_on_the_order_of_predictions() -> None:
    stays, enters, leaves = targets = np.zeros((3, 20, 12, 32), np.float32)
    stays[:, 2:10, 1:7] = 1
    enters[10:, 2:10, 11:17] = 1
    leaves[:10, 2:10, 21:27] = 1
    predictions = targets.copy()
    predictions[0, 4:10] = 0  # while the second has not come yet
    for order in itertools.permutations(range(3)):
        quality = measure_clip(add_up(predictions[list(order)], targets))
        assert (quality.tp, quality.tq) == (3, 1)


def test_a_person_who_leaves_is_no_failure_when_strict(clip: Clip) -> None:
    targets = clip.copy()
    targets[0, 3:] = 0
    sums = add_up(targets, targets)
    assert measure_clip(sums).vmq == 1
    assert measure_clip(sums, "official").rq == pytest.approx(0.5 * 1.0)  # IoU 0.5 is not above


@pytest.mark.parametrize(
    ("error", "per_frame"),
    [
        # Of 32 pixels, 8 are 0.5 wrong in every frame; dtssd: in every other, so all change.
        pytest.param("mse", 1 - 2 * 8 * 0.5**2 / 32, id="mse"),
        pytest.param("mad", 1 - 2 * 8 * 0.5 / 32, id="mad"),
        pytest.param("dtssd", 1 - 2 * (8 * 0.5**2 / 32) ** 0.5, id="dtssd"),
    ],
)
@pytest.mark.parametrize("absent", [0, 4])
def test_frames_of_nobody_mat_nobody_well(error: VideoError, per_frame: float, absent: int) -> None:
    targets = np.zeros((1, 4 + absent, 4, 8), np.float32)
    targets[0, :4, :, :4] = 1
    predictions = targets.copy()
    predictions[0, slice(0, 4, 2 if error == "dtssd" else 1), :2, :4] = 0.5
    sums = add_up(predictions, targets)
    strict, official = (
        measure_clip(sums, protocol, error, weight=2, iou_threshold=0.1).mq
        for protocol in get_args(Protocol)
    )
    assert strict == pytest.approx(per_frame)
    # As the release has it, nothing is wrong where nobody is, and nothing changes at first.
    num_wrong = 3 if error == "dtssd" else 4
    assert official == pytest.approx(1 - num_wrong * (1 - per_frame) / (4 + absent))


def test_one_frame_has_no_flicker(clip: Clip) -> None:
    assert measure_clip(add_up(0.8 * clip[:, :1], clip[:, :1]), error="dtssd").mq == 1


def test_a_person_who_never_shows_is_none_when_strict(clip: Clip) -> None:
    with_empty = np.concatenate([np.zeros_like(clip[:1]), clip])
    quality = measure_clip(add_up(clip, with_empty))
    assert quality.fn == 0
    assert [(pair.target, pair.prediction) for pair in quality.pairs] == [(1, 0), (2, 1)]


def test_strict_is_the_mean_of_products(clip: Clip) -> None:
    good = measure_clip(add_up(clip, clip))
    bad = measure_clip(add_up(clip[1:], clip))
    strict, official = summarise_clips([good, bad]), summarise_clips([good, bad], "official")
    assert strict.vmq == pytest.approx((good.vmq + bad.vmq) / 2)
    assert official.vmq == pytest.approx(official.rq * official.tq * official.mq)
    half = measure_clip(add_up(0.8 * clip, clip))
    strict, official = summarise_clips([half, bad]), summarise_clips([half, bad], "official")
    assert strict.vmq != pytest.approx(official.vmq)


@pytest.mark.parametrize("counts", [(0, 2), (2, 0), (0, 0)], ids=str)
def test_empty_sides(clip: Clip, counts: tuple[int, int]) -> None:
    sums = add_up(clip[: counts[0]], clip[: counts[1]])
    quality = measure_clip(sums)
    identity = measure_identity(sums)
    if counts == (0, 0):
        assert math.isnan(quality.vmq) and math.isnan(identity.idf1)
        assert math.isnan(summarise_clips([quality]).vmq)
    else:
        assert quality.vmq == identity.idf1 == 0
    assert measure_clip(sums, "official").vmq == 0


def test_identity_of_perfect_and_half_transparent_mattes(clip: Clip) -> None:
    assert measure_identity(add_up(clip, clip)).idf1 == pytest.approx(1)
    half = measure_identity(add_up(clip / 2, clip))
    # All of the predicted alpha is right, half of the true alpha is found: F = 2/3.
    assert half.id_precision == pytest.approx(1, abs=1e-5)
    assert half.id_recall == pytest.approx(0.5, abs=1e-5)
    assert half.idf1 == pytest.approx(2 / 3, abs=1e-5)


def test_a_gap_is_no_switch_but_a_new_identity_is(clip: Clip) -> None:
    gap = clip.copy()
    gap[0, 2:4] = 0
    assert measure_identity(add_up(gap, clip)).switches == 0
    first, second = gap.copy(), gap.copy()
    first[0, 2:], second[0, :4] = 0, 0
    split = np.concatenate([first[:1], second[:1], gap[1:]])
    assert measure_identity(add_up(split, clip)).switches == 1


def test_frames_must_fit(clip: Clip) -> None:
    accumulator = ClipPairAccumulator()
    with pytest.raises(ValueError, match="no frames"):
        accumulator.result()
    with pytest.raises(ValueError, match="sizes differ"):
        accumulator.add(clip[:, 0, 1:], clip[:, 0])
    accumulator.add(clip[:, 0], clip[:, 0])
    with pytest.raises(ValueError, match="one before had"):
        accumulator.add(clip[:1, 1], clip[:, 1])


# Errors in time.


def through_time(predictions: Clip, targets: Clip, flow: Clip | None = None) -> TemporalErrors:
    accumulator = TemporalAccumulator()
    for prediction, target in zip(predictions, targets, strict=True):
        accumulator.add(prediction, target, flow)
    return accumulator.result()


def test_a_perfect_matte_has_no_error_in_time(clip: Clip) -> None:
    flow = np.zeros((HEIGHT, WIDTH, 2), dtype=np.float32)
    errors = through_time(clip[1], clip[1], flow)
    assert (errors.dtssd, errors.messddt, errors.moving_edge) == (0, 0, 0)


def test_one_frame_late_is_one(clip: Clip) -> None:
    late = np.concatenate([clip[1][:1], clip[1][:-1]])
    assert through_time(late, clip[1]).moving_edge == pytest.approx(1)


def test_a_frozen_matte_cannot_win(clip: Clip) -> None:
    frozen = np.repeat(clip[1][:1], NUM_FRAMES, axis=0)
    noise = np.random.default_rng(0).normal(0, 0.08, clip[1].shape)
    flickering = (clip[1] + noise * (clip[1] > 0)).clip(0, 1).astype(np.float32)
    assert through_time(frozen, clip[1]).moving_edge > 1
    assert through_time(flickering, clip[1]).moving_edge < 0.5


def test_dtssd_by_hand() -> None:
    target = np.zeros((2, 4, 5), dtype=np.float32)
    target[:, 1:3, 1:4] = 1
    prediction = target.copy()
    prediction[1, 1, 1] = 0.4
    # One of the union's six pixels changes by -0.6 although the truth stands still.
    assert through_time(prediction, target).dtssd == pytest.approx(math.sqrt(0.36 / 6))
    assert math.isnan(through_time(prediction, target).messddt)
    assert math.isnan(through_time(prediction, target).moving_edge)


def test_an_error_that_moves_along_is_no_flicker_with_the_true_flow() -> None:
    target = np.stack([disc(20 + 3 * t, 15) for t in range(4)])
    prediction = target.copy()
    for t in range(4):
        prediction[t, 13:16, 19 + 3 * t : 22 + 3 * t] = 0.5
    right = np.zeros((HEIGHT, WIDTH, 2), dtype=np.float32)
    right[..., 0] = 3
    transposed = right[..., ::-1].copy()
    assert through_time(prediction, target, right).messddt == pytest.approx(0, abs=1e-7)
    assert through_time(prediction, target, transposed).messddt > 0.01


def test_nothing_to_see_is_undefined() -> None:
    empty = np.zeros((3, 5, 5), dtype=np.float32)
    assert math.isnan(through_time(empty, empty).dtssd)


@pytest.mark.parametrize("value", [math.nan, 1.5, -0.5])
@pytest.mark.parametrize("name", ["prediction", "target"])
def test_what_is_no_alpha_is_refused_at_once(value: float, name: str) -> None:
    alphas = {"prediction": np.ones((5, 5), np.float32), "target": np.ones((5, 5), np.float32)}
    alphas[name][2, 2] = value
    with pytest.raises(ValueError, match=rf"{name} has values outside of 0\.\.1"):
        TemporalAccumulator().add(**alphas)
