"""What every pair of a predicted and a true person adds up to over a clip, frame by frame.

Video quality and alpha tracking choose who is who only at the end of a clip; until then a few
numbers for each pair and frame are kept, and no pixels but the last frame's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .alpha import Alpha, Float, check_alphas, find_box, to_unit
from .matching import count_overlaps

_Matrix = npt.NDArray[np.float64]
_Box = tuple[int, int, int, int]

SOLID = 0.5
"""Alpha above this is the person's mask."""


@dataclass(frozen=True)
class ClipPairs:
    """Sums of each frame and pair; `(T, G, P)` with T frames, G targets, P predictions."""

    absolute: _Matrix
    """Sum over the frame of |p - g|."""
    squared: _Matrix
    """Sum of (p - g)^2."""
    change: _Matrix
    """Sum of ((p_t - p_t-1) - (g_t - g_t-1))^2; 0 in the first frame."""
    intersection: _Matrix
    """Pixels that are solid in both."""
    union: _Matrix
    """Pixels that are solid in either."""
    target_mass: _Matrix
    """Sum of each target's alpha, `(T, G)`."""
    prediction_mass: _Matrix
    """Sum of each prediction's alpha, `(T, P)`."""
    frame_area: int
    """Pixels of a frame."""

    @classmethod
    def empty(cls) -> ClipPairs:
        """Return the sums of a clip of nobody, in no frames."""
        pairs, side = np.zeros((0, 0, 0)), np.zeros((0, 0))
        return cls(pairs, pairs, pairs, pairs, pairs, side, side, frame_area=0)

    @property
    def num_frames(self) -> int:
        """Frames of the clip."""
        return len(self.absolute)

    @property
    def overlap(self) -> _Matrix:
        """Sum over the frame of min(p, g), `(T, G, P)`."""
        mass = self.target_mass[:, :, None] + self.prediction_mass[:, None, :]
        return (mass - self.absolute) / 2  # min(p, g) = (p + g - |p - g|) / 2

    def keep(self, targets: npt.NDArray[np.intp], predictions: npt.NDArray[np.intp]) -> ClipPairs:
        """Return the sums of these targets and predictions alone."""

        def pick(sums: _Matrix) -> _Matrix:
            return sums[:, targets][:, :, predictions]

        return ClipPairs(
            absolute=pick(self.absolute),
            squared=pick(self.squared),
            change=pick(self.change),
            intersection=pick(self.intersection),
            union=pick(self.union),
            target_mass=self.target_mass[:, targets],
            prediction_mass=self.prediction_mass[:, predictions],
            frame_area=self.frame_area,
        )


def _join(first: _Box, second: _Box) -> _Box:
    """Return the box around both; an empty one adds nothing."""
    if first[0] == first[2]:
        return second
    if second[0] == second[2]:
        return first
    return (
        min(first[0], second[0]),
        min(first[1], second[1]),
        max(first[2], second[2]),
        max(first[3], second[3]),
    )


@dataclass
class _Last:
    """The frame before, for changes in time."""

    targets: Float
    predictions: Float
    target_boxes: list[_Box]
    prediction_boxes: list[_Box]


class ClipPairAccumulator:
    """Adds up a clip's frames; memory is one frame and some numbers for each."""

    def __init__(self) -> None:
        self._rows: list[tuple[_Matrix, ...]] = []
        self._last: _Last | None = None
        self._frame_area = 0

    def add(self, predictions: Alpha, targets: Alpha) -> None:
        """Add one frame.

        Args:
            predictions: `(P, H, W)` alphas, each person in the same row throughout the clip.
            targets: `(G, H, W)` alphas, likewise.

        Raises:
            ValueError: Sizes differ, from each other or from the frame before.
        """
        check_alphas(predictions, "predictions")
        check_alphas(targets, "targets")
        if predictions.shape[1:] != targets.shape[1:]:
            raise ValueError(
                f"sizes differ: predictions {predictions.shape[1:]}, targets {targets.shape[1:]}"
            )
        last = self._last
        now = _Last(
            to_unit(targets),
            to_unit(predictions),
            [find_box(alpha > 0) for alpha in targets],
            [find_box(alpha > 0) for alpha in predictions],
        )
        if last is not None and (
            last.targets.shape != targets.shape or last.predictions.shape != predictions.shape
        ):
            raise ValueError(
                f"the frame has {predictions.shape} predictions and {targets.shape} targets: "
                f"the one before had {last.predictions.shape} and {last.targets.shape}"
            )
        shape = (len(targets), len(predictions))
        absolute, squared, change = (np.zeros(shape) for _ in range(3))
        for row in range(shape[0]):
            for column in range(shape[1]):
                box = _join(now.target_boxes[row], now.prediction_boxes[column])
                difference = _subtract(now, row, column, box)
                absolute[row, column] = np.abs(difference).sum(dtype=np.float64)
                squared[row, column] = np.square(difference).sum(dtype=np.float64)
                if last is not None:
                    box = _join(box, last.target_boxes[row])
                    box = _join(box, last.prediction_boxes[column])
                    difference = _subtract(now, row, column, box)
                    difference -= _subtract(last, row, column, box)
                    change[row, column] = np.square(difference).sum(dtype=np.float64)
        intersection, union = count_overlaps(now.targets > SOLID, now.predictions > SOLID)
        masses = [
            stack.sum(axis=(1, 2), dtype=np.float64) for stack in (now.targets, now.predictions)
        ]
        overlaps = [counts.astype(np.float64) for counts in (intersection, union)]
        self._rows.append((absolute, squared, change, *overlaps, *masses))
        self._last = now
        self._frame_area = targets.shape[1] * targets.shape[2]

    def result(self) -> ClipPairs:
        """Return the sums of all frames so far.

        Raises:
            ValueError: No frame was added.
        """
        if not self._rows:
            raise ValueError("the clip has no frames")
        absolute, squared, change, intersection, union, target_mass, prediction_mass = (
            np.stack(column) for column in zip(*self._rows, strict=True)
        )
        return ClipPairs(
            absolute=absolute,
            squared=squared,
            change=change,
            intersection=intersection,
            union=union,
            target_mass=target_mass,
            prediction_mass=prediction_mass,
            frame_area=self._frame_area,
        )


def _subtract(frame: _Last, row: int, column: int, box: _Box) -> Float:
    """Return prediction less target within the box."""
    left, top, right, bottom = box
    crop = np.s_[top:bottom, left:right]
    difference: Float = frame.predictions[column][crop] - frame.targets[row][crop]
    return difference
