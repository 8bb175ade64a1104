"""Real inputs on which an exported network is compared with torch: a picture's people.

Knows how the product cuts its crops; knows no file formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from instmatt_video.models.person_crops import CROP_SIZE, MARGIN, MUTUAL_CROP_SIZE
from instmatt_video.models.shufflenet_backbone import MEAN_RGB
from instmatt_video.models.tri_mask import build_tri_masks

from ..astronaut import load_astronaut
from ..detection.compact import CompactDetector
from ..detection.detections import Detections
from ..detection.letterbox import letterbox
from ..detection.paste import paste_masks
from ..detection.regions import Region, cut_region, expand_to_region
from ..errors import OptionError
from ..media.frame import as_eight_bit
from ..media.picture_names import IMAGE_SUFFIXES
from ..media.source import open_source, open_still

EightBit = npt.NDArray[np.uint8]
MATTE_SIZES = ((320, 320), (320, 192))
"""Height and width of the matting network's inputs."""
LONG_SIDES_PX = (416, 320)
"""Of the pictures that the detector looks at."""


def load_picture(path: Path | None) -> EightBit:
    """Return `(H, W, 3)` RGB: the first frame of a picture or clip, else the astronaut.

    Raises:
        VideoOpenError: It cannot be read.
        OptionError: None is named, and scikit-image, which brings the astronaut, is absent.
    """
    if path is not None:
        is_picture = path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES
        with open_still(path) if is_picture else open_source(path) as source:
            return as_eight_bit(next(iter(source)).image)
    return load_astronaut("export without --check PICTURE")


class CheckInputs:
    """Inputs of every part, made from one picture.

    Args:
        picture: `(H, W, 3)` RGB with at least one person.

    Raises:
        OptionError: Nobody is found in it.
    """

    def __init__(self, picture: EightBit) -> None:
        self._picture = picture
        self._people: Detections = CompactDetector().detect([picture])[0]
        if not len(self._people):
            raise OptionError("nobody is found in the picture that the export is to be checked on")

    def matting(self) -> Sequence[tuple[Tensor, ...]]:
        """Return RGB 0..1 and tri-masks, of two sizes, as often as there are people."""
        masks = paste_masks(self._people, *self._picture.shape[:2])[:2]
        cases = []
        for height, width in MATTE_SIZES:
            size = (width, height)
            small = cv2.resize(self._picture, size, interpolation=cv2.INTER_AREA)
            image = _batch([np.asarray(small, np.uint8)]) / 255
            shrunk = np.stack([cv2.resize(mask, size) for mask in masks])
            tri_masks = build_tri_masks(torch.from_numpy(shrunk))
            cases.append((image.expand(len(masks), -1, -1, -1).contiguous(), tri_masks))
        return cases

    def pictures(self) -> Sequence[tuple[Tensor, ...]]:
        """Return pictures as the detector first sees them, RGB 0..255, of two sizes."""
        return [(_batch([letterbox(self._picture, side).canvas]),) for side in LONG_SIDES_PX]

    def crops(self) -> Sequence[tuple[Tensor, ...]]:
        """Return people's crops, RGB 0..255: one, and three."""
        return [(crops,) for crops in self._one_and_three(CROP_SIZE)]

    def mutual_crops(self) -> Sequence[tuple[Tensor, ...]]:
        """Return finer crops, and guidance: each person's mask, and everybody's."""
        height, width = self._picture.shape[:2]
        guidance = []
        for k, region in enumerate(self._regions()):
            masks = paste_masks(self._people, height, width, region)
            pair = [
                cv2.resize(mask, MUTUAL_CROP_SIZE[::-1]) for mask in (masks[k], masks.max(axis=0))
            ]
            guidance.append(torch.from_numpy(np.stack(pair)))
        one, three = self._one_and_three(MUTUAL_CROP_SIZE)
        return [(one, torch.stack(guidance[:1])), (three, torch.stack((guidance * 3)[:3]))]

    def _one_and_three(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        cut = [cut_region(self._picture, r, size, MEAN_RGB) for r in self._regions()]
        return _batch(cut[:1]), _batch((cut * 3)[:3])

    def _regions(self) -> list[Region]:
        return [expand_to_region(box, MARGIN) for box in self._people.boxes]


def _batch(pictures: Sequence[EightBit]) -> Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().contiguous()
