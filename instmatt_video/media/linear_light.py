"""From coded RGB to linear light, as EXR holds it.

Source: ITU-T H.273, table 3 (transfer characteristics).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

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
