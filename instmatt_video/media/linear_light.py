"""Between coded RGB and linear light, as EXR holds it.

Source: ITU-T H.273, table 3 (transfer characteristics).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .color import Image
from .layer import FloatImage

_BT709_FAMILY = ("bt709", "smpte170m", "bt2020-10", "bt2020-12")
_POWERS = {"linear": 1.0, "bt470m": 2.2, "bt470bg": 2.8}

LINEARISABLE_TRANSFERS = frozenset({*_BT709_FAMILY, *_POWERS, "iec61966-2-1"})


def to_linear(image: Image, transfer: str) -> FloatImage:
    """Return linear light of full-range RGB codes, 1.0 for the brightest code.

    Args:
        image: Any shape; uint8 or uint16.
        transfer: One of `LINEARISABLE_TRANSFERS`.
    """
    linear: FloatImage = _table(transfer, np.iinfo(image.dtype).max)[image]
    return linear


def to_srgb(linear: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint16]:
    """Return the full-range 16-bit sRGB codes of linear light, which is cut off at 0 and 1.

    Light that is not a number is dark.
    """
    light = np.clip(np.nan_to_num(linear.astype(np.float64), nan=0.0), 0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(coded * 65535 + 0.5, np.uint16)


@lru_cache(maxsize=4)
def _table(transfer: str, largest: int) -> FloatImage:
    """Return the linear light of every code 0..`largest`."""
    coded = np.arange(largest + 1) / largest
    if transfer in _BT709_FAMILY:
        linear = np.where(coded < 4.5 * 0.018, coded / 4.5, ((coded + 0.099) / 1.099) ** (1 / 0.45))
    elif transfer == "iec61966-2-1":
        linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    else:
        linear = coded ** _POWERS[transfer]
    return linear.astype(np.float32)
