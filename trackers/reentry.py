"""Taking an absent person's track up again by appearance. Knows unit vectors; knows no boxes."""

from __future__ import annotations

import numpy as np

from .assignment import match_pairs
from .boxes import BoolArray, FloatArray, IntArray


class EndedTracks:
    """Confirmed tracks that ended a short while ago, with how they looked."""

    def __init__(self) -> None:
        self.track_ids: IntArray = np.zeros(0, np.intp)
        self.appearance: FloatArray | None = None
        self._last_seen: IntArray = np.zeros(0, np.intp)

    def add(self, track_ids: IntArray, appearance: FloatArray, last_seen: IntArray) -> None:
        """Remember tracks `(n,)`, how they look `(n, D)`, and the frames that saw them last."""
        self.track_ids = np.concatenate([self.track_ids, track_ids])
        self._last_seen = np.concatenate([self._last_seen, last_seen])
        known = self.appearance
        self.appearance = appearance if known is None else np.concatenate([known, appearance])

    def forget(self, track_ids: IntArray) -> None:
        """Drop the tracks named; others among the ids are no error."""
        self._keep(~np.isin(self.track_ids, track_ids))

    def forget_before(self, frame: int) -> None:
        """Drop the tracks last seen before `frame`."""
        self._keep(self._last_seen >= frame)

    def _keep(self, index: BoolArray) -> None:
        self.track_ids, self._last_seen = self.track_ids[index], self._last_seen[index]
        self.appearance = None if self.appearance is None else self.appearance[index]


def match_by_appearance(
    absent: FloatArray,
    present: FloatArray,
    min_similarity: float,
    min_margin: float,
    is_possible: BoolArray | None = None,
) -> tuple[IntArray, IntArray]:
    """Return pairs of rows that look alike, and clearly more so than any other pairing of either.

    Args:
        absent: `(A, D)` unit vectors.
        present: `(P, D)` unit vectors.
        min_similarity: Least cosine of a pair.
        min_margin: The cosine of a pair must exceed that of the next best for both of its sides by
            this much.
        is_possible: `(A, P)`; other pairs are as if they were not there.
    """
    similarity = absent @ present.T
    if is_possible is not None:
        similarity = np.where(is_possible, similarity, -1.0)
    if not similarity.size:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    is_sure: BoolArray = similarity >= min_similarity
    for axis in (0, 1):
        if similarity.shape[axis] > 1:
            second = np.partition(similarity, -2, axis=axis).take([-2], axis=axis)
            is_sure &= similarity >= second + min_margin
    return match_pairs(similarity, is_sure)
