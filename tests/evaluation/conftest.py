"""Fixtures of the evaluation's tests."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.evaluation.made_benchmarks import Clip, make_clip, make_images


@pytest.fixture
def images() -> dict[str, list[npt.NDArray[np.uint8]]]:
    return make_images()


@pytest.fixture
def clip() -> Clip:
    return make_clip()
