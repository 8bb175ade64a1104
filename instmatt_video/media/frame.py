"""The values that flow out of a source: a frame, and what is known of its clip."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .color_noise import CODED


@dataclass(frozen=True)
class ColorTags:
    """Colour tags by their FFmpeg names; never "unknown": `color.py` has filled the gaps."""

    primaries: str = "bt709"
    transfer: str = "bt709"
    matrix: str = "bt709"
    is_full_range: bool = False


@dataclass(frozen=True)
class Frame:
    """One picture of a clip."""

    index: int
    """Position in the clip, from 0."""
    time: Fraction
    """Presentation time in seconds, exact."""
    image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    """RGB, `(H, W, 3)`, upright (rotation applied); uint16 uses the full 16-bit range."""
    excess: npt.NDArray[np.floating[Any]] | None = None
    """Linear light above 1, which `image` cuts off, `(H, W, 3)`; `None` where there is none."""
    is_held: bool = False
    """The frame cannot be read: the picture before it, or else the one after it, stands in."""


@dataclass(frozen=True)
class ClipInfo:
    """What is known of a clip before its frames are read."""

    name: str
    """File or folder name without its extension; names the output folder."""
    path: Path | None
    width: int
    """Pixels, after rotation."""
    height: int
    frame_rate: Fraction
    """Frames per second, exact; the nominal rate where the clip's rate varies."""
    time_base: Fraction
    """Seconds per tick, in which every frame's time is a whole number."""
    frame_count: int | None = None
    """`None` where only reading to the end tells."""
    duration_s: Fraction | None = None
    bit_depth: int = 8
    color: ColorTags = field(default_factory=ColorTags)
    rotation_deg: int = 0
    """Clockwise rotation that was applied to show the picture upright."""
    pixel_aspect: Fraction = Fraction(1)
    timecode: str | None = None
    has_audio: bool = False
    """The file holds sound, which keeps time with the pictures."""
    is_variable_rate: bool = False
    is_interlaced: bool = False
    first_frame_number: int = 1
    """Number in the file name of an image sequence's first frame; 1 for a video."""
    first_time: Fraction | None = None
    """Seconds at which that frame is shown, decodable or not; `None` where the clip comes live."""
    origin_s: Fraction = Fraction(0)
    """Where 0 of the clip's seconds lies on its file's clock, which sound is read by."""
    color_noise: float = CODED
    """Standard deviation of the errors that coding left in colours, of 0..1."""


def as_eight_bit(
    image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
) -> npt.NDArray[np.uint8]:
    """Return an image's upper eight bits; one of eight bits is returned as it is, not copied."""
    return np.asarray(image if image.dtype == np.uint8 else image >> 8, np.uint8)
