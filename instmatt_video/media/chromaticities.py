"""Where primaries and white lie in the CIE 1931 diagram, as EXR files tell it.

Source: ITU-T H.273, table 2.
"""

from __future__ import annotations

from collections.abc import Sequence

_D65 = (0.3127, 0.3290)
_C = (0.310, 0.316)

CHROMATICITIES = {
    "bt709": (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65),
    "bt470m": (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *_C),
    "bt470bg": (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    "smpte170m": (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    "smpte240m": (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65),
    "film": (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *_C),
    "bt2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    "smpte428": (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3),
    "smpte431": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    "smpte432": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    "ebu3213": (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
"""x and y of red, green, blue and white, by the primaries' FFmpeg name."""


def primaries_of(chromaticities: Sequence[float]) -> str | None:
    """Return the primaries' FFmpeg name, `None` where they have none, as those of ACES."""
    for name, known in CHROMATICITIES.items():
        if max(abs(a - b) for a, b in zip(chromaticities, known, strict=True)) < 1e-3:
            return name
    return None
