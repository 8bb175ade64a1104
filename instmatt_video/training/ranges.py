"""Refusal of a training's settings that are out of their ranges."""

from __future__ import annotations

import math
from collections.abc import Iterable


def check_ranges(
    settings: object, names: Iterable[str], low: float, high: float = math.inf
) -> None:
    """Raise `ValueError` unless the named settings, or all values of each, are in a range.

    Args:
        settings: Has them as attributes.
        names: The line tells the first that is wrong.
        low: Least that is allowed.
        high: Most that is allowed; infinity itself never is.
    """
    for name in names:
        value = getattr(settings, name)
        values = value if isinstance(value, tuple) else (value,)
        if math.inf in values:
            raise ValueError(f"{name} must be finite, not {value}")
        if not all(low <= each <= high for each in values):
            allowed = f"{low} or more" if high == math.inf else f"in {low}..{high}"
            raise ValueError(f"{name} must be {allowed}, not {value}")


def check_sides(settings: object, name: str) -> None:
    """Raise `ValueError` unless a picture's side, or each of several, is one that is matted."""
    value = getattr(settings, name)
    for side in value if isinstance(value, tuple) else (value,):
        if side % 32 or side < 64:
            raise ValueError(f"{name} must be a multiple of 32 from 64, not {side}")
