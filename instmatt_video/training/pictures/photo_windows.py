"""Windows of photos whose people are marked: real light, real poses, real contact.

Knows photos and where a mask can be believed; knows nothing of guidance and networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from .composites import Composite
from .marked_photos import Person, Photo, person_from_mask
from .matted_pictures import MattedPicture

FloatArray = npt.NDArray[np.float32]

MIN_HEIGHT_PX = 96
"""Smaller people are marked too coarsely to be anybody's target."""
MIN_AREA = 0.01
"""Share of the window that a person must fill to count."""
HEIGHT_RANGE = (0.5, 1.7)
"""Height of the person looked at as a share of the window's, drawn log-uniformly."""
MAX_ENLARGEMENT = 2.5
"""A photo enlarged more shows nothing that a matte could follow."""
BAND = 0.03
"""Half the width of the unknown band as a share of the root of a person's box: annotators cut
corners and smooth hair over."""
MIN_BAND_PX = 3
"""Of the photo, and of the window."""


@dataclass(frozen=True)
class PhotoWindow:
    """Part of a photo, and what its masks or alphas tell."""

    image: FloatArray
    """`(H, W, 3)`, 0..1."""
    alphas: FloatArray
    """What is seen of each person, `(n, H, W)`, 0..1; what two hard masks claim is the first's."""
    known: FloatArray
    """1 where they are to be believed, `(H, W)`: hard masks not at edges, where two people are
    marked, nor in a crowd."""


def has_target(photo: Photo) -> bool:
    """Say whether anybody in the photo is marked well enough to learn from."""
    return bool(_targets(photo))


def view_photo(photo: Photo, side: int, rng: np.random.Generator) -> PhotoWindow | None:
    """Return a square window of a photo at one of its people; `None` where nobody fills it.

    Args:
        photo: A photo that `has_target`.
        side: Side of the window in pixels.
        rng: Source of chance.
    """
    targets = _targets(photo)
    person = targets[int(rng.integers(len(targets)))]
    left, top, crop = _place(person, photo.image.shape[:2], side, rng)
    part = np.s_[top : top + crop, left : left + crop]
    return open_window(photo, part, (side, side), is_flipped=bool(rng.random() < 0.5))


def open_window(
    photo: Photo, part: tuple[slice, slice], size: tuple[int, int], is_flipped: bool = False
) -> PhotoWindow | None:
    """Return a part of a photo at another size; `None` where nobody fills it.

    Args:
        photo: Picture and people.
        part: Rows and columns.
        size: (width, height) of the window in pixels, of the part's shape.
        is_flipped: Mirrored, left is right.
    """
    shape = photo.image.shape[:2]
    scale = size[0] / len(range(*part[1].indices(shape[1])))

    def seen(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return np.asarray(_resize(picture[part], size, is_flipped, cv2.INTER_CUBIC), np.uint8)

    masks = [seen(person.full_mask(shape) * 255) > 127 for person in photo.people]
    known = np.sum(masks, axis=0) < 2
    alphas = []
    for person, mask in zip(photo.people, masks, strict=True):
        if mask.mean() < MIN_AREA:
            known &= ~mask
            continue
        alphas.append(mask)
        known &= ~edge_band(mask, person, scale)
    for crowd_part in photo.crowd_parts:
        crowd = np.zeros(shape, np.uint8)
        crowd[crowd_part] = 255
        known &= seen(crowd) < 128
    if not alphas:
        return None
    taken = np.cumsum(alphas, axis=0) > 1
    image = np.asarray(seen(photo.image) / np.float32(255), np.float32)
    apart = np.stack(alphas) & ~taken
    return PhotoWindow(image, _as_float(apart), _as_float(known))


def edge_band(
    mask: npt.NDArray[np.bool_], person: Person, scale: float = 1.0
) -> npt.NDArray[np.bool_]:
    """Return where a person's hard mask may be wrong, `(H, W)`.

    Args:
        mask: The mask as it is seen, `(H, W)`.
        person: Whose it is.
        scale: Pixels of the mask to one of the photo.
    """
    width, height = person.box[2:] - person.box[:2]
    size = scale * float(np.sqrt(width * height))
    band = round(max(MIN_BAND_PX * max(1.0, scale), BAND * size))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    gradient = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, kernel)
    return np.asarray(gradient > 0, np.bool_)


def view_matted(
    picture: MattedPicture, side: int, rng: np.random.Generator
) -> Composite | PhotoWindow | None:
    """Return a square window at one of a picture's people; `None` where nobody fills it.

    Args:
        picture: Picture and alphas.
        side: Side of the window in pixels.
        rng: Source of chance.
    """
    half = np.iinfo(picture.alphas.dtype).max // 2
    seen = (person_from_mask(alpha > half) for alpha in picture.alphas)
    people = [person for person in seen if person is not None]
    if not people:
        return None
    person = people[int(rng.integers(len(people)))]
    left, top, crop = _place(person, picture.image.shape[:2], side, rng)
    part = np.s_[top : top + crop, left : left + crop]
    return open_matted(picture, part, (side, side), is_flipped=bool(rng.random() < 0.5))


def open_matted(
    picture: MattedPicture,
    part: tuple[slice, slice],
    size: tuple[int, int],
    is_flipped: bool = False,
) -> Composite | PhotoWindow | None:
    """Return a part of a picture at another size, as `open_window` does; all of it is known.

    Where the people's colours are known, too, that is a composite. Of whom less than `MIN_AREA` of
    the window shows is background, as whom a detector misses.
    """

    def seen(plane: npt.NDArray[np.generic], highest: int) -> FloatArray:
        # Linear: alphas and premultiplied colours keep their range, and their sum is the picture's.
        shown = np.asarray(plane, np.float32) / np.float32(highest)
        return _resize(shown, size, is_flipped, cv2.INTER_LINEAR)

    highest = np.iinfo(picture.alphas.dtype).max
    alphas = [seen(alpha[part], highest) for alpha in picture.alphas]
    shown = [index for index, alpha in enumerate(alphas) if alpha.mean() >= MIN_AREA]
    if not shown:
        return None
    image = seen(picture.image[part], 255)
    stacked = np.stack([alphas[index] for index in shown])
    if picture.foregrounds is None:
        return PhotoWindow(image, stacked, np.ones(stacked.shape[1:], np.float32))
    colors = [
        seen(picture.foregrounds[i][part] * (picture.alphas[i][part][..., None] / highest), 255)
        for i in shown
    ]
    return Composite(image, stacked, np.stack(colors))


def _resize(
    picture: npt.NDArray[Any], size: tuple[int, int], is_flipped: bool, enlarging: int
) -> npt.NDArray[Any]:
    interpolation = cv2.INTER_AREA if size[0] < picture.shape[1] else enlarging
    shown = picture[:, ::-1] if is_flipped else picture
    return np.asarray(cv2.resize(np.ascontiguousarray(shown), size, interpolation=interpolation))


def _targets(photo: Photo) -> list[Person]:
    return [person for person in photo.people if person.height_px >= MIN_HEIGHT_PX]


def _place(
    person: Person, shape: tuple[int, ...], side: int, rng: np.random.Generator
) -> tuple[int, int, int]:
    """Return left, top and side of a part of the photo around a point of the person's box."""
    low, high = np.log(HEIGHT_RANGE)
    wanted = person.height_px / float(np.exp(rng.uniform(low, high)))
    crop = min(max(round(wanted), round(side / MAX_ENLARGEMENT)), min(shape))
    x, y = rng.uniform(person.box[:2], person.box[2:])
    left = int(np.clip(x - crop / 2, 0, shape[1] - crop))
    top = int(np.clip(y - crop / 2, 0, shape[0] - crop))
    return left, top, crop


def _as_float(mask: npt.NDArray[np.bool_]) -> FloatArray:
    return np.asarray(mask, np.float32)
