"""Who among the absent a newcomer may be: by appearance, and by the way there. Knows no boxes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .assignment import match_pairs
from .boxes import BoolArray, FloatArray, IntArray


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
