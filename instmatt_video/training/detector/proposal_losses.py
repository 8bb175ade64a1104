"""What the first look is trained to lower: boxes and scores of cells, held near their start.

Knows tensors; knows no data.

Source:
    Li et al. 2020 (Generalized Focal Loss) for the scores and the sides' distributions; Feng et al.
    2021 (TOOD) for choosing cells by score and overlap together.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_iou, generalized_box_iou_loss

from instmatt_video.models.person_proposals import NUM_BINS, Proposals

CELLS_PER_PERSON = 9
TEACHER_MIN_SCORE = 0.1
"""Where the teacher sees nobody its sides mean nothing."""


@dataclass(frozen=True)
class SceneTruth:
    """The people of one network input."""

    boxes: Tensor
    """`(P, 4)` xyxy, pixels of the input."""
    ignored_boxes: Tensor
    """`(C, 4)` where people are who are not marked: finding them is neither right nor wrong."""
    is_complete: bool
    """Whether an unmarked person outside the ignored boxes is impossible."""

    def to(self, device: torch.device) -> SceneTruth:
        """Return the truth on `device`."""
        return SceneTruth(self.boxes.to(device), self.ignored_boxes.to(device), self.is_complete)


def proposal_losses(
    student: Proposals, teacher: Proposals, truths: list[SceneTruth]
) -> dict[str, Tensor]:
    """Return the named losses of a batch; `teacher` is the network as it was at the start."""
    boxes = student.boxes()
    scores = student.logits.sigmoid()
    teacher_scores = teacher.logits.sigmoid()
    targets = torch.zeros_like(scores)
    counts = torch.ones_like(scores)
    chosen_images, chosen_cells, chosen_boxes = [], [], []
    for image, truth in enumerate(truths):
        cells, people, overlap = assign_cells(
            boxes[image].detach(), scores[image].detach(), student.centers, truth.boxes
        )
        targets[image, cells] = overlap
        ignored = _inside_any(student.centers, truth.ignored_boxes)
        if not truth.is_complete:
            ignored |= teacher_scores[image] > TEACHER_MIN_SCORE
        ignored[cells] = False
        counts[image, ignored] = 0
        chosen_images.append(torch.full_like(cells, image))
        chosen_cells.append(cells)
        chosen_boxes.append(truth.boxes[people])
    image_index, cell_index = torch.cat(chosen_images), torch.cat(chosen_cells)
    true_boxes = torch.cat(chosen_boxes)
    weights = targets[image_index, cell_index]
    normaliser = weights.sum().clamp(min=1.0)
    giou = generalized_box_iou_loss(boxes[image_index, cell_index], true_boxes)
    sides = side_targets(true_boxes, student.centers[cell_index], student.strides[cell_index])
    side_logits = student.side_logits[image_index, cell_index]
    return {
        "score": (quality_focal_loss(student.logits, targets) * counts).sum() / normaliser,
        "box": (giou * weights).sum() / normaliser,
        "sides": (distribution_focal_loss(side_logits, sides) * weights).sum() / normaliser,
        "teacher": teacher_loss(student, teacher),
    }


@torch.no_grad()
def assign_cells(
    boxes: Tensor, scores: Tensor, centers: Tensor, true_boxes: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the cells that answer for people: cell, person, overlap of their boxes, each `(K,)`.

    Every person gets the `CELLS_PER_PERSON` cells inside their box whose score and overlap together
    are best; a cell that several would choose goes to the one it overlaps most.

    Args:
        boxes: `(L, 4)` as predicted.
        scores: `(L,)`
        centers: `(L, 2)` of the cells.
        true_boxes: `(P, 4)`, may be empty.
    """
    if not len(true_boxes):
        empty = torch.zeros(0, dtype=torch.long, device=boxes.device)
        return empty, empty, torch.zeros(0, device=boxes.device)
    overlap = box_iou(true_boxes, boxes)  # (P, L)
    is_inside = (centers > true_boxes[:, None, :2]) & (centers < true_boxes[:, None, 2:])
    merit = overlap.pow(3) * scores.sqrt() * is_inside.all(-1)
    count = min(CELLS_PER_PERSON, merit.shape[1])
    best = torch.zeros_like(merit, dtype=torch.bool)
    best.scatter_(1, merit.topk(count, dim=1).indices, True)
    best &= merit > 0
    person = torch.where(best, overlap, -1.0).argmax(dim=0)  # (L,)
    cells = torch.nonzero(best.any(dim=0))[:, 0]
    people = person[cells]
    return cells, people, overlap[people, cells]


def quality_focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return each cell's loss; a score far from its target counts more (beta 2)."""
    focus = (targets - logits.sigmoid()).abs().square()
    return focus * F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def side_targets(boxes: Tensor, centers: Tensor, strides: Tensor) -> Tensor:
    """Return distances `(K, 4)` from cells to the sides of `boxes`, in strides, within the bins."""
    distance = torch.cat([centers - boxes[:, :2], boxes[:, 2:] - centers], dim=1)
    return (distance / strides[:, None]).clamp(0, NUM_BINS - 1 - 1e-3)


def distribution_focal_loss(side_logits: Tensor, sides: Tensor) -> Tensor:
    """Return cross entropies `(K,)` with the two bins around every side's true distance."""
    lower = sides.floor().long()
    share_of_upper = sides - lower
    log_probability = side_logits.log_softmax(-1)
    at_lower = log_probability.gather(-1, lower[..., None])[..., 0]
    at_upper = log_probability.gather(-1, lower[..., None] + 1)[..., 0]
    return -(at_lower * (1 - share_of_upper) + at_upper * share_of_upper).mean(dim=-1)


def teacher_loss(student: Proposals, teacher: Proposals) -> Tensor:
    """Return how far scores and sides have left the teacher's, where it sees somebody."""
    weight = teacher.logits.sigmoid()
    weight = weight * (weight > TEACHER_MIN_SCORE)
    normaliser = weight.sum().clamp(min=1.0)
    scores = F.binary_cross_entropy_with_logits(
        student.logits, teacher.logits.sigmoid(), reduction="none"
    )
    sides = (
        F.kl_div(
            student.side_logits.log_softmax(-1),
            teacher.side_logits.log_softmax(-1),
            reduction="none",
            log_target=True,
        )
        .sum(-1)
        .mean(-1)
    )
    return ((scores + sides) * weight).sum() / normaliser


def _inside_any(centers: Tensor, boxes: Tensor) -> Tensor:
    inside = (centers[:, None] > boxes[:, :2]) & (centers[:, None] < boxes[:, 2:])  # (L, C, 2)
    return inside.all(-1).any(-1)
