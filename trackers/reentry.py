"""Who among the absent a newcomer may be: by appearance, and by the way there. Knows no boxes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .assignment import match_listed_pairs
from .boxes import BoolArray, FloatArray, IntArray

_PAIRS_AT_ONCE = 4096
"""Pairs whose vectors are gathered at a time: some megabytes."""


@dataclass(frozen=True)
class AbsentTracks:
    """Confirmed tracks of people who are not seen now."""

    track_ids: IntArray
    """`(A,)`."""
    appearance: FloatArray
    """`(A, D)` unit vectors."""
    last_seen: IntArray
    """`(A,)` frames."""
    seen_at: FloatArray
    """Where they were then, `(A, 2)` centres in pixels of the newest frame."""
    heights: FloatArray
    """`(A,)`, in the same pixels."""

    def __len__(self) -> int:
        return len(self.track_ids)

    def __add__(self, others: AbsentTracks) -> AbsentTracks:
        """Return these tracks and then `others`."""
        if not len(self) or not len(others):
            return self if len(self) else others  # nobody has appearance of no certain length
        return AbsentTracks(
            np.concatenate([self.track_ids, others.track_ids]),
            np.concatenate([self.appearance, others.appearance]),
            np.concatenate([self.last_seen, others.last_seen]),
            np.concatenate([self.seen_at, others.seen_at]),
            np.concatenate([self.heights, others.heights]),
        )

    def keep(self, index: BoolArray) -> AbsentTracks:
        """Return the tracks that `index` names."""
        return AbsentTracks(
            self.track_ids[index],
            self.appearance[index],
            self.last_seen[index],
            self.seen_at[index],
            self.heights[index],
        )

    def warp(self, affine: FloatArray) -> AbsentTracks:
        """Return the tracks as a camera motion `(2, 3)` carries them along."""
        linear, shift = affine[:, :2], affine[:, 2]
        scale = np.sqrt(abs(np.linalg.det(linear)))
        return replace(self, seen_at=self.seen_at @ linear.T + shift, heights=scale * self.heights)

    def can_reach(self, points: FloatArray, frame: int, speed: float) -> BoolArray:
        """Return who can have come to which of `points`, `(A, P)`, by a frame.

        Args:
            points: `(P, 2)` in pixels.
            frame: The newest one.
            speed: In heights a frame.
        """
        distance = np.linalg.norm(self.seen_at[:, None] - points, axis=2)
        reach = speed * self.heights * (frame - self.last_seen)
        is_near: BoolArray = distance <= reach[:, None]
        return is_near


NOBODY = AbsentTracks(
    np.zeros(0, np.intp), np.zeros((0, 0)), np.zeros(0, np.intp), np.zeros((0, 2)), np.zeros(0)
)


def match_by_appearance(
    absent: FloatArray,
    present: FloatArray,
    rows: IntArray,
    columns: IntArray,
    min_similarity: float,
    min_margin: float,
) -> tuple[IntArray, IntArray]:
    """Return pairs of rows that look alike, and clearly more so than any other pairing of either.

    Args:
        absent: `(A, D)` unit vectors.
        present: `(P, D)` unit vectors.
        rows: `(n,)` of `absent`: the pairs that are possible at all. Others are as if they were not
            there.
        columns: `(n,)` of `present`.
        min_similarity: Least cosine of a pair.
        min_margin: The cosine of a pair must exceed that of the next best for both of its sides by
            this much.
    """
    similarity = pair_cosines(absent, present, rows, columns)
    is_sure = similarity >= min_similarity
    for side in (rows, columns):
        is_sure &= similarity >= _second_best(side, similarity)[side] + min_margin
    return match_listed_pairs(rows[is_sure], columns[is_sure], similarity[is_sure])


def pair_cosines(a: FloatArray, b: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """Return `a[rows] · b[columns]` of each pair, `(n,)`; `a` and `b` are rows of unit vectors."""
    cosines = np.empty(len(rows))
    for start in range(0, len(rows), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        np.einsum("nd,nd->n", a[rows[part]], b[columns[part]], out=cosines[part])
    return cosines


def _second_best(side: IntArray, similarity: FloatArray) -> FloatArray:
    """Return the second highest similarity of each member of one side; -1 where there is none."""
    order = np.lexsort((similarity, side))
    ends = np.cumsum(np.bincount(side))
    counts = np.diff(ends, prepend=0)
    second = np.full(len(ends), -1.0)
    has_two = counts >= 2
    second[has_two] = similarity[order[ends[has_two] - 2]]
    return second
