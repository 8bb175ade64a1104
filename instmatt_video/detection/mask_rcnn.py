"""Torchvision's Mask R-CNN with COCO weights, the detector for machines with a GPU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2
from torchvision.models.detection.transform import resize_boxes

from ..weights.cache import fetch
from ..weights.registry import ENTRIES
from .detections import Detections
from .detector import ImageArray

PERSON_LABEL = 1
PAPER_SCORE = 0.7
"""Source: InstMatt section 5.1, the score from which a detection is a person."""
LOW_SCORE = 0.1
"""Detections from here on still help the tracker's second association."""


class MaskRcnnDetector:
    """Mask R-CNN R50-FPN v2, persons only; a `Detector`.

    Args:
        device: Where the network runs.
        build_network: Makes the network; `None` takes torchvision's with its COCO weights.
        is_offline: Never fetch these.

    Raises:
        WeightsError: The weights are damaged, or neither cached nor to be fetched.
    """

    name = "maskrcnn"
    confident_score = PAPER_SCORE
    has_exact_masks = False

    def __init__(
        self,
        device: torch.device | str = "cpu",
        build_network: Callable[[], nn.Module] | None = None,
        is_offline: bool = False,
    ) -> None:
        self.device = torch.device(device)
        network: Any = _pretrained(is_offline) if build_network is None else build_network()
        self._network = network.eval().to(self.device)

    def looks_at(self, frame_index: int) -> bool:
        """Return True: every frame can be looked at."""
        return True

    @torch.inference_mode()
    def detect(
        self, images: Sequence[ImageArray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        """Return each image's people, best first; see `Detector`."""
        if not images:
            return []
        tensors = [_unit_tensor(image).to(self.device) for image in images]
        network = self._network
        # The network's own forward would paste every mask on a full frame: at 4K that is gigabytes.
        batch, _ = network.transform(tensors)
        features = network.backbone(batch.tensors)
        if isinstance(features, Tensor):
            features = OrderedDict([("0", features)])
        proposals, _ = network.rpn(batch, features)
        results, _ = network.roi_heads(features, proposals, batch.image_sizes)
        return [
            _people(result, network_size, (image.shape[0], image.shape[1]))
            for result, network_size, image in zip(results, batch.image_sizes, images, strict=True)
        ]


def _people(
    result: dict[str, Tensor], network_size: tuple[int, int], image_size: tuple[int, int]
) -> Detections:
    is_person = (result["labels"] == PERSON_LABEL) & (result["scores"] >= LOW_SCORE)
    boxes = resize_boxes(result["boxes"][is_person], network_size, image_size)
    masks = result["masks"][is_person][:, 0]  # (N, 1, 28, 28) -> (N, 28, 28)
    scores = result["scores"][is_person]
    order = scores.argsort(descending=True, stable=True)
    return Detections(
        boxes=_float_array(boxes[order]),
        scores=_float_array(scores[order]),
        masks=_float_array(masks[order]),
    )


def _pretrained(is_offline: bool) -> nn.Module:
    path = fetch(ENTRIES[MaskRcnnDetector.name], is_offline)
    network: nn.Module = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network


def _unit_tensor(image: npt.NDArray[Any]) -> Tensor:
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image must be (H, W, 3), not {image.shape}")
    full_scale = np.float32(65535 if image.dtype == np.uint16 else 255)
    return torch.from_numpy(np.ascontiguousarray(image).astype(np.float32) / full_scale).permute(
        2, 0, 1
    )


def _float_array(values: Tensor) -> npt.NDArray[np.float32]:
    return values.float().cpu().numpy()
