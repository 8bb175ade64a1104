"""Where people may be: whole frames, shrunk, as the proposal network sees them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torchvision.ops import nms

from instmatt_video.models.person_proposals import CellBoxes, select_boxes

from .letterbox import MAX_ENLARGEMENT, letterbox

FloatArray = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
MIN_SIDE_PX = 2.0
"""Nothing can be seen in a thinner box."""
SURE_SCORE = 0.4
"""Proposals with this score are people: the small boxes in theirs are hands and shoes."""


class Proposals(NamedTuple):
    """Boxes of one picture, best first."""

    boxes: FloatArray
    """`(N, 4)` xyxy in the picture's pixels."""
    scores: FloatArray
    """`(N,)`, 0..1."""

    def select(self, chosen: npt.NDArray[np.bool_]) -> Proposals:
        """Return those that are chosen, `(N,)`."""
        return Proposals(self.boxes[chosen], self.scores[chosen])

    def hint_at_small_people(self, max_side_px: float) -> bool:
        """Return whether a box may be of somebody small, no part of somebody large who is sure.

        Args:
            max_side_px: Longer side of a small box, in the picture's pixels.
        """
        is_small = ((self.boxes[:, 2:] - self.boxes[:, :2]) <= max_side_px).all(axis=1)
        large = self.boxes[~is_small & (self.scores >= SURE_SCORE)]
        centers = (self.boxes[:, None, :2] + self.boxes[:, None, 2:]) / 2  # (N, 1, 2)
        is_inside = np.all((centers >= large[:, :2]) & (centers <= large[:, 2:]), axis=2)
        return bool((is_small & ~is_inside.any(axis=1)).any())


@dataclass(frozen=True)
class FrameLook:
    """A size at which frames are looked at, and what is taken from there."""

    long_side_px: int
    min_score: float
    max_iou: float
    """Of two boxes that overlap more, the better is kept."""
    max_people: int
    """The best boxes."""
    max_share: float = math.inf
    """Whose box has a longer side than this share of the frame's is left to another look."""
    max_enlargement: float = MAX_ENLARGEMENT
    """Of frames that are smaller."""

    def propose(
        self, pictures: Sequence[Picture], network: Callable[[Sequence[Picture]], CellBoxes]
    ) -> list[Proposals]:
        """Return each picture's proposals.

        Args:
            pictures: RGB, `(H, W, 3)`; sizes may differ.
            network: Gives the boxes of a batch of one shape.
        """
        boxed = [letterbox(p, self.long_side_px, self.max_enlargement) for p in pictures]
        found: dict[int, Proposals] = {}
        for shape in {box.canvas.shape for box in boxed}:
            indices = [i for i, box in enumerate(boxed) if box.canvas.shape == shape]
            selected = select_boxes(
                network([boxed[i].canvas for i in indices]),
                self.min_score,
                self.max_iou,
                self.max_people,
                self.max_share * max(shape),
            )
            for i, (canvas_boxes, scores) in zip(indices, selected, strict=True):
                height, width = pictures[i].shape[:2]
                boxes = boxed[i].boxes_in_picture(canvas_boxes.cpu().numpy())
                boxes = boxes.clip(0, [width, height, width, height]).astype(np.float32)
                is_visible = ((boxes[:, 2:] - boxes[:, :2]) >= MIN_SIDE_PX).all(axis=1)
                found[i] = Proposals(boxes[is_visible], scores.cpu().numpy()[is_visible])
        return [found[i] for i in range(len(pictures))]


def join_proposals(some: Proposals, others: Proposals, max_iou: float) -> Proposals:
    """Return the proposals of two looks at one picture; of two that overlap more, the better."""
    boxes = np.concatenate([some.boxes, others.boxes])
    scores = np.concatenate([some.scores, others.scores])
    kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), max_iou).numpy()
    return Proposals(boxes[kept], scores[kept])
