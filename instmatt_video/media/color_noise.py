"""How far a picture's colours may be trusted: what its coding left of them."""

from __future__ import annotations

CLEAN = 0.001
"""Standard deviation of a colour's error, of 0..1, where nothing but rounding touched it."""
FINE = 0.003
"""Coded as photographs and editing formats are."""
CODED = 0.015
"""Coded as video to be watched: blocks, and chroma of half the resolution."""

_CLEAN_CODECS = {"ffv1", "huffyuv", "ffvhuff", "utvideo", "png", "qtrle", "rawvideo", "v210"}
_FINE_CODECS = {"prores", "dnxhd", "cfhd", "jpeg2000", "mjpeg"}
_FINE_SUFFIXES = {".jpg", ".jpeg", ".webp"}


def noise_of_codec(codec: str) -> float:
    """Return the standard deviation of colour errors, of 0..1, in a video of an FFmpeg codec."""
    if codec in _CLEAN_CODECS:
        return CLEAN
    return FINE if codec in _FINE_CODECS else CODED


def noise_of_picture(suffix: str) -> float:
    """Return the standard deviation of colour errors, of 0..1, in a picture file, as `.jpg`."""
    return FINE if suffix.lower() in _FINE_SUFFIXES else CLEAN
