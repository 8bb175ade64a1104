"""The people found in one frame, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Detections:
    """People found in one frame.

    A mask is kept box-local: row 0 and column 0 are centred in the first cell of an `m × m` grid
    laid over the box, so a crowd at 4K costs kilobytes, not full-frame maps. `paste_masks` lays
    them on the frame.
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
