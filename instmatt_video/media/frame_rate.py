"""Which frame rates there are: those that containers can count in, and which of them is meant."""

from __future__ import annotations

from fractions import Fraction

LEAST, MOST = Fraction(1, 1000), Fraction(100_000)
_MAX_DENOMINATOR = 10_000
"""Far finer than any clock, and small enough for the 32 bits that containers have."""


def as_frame_rate(value: str | float | Fraction) -> Fraction:
    """Return a rate in frames per second; decimals stand for the nearest sensible one.

    Args:
        value: As `25`, `23.976` or `23.98` (both are 24000/1001) or `30000/1001`.

    Raises:
        ValueError: It is no rate, or out of the range that containers can count in.

    >>> as_frame_rate("29.97")
    Fraction(30000, 1001)
    """
    try:
        if isinstance(value, str) and "e" in value.lower():
            raise ValueError(value)  # the fraction of 1e999999999 fills the memory
        rate = Fraction(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ValueError(f"{str(value)!r} is no frame rate such as 25 or 30000/1001") from error
    if not LEAST <= rate <= MOST:
        raise ValueError(f"a frame rate must be in {float(LEAST)}..{MOST}, not {value}")
    rate = rate.limit_denominator(_MAX_DENOMINATOR)
    # People mean no other rate by it; a video's own times may be such, and stay.
    return Fraction(24000, 1001) if rate == Fraction("23.98") else snap_to_broadcast_rate(rate)


def snap_to_broadcast_rate(rate: Fraction) -> Fraction:
    """Return n/1001 for a rate that decimals or milliseconds blurred; others unchanged."""
    for whole in (24, 30, 48, 60, 120):
        exact = Fraction(whole * 1000, 1001)
        if rate != exact and abs(rate - exact) < exact / 20000:
            return exact
    return rate
