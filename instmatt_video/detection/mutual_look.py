"""Who gets a third look, and what it is shown: crops, with the person's mask and their neighbours'.

Knows pixels, boxes and masks; knows no networks. The same in training and in use.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from instmatt_video.models.person_crops import CROP_SIZE, MARGIN, MUTUAL_CROP_SIZE
from instmatt_video.models.shufflenet_backbone import MEAN_RGB

from .detections import Detections
from .paste import mask_on_box
from .regions import Region, cut_region, expand_to_region

FloatArray = npt.NDArray[np.float32]
MIN_NEIGHBOUR_SHARE = 0.01
"""Share of a crop that must show neighbours, else its person has none."""
SEEN = 0.25
"""Mask times score from which a neighbour is there."""
MIN_SCORE = 0.2
"""Who is found less surely is hardly anybody: they are neighbours, and not looked at."""


class MutualCrops(NamedTuple):
    """The crops of `N` people."""

    who: list[int]
    """Which of the detections."""
    regions: list[Region]
    """What each crop shows of the picture."""
    images: list[npt.NDArray[np.uint8]]
    """`(h, w, 3)` RGB each."""
    guidance: FloatArray
    """`(N, 2, h, w)`: the person's mask, and the neighbours', as sure as their scores."""


def cut_mutual_crops(
    picture: npt.NDArray[np.uint8],
    detections: Detections,
    takes_everybody: bool = False,
    size: tuple[int, int] = MUTUAL_CROP_SIZE,
) -> MutualCrops:
    """Return the crops of who has neighbours, and of whom the second look saw shrunk.

    Of somebody small and alone the second look has seen all that the picture shows.

    Args:
        picture: `(H, W, 3)` RGB.
        detections: Everybody in it.
        takes_everybody: Also who is small and alone.
        size: Height and width of the crops, multiples of 32.
    """
    who: list[int] = []
    regions, guidance = [], []
    for k in np.flatnonzero(detections.scores >= MIN_SCORE).tolist():
        region = expand_to_region(detections.boxes[k], MARGIN)
        others = np.zeros(size, np.float32)
        for j in np.flatnonzero(_reach_into(detections.boxes, region)).tolist():
            if j != k:
                mask = _over_crop(detections, j, region, size)
                others = np.maximum(others, mask * detections.scores[j])
        has_neighbours = (others > SEEN).mean() >= MIN_NEIGHBOUR_SHARE
        if takes_everybody or has_neighbours or _is_larger(region, CROP_SIZE):
            who.append(k)
            regions.append(region)
            guidance.append(np.stack([_over_crop(detections, k, region, size), others]))
    return MutualCrops(
        who,
        regions,
        [cut_region(picture, region, size, MEAN_RGB) for region in regions],
        np.array(guidance, np.float32).reshape(-1, 2, *size),
    )


def _over_crop(detections: Detections, k: int, region: Region, size: tuple[int, int]) -> FloatArray:
    """Return a person's mask over the pixels of a crop of `region`, 0 outside their box."""
    return mask_on_box(detections.masks[k], detections.boxes[k], region, *size)


def _is_larger(region: Region, size: tuple[int, int]) -> bool:
    left, top, right, bottom = region
    return bottom - top > size[0] or right - left > size[1]


def _reach_into(boxes: FloatArray, region: Region) -> npt.NDArray[np.bool_]:
    left, top, right, bottom = region
    return np.asarray(
        (boxes[:, 0] < right) & (boxes[:, 2] > left) & (boxes[:, 1] < bottom) & (boxes[:, 3] > top)
    )
