"""What the numbers of an alpha array mean: its unit values, its support and where that lies.

Knows single arrays; knows nothing of pairs, metrics or files.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Alpha: TypeAlias = npt.NDArray[Any]
"""uint8 (0..255), uint16 (0..65535) or floating (0..1); opaque is the largest value."""

Mask: TypeAlias = npt.NDArray[np.bool_]
Float: TypeAlias = npt.NDArray[np.float32]
Protocol: TypeAlias = Literal["strict", "official"]

_EIGHT_BIT_ZERO = 0.5 / 255
"""Below this an alpha is written as 0 into the 8-bit files that the benchmarks are made of."""


def to_unit(alpha: Alpha) -> Float:
    """Return the alpha as float32 in 0..1.

    Raises:
        ValueError: The array is neither uint8, uint16, bool nor floating.
    """
    if alpha.dtype == np.uint8:
        return np.asarray(alpha, dtype=np.float32) / np.float32(255)
    if alpha.dtype == np.uint16:
        return np.asarray(alpha, dtype=np.float32) / np.float32(65535)
    if alpha.dtype == np.bool_ or np.issubdtype(alpha.dtype, np.floating):
        return np.asarray(alpha, dtype=np.float32)
    raise ValueError(f"alpha is {alpha.dtype}: it must be uint8, uint16, bool or floating")


def check_alphas(alphas: Alpha, name: str, num_axes: int = 3) -> None:
    """Refuse what is no stack of alpha mattes, or no matte.

    Args:
        alphas: The array to look at, `(N, H, W)`.
        name: What to call it in the message.
        num_axes: 2 for a single matte, `(H, W)`.

    Raises:
        ValueError: Wrong rank or type, or a value outside of 0..1 (NaN included).
    """
    if alphas.ndim != num_axes:
        raise ValueError(f"{name} has shape {alphas.shape}: it must have {num_axes} axes")
    if np.issubdtype(alphas.dtype, np.floating):
        # One comparison that NaN fails too.
        if alphas.size and not (alphas.min() >= 0 and alphas.max() <= 1):
            raise ValueError(f"{name} has values outside of 0..1, or not a number")
    elif alphas.dtype not in (np.uint8, np.uint16, np.bool_):
        raise ValueError(f"{name} is {alphas.dtype}: it must be uint8, uint16, bool or floating")


def find_support(alpha: Alpha, protocol: Protocol) -> Mask:
    """Return where the alpha is above 0.

    The benchmarks are 8-bit files, in which "alpha > 0" means at least one level of 255. `strict`
    asks the same of every depth (a value that rounds to 0 in 8 bits is no support), so the score
    does not depend on the depth of the files; `official` compares with 0.
    """
    if protocol == "official" or alpha.dtype in (np.uint8, np.bool_):
        return alpha > 0
    if alpha.dtype == np.uint16:
        return alpha >= math.ceil(_EIGHT_BIT_ZERO * 65535)
    return alpha >= _EIGHT_BIT_ZERO


def find_box(mask: Mask, margin_px: int = 0) -> tuple[int, int, int, int]:
    """Return the xyxy box (half-open, pixels) around a mask, grown but kept within the frame.

    An empty mask gives `(0, 0, 0, 0)`.
    """
    return _bound(np.asarray(mask.any(axis=1)), np.asarray(mask.any(axis=0)), margin_px)


def find_common_box(
    first: Alpha, second: Alpha, protocol: Protocol, margin_px: int = 0
) -> tuple[int, int, int, int]:
    """Return the box of `find_box` around the supports of two alphas of one size.

    The largest value of a row tells whether it has support: no mask of the frame is made.
    """
    rows, columns = (
        find_support(first.max(axis=axis, initial=0), protocol)
        | find_support(second.max(axis=axis, initial=0), protocol)
        for axis in (1, 0)
    )
    return _bound(rows, columns, margin_px)


def _bound(is_in_row: Mask, is_in_column: Mask, margin_px: int) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(is_in_row), np.flatnonzero(is_in_column)
    if not rows.size:
        return (0, 0, 0, 0)
    return (
        max(0, int(columns[0]) - margin_px),
        max(0, int(rows[0]) - margin_px),
        min(is_in_column.size, int(columns[-1]) + 1 + margin_px),
        min(is_in_row.size, int(rows[-1]) + 1 + margin_px),
    )
