"""The people found in one frame, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

_ROUNDING = 1e-3
"""Past 0 and 1; what resizing masks leaves there."""


@dataclass(frozen=True)
class Detections:
    """People found in one frame.

    A mask is kept box-local: row 0 and column 0 are centred in the first cell of an `m × m` grid
    laid over the box, so a crowd at 4K costs kilobytes, not full-frame maps. `paste_masks` lays
    them on the frame.

    Raises:
        ValueError: Something is not as its field says; of boxes the shape alone is looked at.
    """

    boxes: FloatArray
    """`(N, 4)` xyxy in pixels, half-open; may reach past the frame's edge by part of a pixel."""
    scores: FloatArray
    """`(N,)`, 0..1."""
    masks: FloatArray
    """`(N, m, m)` probability that the cell shows the person, 0..1."""
    features: FloatArray | None = None
    """`(N, D)` appearance vectors of unit length, or `None` before it was compared."""
    identities: npt.NDArray[np.int64] | None = None
    """`(N,)` who they are, from 1, the same throughout the clip and each once; `None` where the
    detector does not know."""

    def __post_init__(self) -> None:
        n = len(self.boxes)
        if self.boxes.shape != (n, 4) or self.scores.shape != (n,) or len(self.masks) != n:
            raise ValueError(
                f"boxes {self.boxes.shape}, scores {self.scores.shape} and masks "
                f"{self.masks.shape} do not describe the same people"
            )
        if self.masks.ndim != 3 or self.masks.shape[1] != self.masks.shape[2]:
            raise ValueError(f"masks must be (N, m, m), not {self.masks.shape}")
        if n and not self.masks.size:
            raise ValueError(f"masks {self.masks.shape} have no cells")
        _check_unit(self.scores, "scores")
        _check_unit(self.masks, "masks")
        if self.features is not None and (self.features.ndim != 2 or len(self.features) != n):
            raise ValueError(f"features {self.features.shape} are not one of each of {n} people")
        who = self.identities
        if who is not None and (
            who.shape != (n,) or who.min(initial=1) < 1 or len(np.unique(who)) != n
        ):
            raise ValueError(f"identities of {n} people must be each once, from 1, not {who}")

    def __len__(self) -> int:
        return len(self.boxes)

    def select(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | slice) -> Detections:
        """Return the people at `index` (integers, booleans or a slice), in its order."""
        features = None if self.features is None else self.features[index]
        identities = None if self.identities is None else self.identities[index]
        return Detections(
            self.boxes[index], self.scores[index], self.masks[index], features, identities
        )

    @staticmethod
    def empty(mask_size: int = 28) -> Detections:
        """Return no people at all."""
        return Detections(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros((0, mask_size, mask_size), np.float32),
        )


def _check_unit(values: FloatArray, name: str) -> None:
    """Refuse values that are not in 0..1, NaN among them."""
    least, most = values.min(initial=0), values.max(initial=0)
    if not (least >= -_ROUNDING and most <= 1 + _ROUNDING):
        raise ValueError(f"{name} must be in 0..1, not {least:g}..{most:g}")
