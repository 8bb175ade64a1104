"""NanoDet's anchor-free head for one class: where a person may be, from the whole picture.

Knows cells and boxes; knows no masks and no letterbox.

Source:
    RangiLyu/nanodet (Apache-2.0), the layout of NanoDet-m; Li et al. 2020 (Generalized Focal Loss)
    for sides as distributions.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import batched_nms

from .shufflenet_backbone import FEATURE_CHANNELS, ShuffleNetBackbone, activation, normalise

STRIDES = (8, 16, 32)
NUM_BINS = 8
NECK_CHANNELS = 96
MAX_SIDE_PX = (NUM_BINS - 1) * STRIDES[-1]
"""A side's longest distance from its cell: a picture of at most twice this size hides no one."""


class CellBoxes(Protocol):
    """A box and a score for every cell of every level, `L` cells in all."""

    def boxes_of(self, pictures: Tensor, cells: Tensor) -> Tensor:
        """Return the boxes `(N, 4)`, xyxy in input pixels, of `N` cells.

        Args:
            pictures: Whose they are in the batch, `(N,)`.
            cells: Their numbers, `(N,)`.
        """
        ...

    def scores(self) -> Tensor:
        """Return the scores, `(B, L)`, 0..1."""
        ...


class Proposals(NamedTuple):
    """Raw outputs for every cell of every level, `L` cells in all."""

    logits: Tensor
    """`(B, L)`, before the sigmoid."""
    side_logits: Tensor
    """`(B, L, 4, NUM_BINS)`: left, top, right, bottom, each a distribution over 0..7 strides."""
    centers: Tensor
    """`(L, 2)` x, y of the cells' centres in input pixels."""
    strides: Tensor
    """`(L,)` input pixels per cell."""

    def boxes(self) -> Tensor:
        """Return all cells' expected boxes, `(B, L, 4)` xyxy in input pixels."""
        return _expected_boxes(self.side_logits, self.centers, self.strides)

    def boxes_of(self, pictures: Tensor, cells: Tensor) -> Tensor:
        """Return the expected boxes of some cells alone; see `CellBoxes`."""
        side_logits = self.side_logits[pictures, cells]
        return _expected_boxes(side_logits, self.centers[cells], self.strides[cells])

    def scores(self) -> Tensor:
        """Return how sure each cell is of a person, `(B, L)`, 0..1."""
        return self.logits.sigmoid()


class PersonProposals(nn.Module):
    """ShuffleNet V2, a path-aggregation neck of plain resizes and sums, and one tower per level."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ShuffleNetBackbone()
        self.lateral = nn.ModuleList(
            nn.Conv2d(FEATURE_CHANNELS[stride], NECK_CHANNELS, 1) for stride in STRIDES
        )
        self.tower = nn.ModuleList(_tower() for _ in STRIDES)
        self.out = nn.ModuleList(nn.Conv2d(NECK_CHANNELS, 1 + 4 * NUM_BINS, 1) for _ in STRIDES)

    def forward(self, images: Tensor) -> Proposals:
        """Return the cells' outputs for RGB images `(B, 3, H, W)`, 0..255, sides in 32s."""
        features = self.backbone(normalise(images))
        a8, a16, a32 = (
            lateral(feature)
            for lateral, feature in zip(
                self.lateral,
                (features.stride8, features.stride16, features.stride32),
                strict=True,
            )
        )
        t16 = a16 + _resize(a32, 2.0)
        p8 = a8 + _resize(t16, 2.0)
        p16 = t16 + _resize(p8, 0.5)
        p32 = a32 + _resize(p16, 0.5)
        outputs, centers, strides = [], [], []
        for level, stride, tower, out in zip(
            (p8, p16, p32), STRIDES, self.tower, self.out, strict=True
        ):
            output = out(tower(level))  # (B, 33, h, w)
            outputs.append(output.flatten(2).transpose(1, 2))
            height, width = output.shape[-2:]
            y, x = torch.meshgrid(
                torch.arange(height, device=images.device) + 0.5,
                torch.arange(width, device=images.device) + 0.5,
                indexing="ij",
            )
            centers.append(torch.stack([x.flatten(), y.flatten()], dim=1) * stride)
            strides.append(torch.full((height * width,), float(stride), device=images.device))
        cells = torch.cat(outputs, dim=1)
        return Proposals(
            logits=cells[..., 0],
            side_logits=cells[..., 1:].reshape(*cells.shape[:2], 4, NUM_BINS),
            centers=torch.cat(centers),
            strides=torch.cat(strides),
        )


@torch.no_grad()
def select_boxes(
    proposals: CellBoxes,
    min_score: float,
    max_iou: float,
    max_boxes: int,
    max_side_px: float = math.inf,
) -> list[tuple[Tensor, Tensor]]:
    """Return each image's boxes `(N, 4)` and scores `(N,)` after suppression, best first.

    Boxes with a side beyond `max_side_px` suppress others and are left out themselves.
    """
    scores = proposals.scores()
    count = len(scores)
    image_index, cell_index = torch.nonzero(scores >= min_score, as_tuple=True)
    boxes = proposals.boxes_of(image_index, cell_index)
    scores = scores[image_index, cell_index]
    kept = batched_nms(boxes, scores, image_index, max_iou)
    selected = []
    for image in range(count):
        index = kept[image_index[kept] == image]
        sides = boxes[index, 2:] - boxes[index, :2]
        index = index[(sides <= max_side_px).all(dim=1)][:max_boxes]
        selected.append((boxes[index], scores[index]))
    return selected


def _expected_boxes(side_logits: Tensor, centers: Tensor, strides: Tensor) -> Tensor:
    """Return boxes `(..., 4)` of side distributions `(..., 4, NUM_BINS)` around cells' centres."""
    bins = torch.arange(NUM_BINS, device=side_logits.device, dtype=torch.float32)
    distance = (side_logits.softmax(-1) @ bins) * strides[:, None]
    return torch.cat([centers - distance[..., :2], centers + distance[..., 2:]], dim=-1)


def _tower() -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(2):
        layers += [
            nn.Conv2d(NECK_CHANNELS, NECK_CHANNELS, 3, padding=1, groups=NECK_CHANNELS),
            activation(),
            nn.Conv2d(NECK_CHANNELS, NECK_CHANNELS, 1),
            activation(),
        ]
    return nn.Sequential(*layers)


def _resize(features: Tensor, scale: float) -> Tensor:
    return F.interpolate(features, scale_factor=scale, mode="bilinear", align_corners=False)
