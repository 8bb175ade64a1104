"""The largest components found on runs are those that labelling the frame finds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter, label

from instmatt_video.eval.connectivity import (
    DEAD_ZONE,
    THRESHOLDS,
    connectivity_error_sum,
    count_connected,
)


def naive_count(common: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    stays = np.ones(common.shape, dtype=bool)
    count = np.zeros(common.shape, dtype=np.uint8)
    for threshold in THRESHOLDS[1:]:
        labels, number = label(common >= threshold)
        largest = np.zeros(common.shape, dtype=bool)
        if number:
            largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
        stays &= largest
        count += stays
    return count


def fields() -> list[tuple[str, npt.NDArray[np.float32]]]:
    random = np.random.default_rng(0)
    noise = random.random((33, 47)).astype(np.float32)
    smooth = gaussian_filter(noise, 2)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    full = np.ones((9, 13), dtype=np.float32)
    checkers = (np.indices((12, 15)).sum(axis=0) % 2).astype(np.float32)
    corner = np.zeros((6, 6), dtype=np.float32)
    corner[0, 0] = corner[5, 5] = 1
    rows = np.zeros((6, 8), dtype=np.float32)
    rows[1, :], rows[2, 0], rows[4, 7] = 0.7, 0.9, 0.3
    return [
        ("noise", noise),
        ("smooth", smooth),
        ("full frame", full),
        ("empty", np.zeros_like(full)),
        ("checkers touch only at corners", checkers),
        ("first and last pixel", corner),
        ("runs that reach both sides", rows),
        ("one pixel", np.ones((1, 1), dtype=np.float32)),
        ("one column", noise[:, :1]),
    ]


@pytest.mark.parametrize("field", [pytest.param(f, id=name) for name, f in fields()])
def test_counts_are_those_of_labelling(field: npt.NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(count_connected(field, field), naive_count(field))
    as_bytes = np.round(field * 255).astype(np.uint8)
    expected = naive_count(as_bytes / np.float32(255))
    np.testing.assert_array_equal(count_connected(as_bytes, as_bytes), expected)
    as_words = as_bytes.astype(np.uint16) * 257
    np.testing.assert_array_equal(count_connected(as_words, as_words), expected)


@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_that_of_the_full_frame(seed: int) -> None:
    random = np.random.default_rng(seed)
    target = gaussian_filter(random.random((40, 50)) > 0.5, 0, output=np.float32)
    target = gaussian_filter(target, 1.5)
    prediction = (target + random.normal(0, 0.1, target.shape)).clip(0, 1).astype(np.float32)
    region = random.random(target.shape) > 0.2
    levels = THRESHOLDS[naive_count(np.minimum(prediction, target))]
    phi = [1 - (a - levels) * (a - levels >= DEAD_ZONE) for a in (prediction, target)]
    expected = np.abs(phi[0] - phi[1])[region].sum(dtype=np.float64)
    assert connectivity_error_sum(prediction, target, region) == pytest.approx(expected, rel=1e-6)


def test_equal_mattes_have_no_error() -> None:
    alpha = np.random.default_rng(0).random((9, 9)).astype(np.float32)
    assert connectivity_error_sum(alpha, alpha, np.ones((9, 9), dtype=bool)) == 0
