"""Learns the detector's first look: boxes of everybody in a photo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from instmatt_video.models.person_proposals import PersonProposals, select_boxes

from ..detection.letterbox import letterbox
from .detector_photos import Photo

INPUT_SIDE_PX = 416
MIN_PROPOSAL_SCORE = 0.05
MAX_IOU = 0.6
MAX_PROPOSALS = 100
MIN_PROPOSAL_SIDE_PX = 6


@torch.no_grad()
def find_proposals(
    network: PersonProposals, photos: Sequence[Photo]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the boxes `(P, 4)` that the network finds in each photo, by the photo's name."""
    network.eval()
    proposals = {}
    for photo in photos:
        boxed = letterbox(photo.image, INPUT_SIDE_PX)
        canvas = torch.from_numpy(boxed.canvas).permute(2, 0, 1)[None]
        found = network(canvas.contiguous(memory_format=torch.channels_last))
        boxes, _ = select_boxes(found, MIN_PROPOSAL_SCORE, MAX_IOU, MAX_PROPOSALS)[0]
        in_photo = boxed.boxes_in_picture(boxes.numpy())
        height, width = photo.image.shape[:2]
        in_photo = in_photo.clip(0, [width, height, width, height]).astype(np.float32)
        sides = in_photo[:, 2:] - in_photo[:, :2]
        proposals[photo.name] = in_photo[(sides >= MIN_PROPOSAL_SIDE_PX).all(axis=1)]
    return proposals


class ProposalTask: ...
