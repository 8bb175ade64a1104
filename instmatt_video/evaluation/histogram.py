"""Distributions as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

_WIDTH, _HEIGHT, _AXIS = 240, 110, 28


def draw_histogram(
    title: str, values: Sequence[float], high: float = 1.0, num_bins: int = 20
) -> str:
    """Return an SVG of how often values fall where; those outside count in the outermost bins.

    Args:
        title: Stands above.
        values: Any number of them; undefined ones are left out.
        high: Right end of the axis, which begins at 0.
        num_bins: Bars.
    """
    defined = np.array([value for value in values if not math.isnan(value)])
    counts, _ = np.histogram(defined.clip(0, high), bins=num_bins, range=(0, high))
    tallest = max(int(counts.max(initial=0)), 1)
    step = _WIDTH / num_bins
    room = _HEIGHT - _AXIS - 16
    bars = []
    for k, count in enumerate(counts):
        height = room * int(count) / tallest
        start, end = high * k / num_bins, high * (k + 1) / num_bins
        bars.append(
            f'<rect x="{k * step + 0.5:.1f}" y="{_HEIGHT - _AXIS - height:.1f}" '
            f'width="{step - 1:.1f}" height="{height:.1f}">'
            f"<title>{start:.3g} to {end:.3g}: {int(count)}</title></rect>"
        )
    middle = f"median {np.median(defined):.3f}, n {defined.size}" if defined.size else "none"
    base = _HEIGHT - _AXIS
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img">'
        f'<text x="0" y="10" class="t">{escape(title)}</text>'
        f'<g class="bars">{"".join(bars)}</g>'
        f'<line x1="0" x2="{_WIDTH}" y1="{base}" y2="{base}"/>'
        f'<text x="0" y="{base + 12}">0</text>'
        f'<text x="{_WIDTH}" y="{base + 12}" text-anchor="end">{high:g}</text>'
        f'<text x="{_WIDTH / 2}" y="{base + 24}" text-anchor="middle">{middle}</text></svg>'
    )
