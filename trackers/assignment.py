"""Which track takes which detection: the best sum over all pairs at once. Knows numbers only."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

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


def match_listed_pairs(
    rows: IntArray, columns: IntArray, value: FloatArray
) -> tuple[IntArray, IntArray]:
    """Return those of the listed pairs whose values have the highest sum, as `match_pairs` does.

    Time and memory grow with the pairs, not with all that rows and columns could make.

    Args:
        rows: `(P,)`, from 0.
        columns: `(P,)`, from 0; no pair occurs twice.
        value: What each pair is worth, `(P,)`; only positive pairs are ever taken.

    Source:
        Jonker and Volgenant 1987, by `scipy.sparse.csgraph.min_weight_full_bipartite_matching`.
    """
    is_worth = value > 0.0
    rows, columns, value = rows[is_worth], columns[is_worth], value[is_worth]
    if not len(rows):
        return rows, columns
    # A full matching gives every row a column: its own, worth nothing, where it is better alone. A
    # sparse graph takes 0 for no pair, so all pairs are worth 1 more; it changes no choice.
    num_rows, num_columns = int(rows.max()) + 1, int(columns.max()) + 1
    alone = np.arange(num_rows)
    worth = np.concatenate([1.0 + value, np.ones(num_rows)])
    ends = (np.concatenate([rows, alone]), np.concatenate([columns, num_columns + alone]))
    graph = csr_array((worth, ends), shape=(num_rows, num_columns + num_rows))
    chosen_rows, chosen = min_weight_full_bipartite_matching(graph, maximize=True)
    is_taken = chosen < num_columns
    return chosen_rows[is_taken].astype(np.intp), chosen[is_taken].astype(np.intp)
