"""Pictures as film scans and renders are kept: EXR in linear light, and DPX.

FFmpeg decodes them; its scaler knows no half floats, so EXR's planes are read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt

from .color import Image
from .dpx_header import DpxHeader, read_dpx_header
from .exr_header import ExrHeader, is_cut_off, read_exr_header
from .file_url import file_url
from .linear_light import to_srgb

PLATE_SUFFIXES = frozenset({".exr", ".dpx"})

Floats = npt.NDArray[np.floating[Any]]
_BRIGHTEST = np.float16(65504)
"""What a half float holds."""
_FLOAT_TYPES: dict[str, type[np.floating[Any]]] = {"f16le": np.float16, "f32le": np.float32}


class Plate(NamedTuple):
    """A picture in codes that networks know, and what these cannot hold."""

    image: Image
    """`(H, W, 3)` RGB, uint16; of EXR's linear light the sRGB codes, up to 1."""
    excess: Floats | None = None
    """`(H, W, 3)` linear light above 1, 0 elsewhere; `None` where there is none."""


def read_plate_header(path: Path) -> ExrHeader | DpxHeader | None:
    """Return what a file says of itself, whatever it is called; `None` where it is no plate."""
    return read_exr_header(path) or read_dpx_header(path)


def read_plate(path: Path) -> Plate | None:
    """Return the picture of a file, or `None` where it holds no whole one."""
    try:
        if path.suffix.lower() == ".exr" and is_cut_off(path):
            return None  # the decoder would leave the rest black and say nothing
        with av.open(file_url(path)) as container:
            frame = next(container.decode(video=0))
            if not frame.format.name.endswith(tuple(_FLOAT_TYPES)):
                return Plate(np.asarray(frame.to_ndarray(format="rgb48le"), np.uint16))
            planes = _float_planes(frame)
    except (av.FFmpegError, OSError, StopIteration, ValueError):
        return None
    return Plate(np.stack([_coded(plane) for plane in planes], axis=2), _excess_of(planes))


def _float_planes(frame: av.VideoFrame) -> list[Floats]:
    """Return red, green and blue of a frame of floats, `(H, W)` each; grey is all three."""
    dtype = _FLOAT_TYPES[frame.format.name[-5:]]
    planes: list[Floats] = []
    for plane in list(frame.planes)[:3]:
        values = np.frombuffer(memoryview(plane), dtype)
        planes.append(values.reshape(plane.height, -1)[:, : frame.width])
    if frame.format.name.startswith("gbr"):
        green, blue, red = planes
        return [red, green, blue]
    return planes[:1] * 3


def _excess_of(planes: Sequence[Floats]) -> Floats | None:
    """Return the light above 1 of red, green and blue; `None` where there is none."""
    if not any((plane > 1).any() for plane in planes):
        return None
    light = np.nan_to_num(np.stack(planes, axis=2), nan=0.0)
    return np.asarray(np.clip(light, 1, _BRIGHTEST) - light.dtype.type(1))


def _coded(linear: Floats) -> npt.NDArray[np.uint16]:
    if linear.dtype.itemsize == 2:
        return _codes_of_halves()[linear.view(np.uint16)]
    return to_srgb(linear)


@lru_cache(maxsize=1)
def _codes_of_halves() -> npt.NDArray[np.uint16]:
    """Return the sRGB code of every half float, by its bits: looking up is faster than powers."""
    return to_srgb(np.arange(1 << 16, dtype=np.uint16).view(np.float16))
