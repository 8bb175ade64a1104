"""The compact person detector: a look at the whole picture for boxes, then one at every box's crop.

Knows tensors and weights files; who cuts the crops is not its business.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from .checkpoint import CheckpointError
from .person_crops import PersonCropNetwork, PersonLooks
from .person_proposals import CellBoxes, PersonProposals

FORMAT = "instmatt-video person detector 1"


class PersonNetworks(Protocol):
    """Both looks, by whatever computes them."""

    @property
    def proposals(self) -> Callable[[Tensor], CellBoxes]:
        """RGB images `(B, 3, H, W)`, 0..255, sides in 32s, to every cell's box and score."""
        ...

    @property
    def crops(self) -> Callable[[Tensor], PersonLooks]:
        """RGB crops `(N, 3, *CROP_SIZE)`, 0..255, to masks, box corrections and quality."""
        ...


class PersonDetector(nn.Module):
    """Both networks under one set of weights, 2.7 million in all.

    A picture shrunk to 416 px is enough to say where people are, and much too little to say where
    they end. So the masks come from a second ShuffleNet over each person's crop, cut from the full
    picture.
    """

    def __init__(self) -> None:
        super().__init__()
        self.proposals = PersonProposals()
        self.crops = PersonCropNetwork()


def load_person_detector(path: Path) -> PersonDetector:
    """Return the detector of a weights file, in single precision and evaluation mode.

    Raises:
        CheckpointError: The file is missing, damaged, or holds something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key).float() for key in file.keys()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read as weights: {error}") from error
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path} holds no person detector of this program")
    detector = PersonDetector()
    try:
        detector.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(f"{path} is of another version: {error}") from error
    return detector.eval()
