"""What people found in a frame may be described by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from instmatt_video.detection.detections import Detections


def two_people(**fields: Any) -> Detections:
    """Return two people, some of whose fields are others."""
    given = {
        "boxes": np.array([(0, 0, 9, 9), (20, 0, 29, 9)], np.float32),
        "scores": np.array([0.9, 0.0], np.float32),
        "masks": np.ones((2, 4, 4), np.float32),
    }
    return Detections(**(given | fields))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="no more than must be"),
        pytest.param({"masks": np.full((2, 1, 1), 1 + 1e-6, np.float32)}, id="rounding, one cell"),
        pytest.param({"masks": np.eye(4)[None].repeat(2, 0) > 0}, id="masks of bool"),
        pytest.param({"identities": np.array([7, 1])}, id="identities in any order"),
        pytest.param({"features": np.ones((2, 6), np.float32)}, id="features"),
    ],
)
def test_people_are_described(fields: dict[str, Any]) -> None:
    assert len(two_people(**fields).select(np.array([1]))) == 1


@pytest.mark.parametrize("size", [1, 28])
def test_nobody_is_described(size: int) -> None:
    assert len(Detections.empty(size)) == 0


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        pytest.param(
            {"masks": np.full((2, 4, 4), 255, np.uint8)}, "masks must be in 0..1", id="bytes"
        ),
        pytest.param(
            {"masks": np.full((2, 4, 4), np.nan, np.float32)}, "masks must be in 0..1", id="nan"
        ),
        pytest.param({"masks": np.ones((2, 56, 28), np.float32)}, r"\(N, m, m\)", id="oblong"),
        pytest.param({"masks": np.ones((2, 28), np.float32)}, r"\(N, m, m\)", id="rows alone"),
        pytest.param({"masks": np.ones((2, 0, 0), np.float32)}, "have no cells", id="no cells"),
        pytest.param(
            {"scores": np.array([0.9, np.nan], np.float32)}, "scores must be", id="score of nan"
        ),
        pytest.param(
            {"scores": np.array([90, 10], np.float32)}, "scores must be", id="score in per cent"
        ),
        pytest.param({"identities": np.array([1, 1])}, "each once", id="one identity twice"),
        pytest.param({"identities": np.array([0, 1])}, "from 1", id="identity 0"),
        pytest.param({"identities": np.array([1])}, "identities of 2 people", id="too few"),
        pytest.param({"features": np.ones((1, 6), np.float32)}, "features", id="features of one"),
    ],
)
def test_what_no_tracker_or_matter_could_take_is_refused(
    fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        two_people(**fields)
