"""Training crops for the third look: what the first two really say of people.

Knows photos and what a detector finds in them; knows no networks.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from instmatt_video.eval.matching import iou_matrix
from instmatt_video.models.person_crops import CROP_SIZE, MUTUAL_CROP_SIZE

from ...detection.detections import Detections
from ...detection.detector import Detector
from ...detection.mutual_look import cut_mutual_crops
from ...detection.paste import paste_masks
from ...errors import OptionError
from ..pictures.marked_photos import Photo
from .crops import MAX_CROPS_PER_PHOTO, CropSample, is_outside_crowds, make_sample
from .photos import MIN_PERSON_PX, PhotoMixer

SAME_IOU = 0.4
"""A mask that overlaps a person's more is theirs."""
OTHER_IOU = 0.2
"""A mask that overlaps everybody's less shows nobody; what lies between teaches nothing."""
NOBODY, UNCLEAR = -1, -2
MAX_IN_VAIN = 500
"""Photos in a row without a crop."""
LONELY_CHANCE = 0.5
"""Share of the photos in which small people without neighbours are learned from, too."""
COARSE_CHANCE = 0.25
"""Share of the draws whose crops are of the second look's size: who takes that, for speed, may."""


class MutualCropSampler:
    """Draws crops of people, mostly with neighbours, guided by a detector's own masks.

    Args:
        photos: Draws photos.
        detector: The first two looks, as they are in use.
    """

    def __init__(self, photos: PhotoMixer, detector: Detector) -> None:
        self._photos = photos
        self._detector = detector

    def draw(self, count: int, rng: np.random.Generator) -> list[CropSample]:
        """Return `count` crops of one size.

        Raises:
            OptionError: The detector finds nobody to learn from.
        """
        samples: list[CropSample] = []
        size = CROP_SIZE if rng.random() < COARSE_CHANCE else MUTUAL_CROP_SIZE
        num_in_vain = 0
        while len(samples) < count:
            has_lonely = rng.random() < LONELY_CHANCE
            drawn = self.samples_of(self._photos.draw(rng), has_lonely, size)
            order = rng.permutation(len(drawn))[:MAX_CROPS_PER_PHOTO]
            samples += [drawn[i] for i in order]
            num_in_vain = 0 if drawn else num_in_vain + 1
            if num_in_vain > MAX_IN_VAIN:
                raise OptionError(
                    f"nobody to learn from is found in {MAX_IN_VAIN} photos: the look among "
                    "neighbours needs a detector whose other looks are trained"
                )
        return samples[:count]

    def samples_of(
        self, photo: Photo, has_lonely: bool = False, size: tuple[int, int] = MUTUAL_CROP_SIZE
    ) -> list[CropSample]:
        """Return the crops of everybody whom the detector finds in a photo, best first.

        Args:
            photo: With the truth.
            has_lonely: Also of small people without neighbours.
            size: Height and width of the crops.
        """
        found = self._detector.detect([photo.image])[0]
        crops = cut_mutual_crops(photo.image, found, has_lonely, size)
        matches = _match(photo, found)
        samples = []
        for k, guidance in zip(crops.who, crops.guidance, strict=True):
            person = photo.people[matches[k]] if matches[k] >= 0 else None
            is_nobody = matches[k] == NOBODY and photo.is_complete
            if is_nobody or (person is not None and person.height_px >= MIN_PERSON_PX):
                sample = make_sample(photo, person, found.boxes[k], size)
                samples.append(replace(sample, guidance=guidance))
        return samples


def _match(photo: Photo, found: Detections) -> list[int]:
    """Return whom each detection shows: a person's number, `NOBODY`, or `UNCLEAR`.

    A person is shown by the best detection alone; another of them teaches nothing.
    """
    height, width = photo.image.shape[:2]
    true = [person.full_mask((height, width)) > 0 for person in photo.people]
    overlap = iou_matrix(paste_masks(found, height, width) > 0.5, np.array(true, np.bool_))
    taken: set[int] = set()
    matches: list[int] = []
    for row, box in zip(overlap, found.boxes, strict=True):
        best = int(row.argmax()) if len(row) else -1
        if best >= 0 and row[best] >= SAME_IOU and best not in taken:
            taken.add(best)
            matches.append(best)
        elif (best < 0 or row[best] < OTHER_IOU) and is_outside_crowds(box, photo):
            matches.append(NOBODY)
        else:
            matches.append(UNCLEAR)
    return matches
