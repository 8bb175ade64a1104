"""Windows of photos whose people are marked with hard masks: real light, real poses, real contact.

Knows photos and where a mask can be believed; knows nothing of guidance and networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .marked_photos import Person, Photo

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
    """Part of a photo, and what its masks tell."""

    image: FloatArray
    """`(H, W, 3)`, 0..1."""
    alphas: FloatArray
    """Hard masks of the people, `(n, H, W)`, 0 or 1; what two claim is the first one's."""
    known: FloatArray
    """1 where the masks are to be believed, `(H, W)`: not at edges, where two people are marked,
    nor in a crowd."""


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
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC

    def seen(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        shown = picture[part][:, ::-1] if is_flipped else picture[part]
        shown = cv2.resize(np.ascontiguousarray(shown), size, interpolation=interpolation)
        return np.asarray(shown, np.uint8)

    masks = [seen(person.full_mask(shape) * 255) > 127 for person in photo.people]
    known = np.sum(masks, axis=0) < 2
    alphas = []
    for person, mask in zip(photo.people, masks, strict=True):
        if mask.mean() < MIN_AREA:
            known &= ~mask
            continue
        alphas.append(mask)
        known &= ~_edge(mask, person, scale)
    for box in photo.crowd_boxes:
        crowd = np.zeros(shape, np.uint8)
        x0, y0, x1, y1 = box.round().astype(int)
        crowd[max(0, y0) : y1, max(0, x0) : x1] = 255
        known &= seen(crowd) < 128
    if not alphas:
        return None
    taken = np.cumsum(alphas, axis=0) > 1
    image = np.asarray(seen(photo.image) / np.float32(255), np.float32)
    apart = np.stack(alphas) & ~taken
    return PhotoWindow(image, _as_float(apart), _as_float(known))


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


def _edge(mask: npt.NDArray[np.bool_], person: Person, scale: float) -> npt.NDArray[np.bool_]:
    """Return where a person's mask may be wrong, `(H, W)`."""
    width, height = person.box[2:] - person.box[:2]
    size = scale * float(np.sqrt(width * height))
    band = round(max(MIN_BAND_PX * max(1.0, scale), BAND * size))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    gradient = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, kernel)
    return np.asarray(gradient > 0, np.bool_)


def _as_float(mask: npt.NDArray[np.bool_]) -> FloatArray:
    return np.asarray(mask, np.float32)
