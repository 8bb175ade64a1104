"""Learns the detector's first look: boxes of everybody in a photo."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from instmatt_video.models.person_proposals import PersonProposals, select_boxes
from instmatt_video.models.shufflenet_backbone import MEAN_RGB

from ...detection.detections import Detections
from ...detection.letterbox import letterbox
from ..pictures.marked_photos import PersonPatch, Photo
from .config import PARTS
from .proposal_losses import SceneTruth, proposal_losses
from .scenes import degrade, mirror, paste_patches, vary_colour
from .validation import average_precision
from .weights import save_detector_part

INPUT_SIDE_PX = 416
SIDES_PX = (288, 448)
"""Training shows photos at long sides in this range."""
MIN_PROPOSAL_SCORE = 0.05
MAX_IOU = 0.6
MAX_PROPOSALS = 100
MIN_PROPOSAL_SIDES_PX = (6, 16)
"""Width and height below which a proposal is not worth a second look."""
MIN_PERSON_PX = 10.0
"""Smaller people, in input pixels, are ignored: the finest cell is 8 px."""
LOSS_WEIGHTS = {"score": 1.0, "box": 2.0, "sides": 0.25, "teacher": 4.0}


@dataclass(frozen=True)
class SceneBatch:
    """Photos on canvases of one size, and who is in them."""

    images: Tensor
    """`(B, 3, H, W)` RGB, 0..255."""
    truths: list[SceneTruth]

    def to(self, device: torch.device) -> SceneBatch:
        """Return the batch on `device`."""
        return SceneBatch(self.images.to(device), [truth.to(device) for truth in self.truths])


class ProposalTask:
    """Trains `PersonProposals`; see `TrainingTask`.

    Args:
        network: What is trained, at its start; a copy of it is the teacher that holds it.
        photos: Photos with annotated people, and photos with nobody.
        validation: Photos that training never sees.
        patches: People to paste.
        batch_size: Photos per step and process.
        seed: With step and rank, decides every batch.
    """

    def __init__(
        self,
        network: PersonProposals,
        photos: Sequence[Photo],
        validation: Sequence[Photo],
        patches: Sequence[PersonPatch],
        batch_size: int,
        seed: int,
    ) -> None:
        self.network: nn.Module = network
        self.teacher = copy.deepcopy(network).requires_grad_(False).eval()
        self.photos = photos
        self.validation = validation
        self.patches = patches
        self.batch_size = batch_size
        self.seed = seed

    def make_batch(self, step: int, rank: int) -> SceneBatch:
        """Return the batch of a step and process."""
        rng = np.random.default_rng([self.seed, PARTS.index("proposals"), step, rank])
        scenes = [self._draw(rng) for _ in range(self.batch_size)]
        height = max(canvas.shape[0] for canvas, _ in scenes)
        width = max(canvas.shape[1] for canvas, _ in scenes)
        canvases = np.empty((len(scenes), height, width, 3), np.uint8)
        canvases[:] = np.round(MEAN_RGB)
        for target, (canvas, _) in zip(canvases, scenes, strict=True):
            target[: canvas.shape[0], : canvas.shape[1]] = canvas
        images = torch.from_numpy(canvases).permute(0, 3, 1, 2).float()
        return SceneBatch(
            images.contiguous(memory_format=torch.channels_last), [truth for _, truth in scenes]
        )

    def loss(
        self, network: nn.Module, batch: SceneBatch, step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum and its parts."""
        with torch.no_grad():
            teacher = self.teacher.to(batch.images.device)(batch.images)
        parts = proposal_losses(network(batch.images), teacher, batch.truths)
        total = torch.stack([LOSS_WEIGHTS[name] * part for name, part in parts.items()]).sum()
        return total, parts

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return box AP on the held-out photos; `score` is that of people of 62 px and more."""
        assert isinstance(network, PersonProposals)
        found = [propose(network, photo) for photo in self.validation]
        return {
            "score": average_precision(self.validation, found, "bbox", 62.4)["AP"],
            "ap_all_sizes": average_precision(self.validation, found, "bbox")["AP"],
        }

    def save_weights(self, network: nn.Module, path: Path) -> None:
        """Write the network's weights, half precision."""
        save_detector_part(network, "proposals", path)

    def _draw(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.uint8], SceneTruth]:
        photo = self.photos[int(rng.integers(len(self.photos)))]
        if rng.random() < 0.5:
            photo = mirror(photo)
        if self.patches and rng.random() < 0.4:
            count = int(rng.integers(1, 4))
            pasted = [self.patches[i] for i in rng.integers(len(self.patches), size=count)]
            photo = paste_patches(photo, pasted, rng)
        image = vary_colour(photo.image, rng) if rng.random() < 0.6 else photo.image
        image = degrade(image, rng) if rng.random() < 0.3 else image
        boxed = letterbox(image, int(rng.integers(SIDES_PX[0], SIDES_PX[1] + 1)))
        people = np.array([person.box for person in photo.people], np.float32).reshape(-1, 4)
        boxes = boxed.boxes_on_canvas(people)
        is_large = boxes[:, 3] - boxes[:, 1] >= MIN_PERSON_PX
        ignored = np.concatenate([boxed.boxes_on_canvas(photo.crowd_boxes), boxes[~is_large]])
        truth = SceneTruth(
            torch.from_numpy(boxes[is_large]).float(),
            torch.from_numpy(ignored).float(),
            photo.is_complete,
        )
        return boxed.canvas, truth


@torch.no_grad()
def find_proposals(
    network: PersonProposals, photos: Sequence[Photo]
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the boxes `(P, 4)` that the network finds in each photo, by the photo's name."""
    network.eval()
    return {photo.name: propose(network, photo).boxes for photo in photos}


def propose(network: PersonProposals, photo: Photo) -> Detections:
    """Return the network's boxes and scores in a photo; the masks are empty."""
    boxed = letterbox(photo.image, INPUT_SIDE_PX)
    canvas = torch.from_numpy(boxed.canvas).permute(2, 0, 1)[None]
    canvas = canvas.to(next(network.parameters()).device)
    output = network(canvas.contiguous(memory_format=torch.channels_last))
    boxes, scores = select_boxes(output, MIN_PROPOSAL_SCORE, MAX_IOU, MAX_PROPOSALS)[0]
    in_photo = boxed.boxes_in_picture(boxes.cpu().numpy())
    height, width = photo.image.shape[:2]
    in_photo = in_photo.clip(0, [width, height, width, height]).astype(np.float32)
    is_large = ((in_photo[:, 2:] - in_photo[:, :2]) >= MIN_PROPOSAL_SIDES_PX).all(axis=1)
    count = int(is_large.sum())
    return Detections(
        in_photo[is_large], scores.cpu().numpy()[is_large], np.zeros((count, 1, 1), np.float32)
    )
