"""The shape of a pixel, as headers of pictures tell it."""

from __future__ import annotations

from fractions import Fraction


def as_pixel_aspect(value: float) -> Fraction:
    """Return a pixel's width over its height as a fraction of small numbers.

    1 where no pixel has that shape: programs that know nothing of it write 0 or worse.

    >>> as_pixel_aspect(1.3333334)
    Fraction(4, 3)
    """
    return Fraction(value).limit_denominator(100) if 0.1 <= value <= 10 else Fraction(1)
