"""The embedded detector: people are found in shrunk frames, then looked at in the full one.

Who touches somebody or is large is looked at once more, more finely and beside the masks of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torchvision.ops import nms

from instmatt_video.models.person_crops import CROP_SIZE, MARGIN, PersonLooks, refine_boxes
from instmatt_video.models.person_detector import PersonNetworks
from instmatt_video.models.person_proposals import CellBoxes
from instmatt_video.models.shufflenet_backbone import MEAN_RGB

from ..media.frame import as_eight_bit
from ..weights.loading import load_detector_networks
from .crop_looks import Looks, hold_mask
from .detections import Detections
from .detector import ImageArray
from .duplicates import without_duplicates
from .frame_looks import MIN_SIDE_PX, FrameLook, Proposals, join_proposals
from .mutual_look import cut_mutual_crops
from .paste import mask_on_box
from .regions import Region, cut_region, expand_to_region

FloatArray = npt.NDArray[np.float32]
MASK_SIZE = 64
CROPS_AT_ONCE = 16
MIN_FINE_GAIN = 1.5
"""A frame less than so many times the size at which it is seen whole shows hardly more finely."""


@dataclass(frozen=True)
class CompactSettings:
    """How eagerly people are found."""

    long_side_px: int = 416
    """Size at which the whole frame is looked at. Above 448 px the tallest people fit no box."""
    min_proposal_score: float = 0.15
    """Proposals below this score are not looked at again: each look costs time."""
    min_score: float = 0.1
    """Detections below this score are dropped; low ones help the tracker's second association."""
    fine_side_px: int | None = 832
    """Size at which frames that are well larger than `long_side_px` are looked at once more, for
    people who are small in them; `None`: they are not."""
    max_small_share: float = 0.23
    """Longer side of who is small, as a share of the frame's: larger ones are seen well enough."""
    min_hint_score: float = 0.06
    """A frame is looked at once more where a small box has this score, outside of large people."""
    min_fine_score: float = 0.3
    """The same as `min_proposal_score`, of that look: below it nobody turns out to be certain."""
    max_people: int = 40
    """People in one frame whom either look may propose: the best."""
    proposal_iou: float = 0.6
    """Of two proposals that overlap more, the better is kept."""
    person_iou: float = 0.6
    """Of two refined boxes that overlap more, the better is kept."""
    mask_iou: float = 0.8
    """Of two masks that overlap more, the better is kept, whatever their boxes."""

    def __post_init__(self) -> None:
        for name in (
            "min_proposal_score",
            "min_score",
            "max_small_share",
            "min_hint_score",
            "min_fine_score",
            "proposal_iou",
            "person_iou",
            "mask_iou",
        ):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be in 0..1, not {value}")
        for name in ("long_side_px", "fine_side_px"):
            side_px = getattr(self, name)
            if side_px is not None and side_px < 32:
                raise ValueError(f"{name} must be at least 32, not {side_px}")


class CompactDetector:
    """Boxes, scores and soft masks by the networks of `PersonDetector`; a `Detector`.

    Holds no state between calls, so several threads may share one.

    Args:
        weights: A weights file, or `compact`, the embedded one.
        device: Where the networks run.
        settings: Thresholds.
        network: Networks to use instead of any file.
        precision: Type of the torch networks' inner values at people's crops.

    Raises:
        WeightsError: The file is missing or damaged.
    """

    name = "compact"
    confident_score = 0.5
    has_exact_masks = False

    def __init__(
        self,
        weights: Path | str = "compact",
        device: torch.device | str = "cpu",
        settings: CompactSettings | None = None,
        network: PersonNetworks | None = None,
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.settings = settings or CompactSettings()
        self.device = torch.device(device)
        self._precision = precision
        if network is None:
            network = load_detector_networks(weights)
        if isinstance(network, nn.Module):  # another runtime has no parameters to move
            network = network.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network

    def looks_at(self, frame_index: int) -> bool:
        """Return True: every frame can be looked at."""
        return True

    @torch.inference_mode()
    def detect(
        self, images: Sequence[ImageArray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        """Return each image's people, best first; see `Detector`."""
        pictures = [_eight_bit(image) for image in images]
        proposals = self._propose(pictures)
        regions = [[expand_to_region(box, MARGIN) for box in boxes] for boxes, _ in proposals]
        crops = [
            cut_region(picture, region, CROP_SIZE, MEAN_RGB)
            for picture, its_regions in zip(pictures, regions, strict=True)
            for region in its_regions
        ]
        looks = self._look(self._network.crops, crops)
        detections, start = [], 0
        for picture, (boxes, scores), its_regions in zip(pictures, proposals, regions, strict=True):
            mine = Looks(*(values[start : start + len(boxes)] for values in looks))
            found = self._combine(picture.shape[:2], boxes, scores, its_regions, mine)
            detections.append(self._look_again(picture, found))
            start += len(boxes)
        return detections

    def _propose(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> list[Proposals]:
        """Return where each picture may have people, the small ones in a large picture too."""
        settings = self.settings

        def network(canvases: Sequence[npt.NDArray[np.uint8]]) -> CellBoxes:
            return self._network.proposals(self._batch(canvases))

        look = FrameLook(
            settings.long_side_px,
            min(settings.min_proposal_score, settings.min_hint_score),
            settings.proposal_iou,
            settings.max_people,
        )
        hinted = look.propose(pictures, network)
        found = [p.select(p.scores >= settings.min_proposal_score) for p in hinted]
        if settings.fine_side_px is None:
            return found
        fine_look = replace(
            look,
            long_side_px=settings.fine_side_px,
            min_score=settings.min_fine_score,
            max_share=settings.max_small_share,
            max_enlargement=1.0,
        )
        finer = [
            i
            for i, picture in enumerate(pictures)
            if max(picture.shape) >= MIN_FINE_GAIN * settings.long_side_px
            and hinted[i].hint_at_small_people(settings.max_small_share * max(picture.shape))
        ]
        small_people = fine_look.propose([pictures[i] for i in finer], network)
        for i, small in zip(finer, small_people, strict=True):
            found[i] = join_proposals(found[i], small, settings.proposal_iou)
        return found

    def _look(
        self,
        network: Callable[..., PersonLooks],
        crops: Sequence[npt.NDArray[np.uint8]],
        *guidance: FloatArray,
    ) -> Looks:
        """Return what the second look says of crops or, with guidance, the third."""
        parts = []
        for start in range(0, len(crops), CROPS_AT_ONCE):
            part = slice(start, start + CROPS_AT_ONCE)
            guides = (torch.from_numpy(guide[part]).to(self.device) for guide in guidance)
            with torch.autocast(
                self.device.type, self._precision, enabled=self._precision != torch.float32
            ):
                output = network(self._batch(crops[part]), *guides)
            parts.append((output.masks(), output.box_deltas, output.qualities()))
        if not parts:
            height, width = CROP_SIZE
            empty = np.zeros((0, height // 2, width // 2), np.float32)
            return Looks(empty, np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        return Looks(*(torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True)))

    def _combine(
        self,
        shape: tuple[int, int],
        boxes: FloatArray,
        scores: FloatArray,
        regions: Sequence[Region],
        looks: Looks,
    ) -> Detections:
        """Return what the first two looks at one picture say together."""
        if not len(boxes):
            return Detections.empty(MASK_SIZE)
        refined = refine_boxes(torch.from_numpy(boxes), torch.from_numpy(looks.box_deltas)).numpy()
        refined = refined.clip(0, [shape[1], shape[0], shape[1], shape[0]]).astype(np.float32)
        joint = np.sqrt(scores * looks.qualities)
        is_usable = (joint >= self.settings.min_score) & (
            (refined[:, 2:] - refined[:, :2]) >= MIN_SIDE_PX
        ).all(axis=1)
        usable = np.flatnonzero(is_usable)
        kept = nms(
            torch.from_numpy(refined[usable]),
            torch.from_numpy(joint[usable]),
            self.settings.person_iou,
        )
        index = usable[kept.numpy()]
        held = np.array(
            [hold_mask(refined[i], looks.masks[i], regions[i]) for i in index], np.float32
        ).reshape(-1, 4)
        held = held.clip(0, [shape[1], shape[0], shape[1], shape[0]])
        masks = [
            mask_on_box(looks.masks[i], regions[i], box, MASK_SIZE, MASK_SIZE, goes_on=True)
            for i, box in zip(index, held, strict=True)
        ]
        detections = Detections(
            boxes=held,
            scores=joint[index],
            masks=np.stack(masks) if masks else Detections.empty(MASK_SIZE).masks,
        )
        return without_duplicates(detections, *shape, self.settings.mask_iou)

    def _look_again(self, picture: npt.NDArray[np.uint8], found: Detections) -> Detections:
        """Return the people with the boxes and masks that the third look gives."""
        if self._network.mutual is None:
            return found
        crops = cut_mutual_crops(picture, found)
        looks = self._look(self._network.mutual, crops.images, crops.guidance)
        height, width = picture.shape[:2]
        boxes, masks = found.boxes.copy(), found.masks.copy()
        refined = refine_boxes(
            torch.from_numpy(boxes[crops.who]), torch.from_numpy(looks.box_deltas)
        ).numpy()
        for k, box, mask, region in zip(
            crops.who, refined, looks.masks, crops.regions, strict=True
        ):
            held = hold_mask(box, mask, region).clip(0, [width, height, width, height])
            if (held[2:] - held[:2] < MIN_SIDE_PX).any():
                continue
            boxes[k] = held
            masks[k] = mask_on_box(mask, region, boxes[k], MASK_SIZE, MASK_SIZE, goes_on=True)
        # Two that were told apart by what the second look made of them may now be one.
        again = Detections(boxes, found.scores, masks)
        return without_duplicates(again, height, width, self.settings.mask_iou)

    def _batch(self, pictures: Sequence[npt.NDArray[np.uint8]]) -> Tensor:
        batch = torch.from_numpy(np.stack(pictures)).to(self.device).permute(0, 3, 1, 2)
        return batch.contiguous(memory_format=torch.channels_last)


def _eight_bit(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    if image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image must be (H, W, 3), not {image.shape}")
    return as_eight_bit(image)
