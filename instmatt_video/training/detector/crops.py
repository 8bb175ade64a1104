"""Training crops for the second look: a proposal's surroundings and the truth about its person.

Knows photos and boxes; knows no networks beyond the crop's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from instmatt_video.models.person_crops import CROP_SIZE, MARGIN
from instmatt_video.models.shufflenet_backbone import MEAN_RGB
from instmatt_video.trackers.boxes import box_areas, pairwise_intersection, pairwise_iou

from ...detection.regions import cut_region, expand_to_region
from ..pictures.marked_photos import Person, Photo, UInt8Array
from .photos import MIN_PERSON_PX, PhotoMixer, large_people, varied, weights_of
from .scenes import mirror, mirror_boxes

FloatArray = npt.NDArray[np.float32]
MIN_MATCH_IOU = 0.4
"""A proposal that overlaps everybody less shows nobody."""
MAX_CROPS_PER_PHOTO = 4
LIMB_CHANCE = 0.3
"""Share of boxes of which one side is off by much."""
LIMB_RANGE = (-0.15, 0.35)
"""How far inwards, as a share of the box."""


@dataclass(frozen=True)
class CropSample:
    """One crop and the truth about it."""

    image: UInt8Array
    """`(h, w, 3)` RGB."""
    mask: FloatArray
    """`(h / 2, w / 2)` share of each cell that shows the person, 0..1."""
    box_deltas: FloatArray
    """`(4,)` as `models.person_crops.CropOutputs`."""
    is_person: bool
    has_exact_outline: bool = False
    """As `marked_photos.Person`."""
    guidance: FloatArray | None = None
    """`(2, h, w)` as `detection.mutual_look` makes it; `None` for the second look."""


class CropSampler:
    """Draws crops from photos with people, from pasted people, and from a detector's own proposals.

    Args:
        photos: Draws photos.
        proposals: Boxes `(P, 4)` that a detector found in photos, by name; may be empty.
    """

    def __init__(self, photos: PhotoMixer, proposals: Mapping[str, FloatArray]) -> None:
        self._photos = photos
        proposed = (
            (photo, _clear_proposals(proposals[photo.name], photo))
            for photo in photos.marked
            if photo.is_complete and photo.name in proposals
        )
        self._proposed = [(photo, boxes) for photo, boxes in proposed if len(boxes)]

    def draw(self, count: int, rng: np.random.Generator) -> list[CropSample]:
        """Return `count` crops: a third from recorded proposals, of which some show nobody."""
        samples: list[CropSample] = []
        from_proposals = count // 3 if self._proposed else 0
        while len(samples) < from_proposals:
            samples += self._draw_proposals(rng)
        samples = samples[:from_proposals]
        while len(samples) < count:
            samples += self._draw_people(rng)
        return samples[:count]

    def _draw_people(self, rng: np.random.Generator) -> list[CropSample]:
        photo = self._photos.draw(rng)
        people = large_people(photo)
        if not people:
            return []
        weights = weights_of(people)
        count = min(len(people), MAX_CROPS_PER_PHOTO)
        chosen = rng.choice(len(people), count, replace=False, p=weights / weights.sum())
        return [
            make_sample(photo, people[index], jitter_box(people[index].box, rng))
            for index in chosen
        ]

    def _draw_proposals(self, rng: np.random.Generator) -> list[CropSample]:
        photo, proposals = self._proposed[int(rng.integers(len(self._proposed)))]
        order = rng.permutation(len(proposals))
        shown = _people_shown(proposals[order], photo)
        shows_person = np.array([who is not None for who in shown])
        half = MAX_CROPS_PER_PHOTO // 2
        boxes = proposals[np.concatenate([order[shows_person][:half], order[~shows_person][:half]])]
        if rng.random() < 0.5:
            photo = mirror(photo)
            width = photo.image.shape[1]
            boxes = mirror_boxes(boxes, width)
        photo = varied(photo, rng)
        shown = _people_shown(boxes, photo)
        return [make_sample(photo, who, box) for who, box in zip(shown, boxes, strict=True)]


def make_sample(
    photo: Photo, person: Person | None, box: FloatArray, size: tuple[int, int] = CROP_SIZE
) -> CropSample:
    """Return the crop of a proposal's `box` `(4,)`, of height and width `size`, and the truth.

    `None` is who is shown where the box shows nobody.
    """
    region = expand_to_region(box, MARGIN)
    image = cut_region(photo.image, region, size, MEAN_RGB)
    mask_size = (size[0] // 2, size[1] // 2)
    if person is None:
        return CropSample(image, np.zeros(mask_size, np.float32), np.zeros(4, np.float32), False)
    left, top = person.offset
    local = (region[0] - left, region[1] - top, region[2] - left, region[3] - top)
    mask = cut_region(person.mask * np.uint8(255), local, mask_size)
    sides = np.array([box[2] - box[0], box[3] - box[1]] * 2, np.float32)
    deltas = (person.box - box) / sides
    share = (mask / 255).astype(np.float32)
    return CropSample(image, share, deltas.astype(np.float32), True, person.has_exact_outline)


def jitter_box(box: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the box as a detector might have found it.

    Every side is off by a few percent; now and then one is off by much more, mostly inwards: a
    raised arm was left out.
    """
    sides = np.array([box[2] - box[0], box[3] - box[1]] * 2, np.float32)
    error = rng.normal(0, rng.uniform(0.02, 0.10), 4)
    if rng.random() < LIMB_CHANCE:
        side = int(rng.integers(4))
        inwards = 1 if side < 2 else -1
        error[side] = inwards * rng.uniform(*LIMB_RANGE)
    return np.asarray(box + error * sides, np.float32)


def is_outside_crowds(box: FloatArray, photo: Photo) -> bool:
    """Return whether a box that shows nobody marked shows nobody at all."""
    if not len(photo.crowd_boxes):
        return True
    boxes = np.asarray(box, np.float64)[None]
    common = pairwise_intersection(boxes, np.asarray(photo.crowd_boxes, np.float64))
    return bool((common < 0.3 * box_areas(boxes)).all())


def _clear_proposals(boxes: FloatArray, photo: Photo) -> FloatArray:
    """Return those of the boxes `(P, 4)` that show somebody large, or nobody for sure."""
    is_clear = [
        is_outside_crowds(box, photo) if who is None else who.height_px >= MIN_PERSON_PX
        for who, box in zip(_people_shown(boxes, photo), boxes, strict=True)
    ]
    return np.asarray(boxes[np.array(is_clear, bool)], np.float32)


def _people_shown(boxes: FloatArray, photo: Photo) -> list[Person | None]:
    """Return whom each box shows, `None` where that is nobody who is marked."""
    if not photo.people:
        return [None] * len(boxes)
    people = np.array([person.box for person in photo.people], np.float64)
    overlaps = pairwise_iou(boxes.astype(np.float64), people)
    return [
        photo.people[int(row.argmax())] if row.max() >= MIN_MATCH_IOU else None for row in overlaps
    ]
