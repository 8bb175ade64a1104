"""The release's numbers: `official` reproduces them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instmatt_video.eval import imq
from instmatt_video.eval.matte_errors import ERRORS

CASES = (
    "identical_n1",
    "identical_n3",
    "shift3",
    "blur1",
    "binary",
    "dilate",
    "miss_one",
    "extra_one",
    "permuted",
    "no_pred",
    "halo_1",
    "noisy_edge",
    "hole_band",
    "fragments",
    "n5_mixed",
    "iou_exact_half",
    "dataset_3img",
)


@pytest.fixture(scope="module")
def expected(shared_dir: Path) -> dict[str, Any]:
    return json.loads((shared_dir / "spec/vectors/imq_expected.json").read_text())


@pytest.fixture(scope="module")
def arrays(shared_dir: Path) -> Any:
    return np.load(shared_dir / "spec/vectors/imq_cases.npz")


def _add_all(accumulator: imq.ImqAccumulator, arrays: Any, case: str, num_images: int) -> None:
    for k in range(num_images):
        name = f"{case}__im{k}__pred"
        predictions = arrays[name] if name in arrays.files else None
        accumulator.add(predictions, arrays[f"{case}__im{k}__gt"])


def test_every_case_is_listed(expected: dict[str, Any]) -> None:
    assert set(CASES) == set(expected)


@pytest.mark.parametrize("iou_threshold", [0.5, 0.75])
@pytest.mark.parametrize("case", CASES)
def test_aggregate(case: str, iou_threshold: float, expected: dict[str, Any], arrays: Any) -> None:
    accumulator = imq.ImqAccumulator("official", iou_threshold)
    _add_all(accumulator, arrays, case, len(expected[case]["per_image"]))
    result = asdict(accumulator.result())
    reference = expected[case]["aggregate"][f"thr{iou_threshold}"]
    for column in imq.COLUMNS:
        assert result["imq"][column] == pytest.approx(reference[column]["IMQ"], abs=1e-6)
        assert result["rq"] == pytest.approx(reference[column]["RQ"], abs=1e-6)
        if reference[column]["MQ"] is None:
            assert math.isnan(result["mq"][column])
        else:
            assert result["mq"][column] == pytest.approx(reference[column]["MQ"], abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_each_pair(case: str, expected: dict[str, Any], arrays: Any) -> None:
    accumulator = imq.ImqAccumulator("official", iou_threshold=0.0)
    _add_all(accumulator, arrays, case, len(expected[case]["per_image"]))
    for image, reference in zip(accumulator.images, expected[case]["per_image"], strict=True):
        matches = list(zip(*reference.get("match", []), strict=True))
        assert {(pair.prediction, pair.target) for pair in image.pairs} == set(matches)
        for pair in image.pairs:
            k = matches.index((pair.prediction, pair.target))
            assert pair.iou == pytest.approx(reference["iou"][pair.prediction][pair.target])
            for name in ERRORS:
                assert getattr(pair.errors, name) == pytest.approx(reference[name][k], abs=1e-6)


def test_the_kernel_is_the_released_one(arrays: Any) -> None:
    from instmatt_video.eval.gradient import derivative_kernels

    gaussian, derivative = derivative_kernels()
    np.testing.assert_allclose(np.outer(gaussian, derivative), arrays["grad_kernel_hx"], atol=1e-7)
