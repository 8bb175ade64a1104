"""What is exported: each network's dense parts as functions of plain tensors.

Knows tensors, their names and which of their sides may vary; knows no file formats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.matting_network import MattingNetwork, normalise_image
from instmatt_video.models.person_crops import PersonCropNetwork
from instmatt_video.models.person_detector import PersonDetector

STRIDE = 32
"""Sides of a picture or crop are multiples of this."""
MAX_BATCH = 64
MAX_SIDE_PX = 4096


class MattingBranch(nn.Module):
    """RGB and tri-masks to tri-mattes, the finest head run everywhere.

    Args:
        branch: In evaluation mode, norms folded.
    """

    def __init__(self, branch: MattingNetwork) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, image: Tensor, tri_masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return tri-mattes, the region that the finest head decided, 0 or 1, and its feature.

        Args:
            image: RGB, 0..1, `(N, 3, H, W)`.
            tri_masks: `(N, 3, H, W)`, 0..1.
        """
        tri_mattes, region, feature = self.branch.predict(normalise_image(image), tri_masks)
        return tri_mattes, region.to(tri_mattes.dtype), feature


class MattingTrunk(nn.Module):
    """All layers of the matting branch but the finest and the fusion.

    Args:
        branch: In evaluation mode, norms folded.
    """

    def __init__(self, branch: MattingNetwork) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return `TrunkFeatures` of normalised RGB and guidance, `(N, C, H, W)`."""
        half, quarter, logits_os8, logits_os4 = self.branch.run_trunk(picture)
        return half, quarter, logits_os8, logits_os4


class Proposals(nn.Module):
    """Pictures to boxes and scores, before any suppression.

    Args:
        detector: In evaluation mode.
    """

    def __init__(self, detector: PersonDetector) -> None:
        super().__init__()
        self.proposals = detector.proposals

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes `(B, L, 4)`, xyxy in input pixels, and scores `(B, L)`, 0..1.

        Args:
            images: RGB, 0..255, `(B, 3, H, W)`.
        """
        found = self.proposals(images)
        return found.boxes(), found.scores()


class PersonCrops(nn.Module):
    """People's crops to masks and more; the third look's with their own and others' masks.

    Args:
        network: The second look or the third, in evaluation mode.
    """

    def __init__(self, network: PersonCropNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, crops: Tensor, guidance: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return masks `(N, h / 2, w / 2)`, box deltas `(N, 4)`, and quality `(N,)`, 0..1.

        Args:
            crops: RGB, 0..255, `(N, 3, h, w)`: of `CROP_SIZE` for the second look, of
                `MUTUAL_CROP_SIZE` for the third.
            guidance: The person's mask and their neighbours', 0..1, `(N, 2, h, w)`.
        """
        seen = self.network(crops, guidance)
        return seen.masks(), seen.box_deltas, seen.qualities()


@dataclass(frozen=True)
class Part:
    """A function that becomes a file."""

    name: str
    """Stands in the file's name before its suffix."""
    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    has_free_sides: bool
    """Height and width may vary, in steps of `STRIDE`; the batch always may."""
    check_inputs: Callable[[], Sequence[tuple[Tensor, ...]]]
    """Gives inputs on which the file is compared with torch, of several sizes."""


def matting_parts(
    network: InstanceMattingNetwork, inputs: Callable[[], Sequence[tuple[Tensor, ...]]]
) -> tuple[Part, ...]:
    """Return what is exported of a matting network: its branch.

    The multi-instance refinement is no fixed graph: it works in blocks which the mattes choose,
    with n of Eq. 7-9 counted at every pixel. `feature` is what it reads.
    """
    return (
        Part(
            "branch",
            MattingBranch(network.branch).eval(),
            ("image", "tri_masks"),
            ("tri_mattes", "region", "feature"),
            True,
            inputs,
        ),
    )


def trunk_part(
    network: InstanceMattingNetwork, inputs: Callable[[], Sequence[tuple[Tensor, ...]]]
) -> Part:
    """Return the dense part of what the product runs: it computes the finest layers in blocks."""
    return Part(
        "trunk",
        MattingTrunk(network.branch).eval(),
        ("picture",),
        ("half", "quarter", "logits_os8", "logits_os4"),
        True,
        inputs,
    )


def detector_parts(
    detector: PersonDetector,
    pictures: Callable[[], Sequence[tuple[Tensor, ...]]],
    crops: Callable[[], Sequence[tuple[Tensor, ...]]],
    mutual_crops: Callable[[], Sequence[tuple[Tensor, ...]]],
) -> tuple[Part, ...]:
    """Return what is exported of the detector: its looks at a picture, at crops, at neighbours."""
    parts = (
        Part(
            "proposals",
            Proposals(detector).eval(),
            ("images",),
            ("boxes", "scores"),
            True,
            pictures,
        ),
        Part(
            "crops",
            PersonCrops(detector.crops).eval(),
            ("crops",),
            ("masks", "box_deltas", "qualities"),
            False,
            crops,
        ),
    )
    if detector.mutual is None:
        return parts
    mutual = Part(
        "mutual",
        PersonCrops(detector.mutual).eval(),
        ("crops", "guidance"),
        ("masks", "box_deltas", "qualities"),
        False,
        mutual_crops,
    )
    return (*parts, mutual)


@torch.no_grad()
def run_part(part: Part, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return a part's outputs by torch."""
    outputs: tuple[Tensor, ...] = part.module(*inputs)
    return outputs
