"""The compact person detector: looks at the picture, at every box's crop, and again.

Knows tensors and weights files; who cuts the crops is not its business.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from .checkpoint import load_tensors, read_weights
from .person_crops import GUIDANCE_CHANNELS, PersonCropNetwork, PersonLooks
from .person_proposals import CellBoxes, PersonProposals

FORMAT = "instmatt-video person detector 1"


class PersonNetworks(Protocol):
    """All looks, by whatever computes them."""

    @property
    def proposals(self) -> Callable[[Tensor], CellBoxes]:
        """RGB images `(B, 3, H, W)`, 0..255, sides in 32s, to every cell's box and score."""
        ...

    @property
    def crops(self) -> Callable[[Tensor], PersonLooks]:
        """RGB crops `(N, 3, *CROP_SIZE)`, 0..255, to masks, box corrections and quality."""
        ...

    @property
    def mutual(self) -> Callable[[Tensor, Tensor], PersonLooks] | None:
        """The same from finer crops `(N, 3, h, w)` and guidance `(N, 2, h, w)`, 0..1.

        `None` where untrained.
        """
        ...


class PersonDetector(nn.Module):
    """All networks under one set of weights, 4.5 million in all.

    A picture shrunk to 416 px is enough to say where people are, and much too little to say where
    they end. So the masks come from a second ShuffleNet over each person's crop, cut from the full
    picture. A third looks again, more finely, and is shown everybody's masks.

    Args:
        has_mutual_look: Whether there is a third.
    """

    def __init__(self, has_mutual_look: bool = True) -> None:
        super().__init__()
        self.proposals = PersonProposals()
        self.crops = PersonCropNetwork()
        self.mutual = PersonCropNetwork(GUIDANCE_CHANNELS) if has_mutual_look else None


def load_person_detector(path: Path) -> PersonDetector:
    """Return the detector of a weights file, in single precision and evaluation mode.

    Raises:
        CheckpointError: The file is missing, damaged, or holds something else.
    """
    _, tensors = read_weights(path, FORMAT, "person detector")
    detector = PersonDetector(any(key.startswith("mutual.") for key in tensors))
    load_tensors(detector, tensors, f"{path} is of another version")
    return detector.eval()
