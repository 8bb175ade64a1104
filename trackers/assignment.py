"""Which track takes which detection: the best sum over all pairs at once. Knows numbers only."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from .boxes import BoolArray, FloatArray, IntArray


def match_pairs(value: FloatArray, is_allowed: BoolArray) -> tuple[IntArray, IntArray]:
    """Return the rows and columns of the allowed pairs whose values have the highest sum.

    Args:
        value: What each pair is worth, `(R, C)`; only positive pairs are ever taken.
        is_allowed: `(R, C)`; pairs that may be taken at all.

    Returns:
        Row and column indices, in rising order of rows; each index occurs at most once.

    Source:
        Kuhn 1955 and Munkres 1957, by `scipy.optimize.linear_sum_assignment`.
    """
    # Every row or every column gets a partner: those of pairs that are not taken are worth nothing.
    worth = np.where(is_allowed & (value > 0.0), value, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    is_taken = worth[rows, columns] > 0.0
    return rows[is_taken], columns[is_taken]
