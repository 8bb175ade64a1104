"""Photos whose people are marked, and people cut out of them, read from folders or tar packs.

A pack may be larger than memory: what of its pictures does not fit is decoded anew when it is asked
for. Knows files and formats; knows neither augmentation nor networks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ...errors import OptionError
from ...rectangle import Rectangle
from .kept_pictures import KeptPictures, PicturesInOrder
from .packs import ImagePack, read_color
from .straight_rgba import resize_straight

logger = logging.getLogger(__name__)

UInt8Array = npt.NDArray[np.uint8]
MAX_PATCH_PX = 448
"""Patches are kept no longer than this: a training picture is not larger."""


@dataclass(frozen=True)
class Person:
    """One person in a photo: where they are visible."""

    box: npt.NDArray[np.float32]
    """`(4,)` xyxy, pixels: the mask's bounds, or the annotator's box."""
    runs: Mapping[str, Any]
    """`mask` as COCO's run lengths, which take a hundredth of its memory."""
    offset: tuple[int, int]
    """Left and top of `mask` in the photo, pixels."""
    has_exact_outline: bool = False
    """The mask is that of an alpha that was pasted; others were drawn by hand."""

    @classmethod
    def masked(
        cls,
        box: npt.NDArray[np.float32],
        mask: npt.NDArray[Any],
        offset: tuple[int, int],
        has_exact_outline: bool = False,
    ) -> Person:
        """Return the person of a mask `(h, w)`, bool or 0 and 1."""
        from pycocotools import mask as coco_mask  # an extra: needed for training alone

        runs = coco_mask.encode(np.asfortranarray(mask, np.uint8))
        return cls(box, runs, offset, has_exact_outline)

    @property
    def mask(self) -> UInt8Array:
        """Return the visible part inside whole-pixel bounds, `(h, w)` 0 or 1."""
        from pycocotools import mask as coco_mask

        return np.ascontiguousarray(coco_mask.decode(self.runs))

    @property
    def height_px(self) -> float:
        """Return the box's height."""
        return float(self.box[3] - self.box[1])

    def full_mask(self, shape: tuple[int, int]) -> UInt8Array:
        """Return the mask laid on a picture of `shape` (height, width)."""
        full = np.zeros(shape, np.uint8)
        left, top = self.offset
        mask = self.mask
        full[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
        return full


@dataclass(frozen=True)
class Photo:
    """A picture and everybody in it."""

    name: str
    picture: UInt8Array | KeptPictures[UInt8Array]
    """`(H, W, 3)` RGB, or where it is decoded by the photo's name."""
    people: tuple[Person, ...]
    crowd_boxes: npt.NDArray[np.float32]
    """`(C, 4)` xyxy of places with people who are not marked one by one."""
    is_complete: bool = True
    """Whether everybody outside the crowd boxes is marked."""

    @property
    def image(self) -> UInt8Array:
        """Return the picture, `(H, W, 3)` RGB.

        Raises:
            OptionError: It cannot be read.
        """
        return self.picture if isinstance(self.picture, np.ndarray) else self.picture[self.name]

    def read(self) -> Photo:
        """Return the photo, its picture read.

        Raises:
            OptionError: It cannot be read.
        """
        _ = self.image
        return self

    @property
    def crowd_parts(self) -> list[tuple[slice, slice]]:
        """Return rows and columns of the crowd boxes."""
        boxes = self.crowd_boxes.round().astype(int).clip(min=0)
        return [np.s_[y0:y1, x0:x1] for x0, y0, x1, y1 in boxes]


@dataclass(frozen=True)
class PersonPatch:
    """One person alone, with alpha."""

    name: str
    rgba: UInt8Array
    """`(h, w, 4)`, straight colour, cropped to the person."""
    touches_bottom: bool
    """The person goes on below the picture: stand them on the frame's lower edge."""


def read_masked_photos(
    path: Path, images_under: str = "image", masks_under: str = "mask"
) -> list[Photo]:
    """Return photos of one person each, with masks (.png) of the same stem.

    A torn file is passed over, with a warning.

    Args:
        path: Folder or tar pack.
        images_under: Folder of the photos inside it.
        masks_under: Folder of the masks inside it.

    Raises:
        OptionError: A photo has no mask, or a mask is not of its photo's size, or none can be read.
    """
    images, masks = ImagePack(path, images_under), ImagePack(path, masks_under)
    pictures = _kept(partial(read_color, images))
    known_masks = set(masks.names)
    nowhere = np.zeros((0, 4), np.float32)
    photos = []
    for name in images.names:
        mask_name = f"{Path(name).stem}.png"
        if mask_name not in known_masks:
            raise OptionError(f"{images_under}/{name} of {path} has no {masks_under}/{mask_name}")
        try:
            image, grey = pictures[name], masks.read(mask_name)
        except OptionError as error:
            logger.warning("%s: passed over", error)
            continue
        mask = (grey if grey.ndim == 2 else grey[..., 0]) > 127
        if mask.shape != image.shape[:2]:
            raise OptionError(f"{masks_under}/{mask_name} of {path} is not of its photo's size")
        person = person_from_mask(mask)
        people = () if person is None else (person,)
        photos.append(Photo(name, pictures, people, nowhere, is_complete=False))
    if not photos:
        raise OptionError(f"no photo of {path} can be read, with its mask")
    return photos


def read_patches(path: Path, left_out: Container[str] = ()) -> PicturesInOrder[PersonPatch]:
    """Return the people of a pack's folder `rgba`, less those whose file names are left out."""
    pack = ImagePack(path, "rgba")
    kept = KeptPictures(partial(_read_patch, pack), attrgetter("rgba.nbytes"))
    return PicturesInOrder([partial(kept.__getitem__, n) for n in pack.names if n not in left_out])


def read_backgrounds(path: Path, left_out: Container[str] = ()) -> PicturesInOrder[UInt8Array]:
    """Return the pictures of a flat pack, which show nobody, less those that are left out."""
    pack = ImagePack(path)
    kept = _kept(partial(_read_background, pack))
    return PicturesInOrder([partial(kept.__getitem__, n) for n in pack.names if n not in left_out])


def patches_of_photos(
    photos: Sequence[Photo], min_height_px: float
) -> PicturesInOrder[PersonPatch]:
    """Return the photos' own people as hard-edged cut-outs, for pasting elsewhere.

    Args:
        photos: Where the people are taken from.
        min_height_px: Smaller people are left where they are.
    """
    return PicturesInOrder(
        [
            partial(_cut_out, photo, index)
            for photo in photos
            for index, person in enumerate(photo.people)
            if person.height_px >= min_height_px
        ]
    )


def patch_from_rgba(name: str, rgba: UInt8Array) -> PersonPatch | None:
    """Return the visible part of a picture with alpha, `None` where it shows nobody.

    Raises:
        OptionError: It has no alpha.
    """
    if rgba.shape[2:] != (4,):
        raise OptionError(f"{name}: a cut-out needs an alpha channel")
    person = person_from_mask(rgba[..., 3] > 127)
    if person is None:
        return None
    left, top = person.offset
    height, width = person.mask.shape
    touches_bottom = top + height >= rgba.shape[0] - 2
    return PersonPatch(
        name, _shrink(rgba[top : top + height, left : left + width], MAX_PATCH_PX), touches_bottom
    )


def person_from_mask(
    mask: npt.NDArray[np.bool_], box: npt.NDArray[np.float32] | None = None
) -> Person | None:
    """Return the person a full-picture mask shows, `None` where it is empty.

    Args:
        mask: `(H, W)`.
        box: `(4,)` xyxy if it is known more exactly than by the mask's bounds.
    """
    part = Rectangle.around(mask)
    if part is None:
        return None
    bounds = np.array([part.left, part.top, part.right, part.bottom], np.float32)
    offset = part.left, part.top
    return Person.masked(bounds if box is None else box, mask[part.slices], offset)


def _kept(decode: Callable[[str], UInt8Array]) -> KeptPictures[UInt8Array]:
    return KeptPictures(decode, attrgetter("nbytes"))


def _read_background(pack: ImagePack, name: str) -> UInt8Array:
    return _shrink(read_color(pack, name), 640)


def _read_patch(pack: ImagePack, name: str) -> PersonPatch:
    patch = patch_from_rgba(name, pack.read(name))
    if patch is None:
        raise OptionError(f"{name} of {pack.path}: there is nobody in this cut-out")
    return patch


def _cut_out(photo: Photo, index: int) -> PersonPatch:
    """Return one of a photo's people."""
    mask = photo.people[index].mask
    left, top = photo.people[index].offset
    height, width = mask.shape
    image = photo.image
    colour = image[top : top + height, left : left + width]
    # Annotated outlines often run outside: half a pixel less shows less old background.
    alpha = cv2.GaussianBlur(cv2.erode(mask * 255, np.ones((2, 2), np.uint8)), (3, 3), 0)
    touches_bottom = top + height >= image.shape[0] - 2
    return PersonPatch(f"{photo.name}#{index}", np.dstack([colour, alpha]), touches_bottom)


def _shrink(image: UInt8Array, max_side_px: int) -> UInt8Array:
    """Return a picture, or a cut-out of straight colour, at most so large."""
    scale = max_side_px / max(image.shape[:2])
    if scale >= 1:
        return np.ascontiguousarray(image)
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    if image.shape[2:] == (4,):
        return resize_straight(image, size)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
