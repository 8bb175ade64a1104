"""A soft disc as a layer, and streams of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from instmatt_video.media.formats import FormatSpec, open_alpha_stream
from instmatt_video.media.frame import ClipInfo
from instmatt_video.media.layer import Layer

FloatImage = npt.NDArray[np.float32]

RATE = Fraction(30000, 1001)
INFO = ClipInfo(
    name="clip",
    path=None,
    width=160,
    height=96,
    frame_rate=RATE,
    time_base=Fraction(1, 30000),
)

LOSSY_TOLERANCE = {"matte-prores": 0.004, "matte-mp4": 0.01, "webm": 0.02}
"""Mean error of alpha where the person is, of the formats that do not keep every level."""


def soft_layer(left: int = 40, top: int = 20, side: int = 48) -> Layer:
    """Return a layer with a soft disc."""
    y, x = np.mgrid[:side, :side].astype(np.float32) - side / 2 + 0.5
    alpha = np.clip((side / 2 - 6 - np.hypot(x, y)) / 8 + 0.5, 0, 1).astype(np.float32)
    foreground = np.empty((side, side, 3), np.uint8)
    foreground[:] = (200, 120, 40)
    return Layer(left, top, alpha, foreground)


def placed(layer: Layer | None, info: ClipInfo = INFO) -> FloatImage:
    """Return the layer's alpha on the frame, by its definition."""
    frame = np.zeros((info.height, info.width), np.float32)
    if layer is not None:
        for row in range(layer.alpha.shape[0]):
            for column in range(layer.alpha.shape[1]):
                y, x = layer.top + row, layer.left + column
                if 0 <= y < info.height and 0 <= x < info.width:
                    frame[y, x] = layer.alpha[row, column]
    return frame


def write_stream(
    spec: FormatSpec,
    folder: Path,
    layers: list[Layer | None],
    info: ClipInfo = INFO,
    ticks: list[int] | None = None,
    **options: object,
) -> Path:
    path = folder / f"person_01{spec.extension}"
    ticks = ticks or [1001 * k for k in range(len(layers))]
    with open_alpha_stream(spec.name, path, info, **options) as stream:  # type: ignore[arg-type]
        for tick, layer in zip(ticks, layers, strict=True):
            stream.write(tick * info.time_base, layer)
    return path


def coming_and_going() -> list[Layer | None]:
    return [None, soft_layer(10), soft_layer(20), None, soft_layer(30), None]
