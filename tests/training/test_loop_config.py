"""The schedule of a training: its learning rate by hand, and what cannot be."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from instmatt_video.training.loop_config import LoopConfig

CONFIG = LoopConfig(steps=110, learning_rate=1.0, min_learning_rate=0.1, warmup_steps=10)


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        pytest.param(0, 0.1, id="first step of the warm-up"),
        pytest.param(4, 0.5, id="its middle"),
        pytest.param(9, 1.0, id="its end"),
        pytest.param(10, 1.0, id="top of the cosine"),
        pytest.param(35, 0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2, id="a quarter"),
        pytest.param(60, 0.55, id="half"),
        pytest.param(110, 0.1, id="end"),
        pytest.param(500, 0.1, id="beyond"),
    ],
)
def test_learning_rate(step: int, rate: float) -> None:
    assert CONFIG.learning_rate_at(step) == pytest.approx(rate)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": -1},
        {"log_steps": 0},
        {"workers": -1},
        {"seed": -1},
        {"seed": 2**32},
        {"precision": "64-true"},
        {"precision": "bf16-true"},
    ],
)
def test_what_cannot_be(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=rf"{name} must be .*, not {wrong[name]}"):
        replace(CONFIG, **wrong)


def test_without_warm_up() -> None:
    assert replace(CONFIG, warmup_steps=0).learning_rate_at(0) == 1.0


def test_all_warm_up() -> None:
    config = replace(CONFIG, steps=10)
    assert config.learning_rate_at(9) == 1.0 and config.learning_rate_at(10) == 1.0
