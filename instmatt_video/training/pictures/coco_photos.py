"""Photos whose people are marked one by one, from a pack in COCO's format.

Knows COCO's fields and ours beside them; knows neither augmentation nor networks.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import Field, FiniteFloat, NonNegativeInt, TypeAdapter, ValidationError

from ...errors import OptionError, first_complaint
from .kept_pictures import KeptPictures
from .marked_photos import Person, Photo, UInt8Array, person_from_mask
from .packs import ImagePack, Pack, read_color

DOCUMENT = "instances_person.json"
PERSON = "person"
"""Name of the category that is learned from, where categories have names."""

Id: TypeAlias = int | str
Polygon: TypeAlias = Annotated[list[FiniteFloat], Field(min_length=6)]
"""x and y of each corner; pycocotools takes four numbers for a box."""
Side: TypeAlias = Annotated[int, Field(ge=1, le=2**20)]
"""Of a picture, in pixels: OpenCV reads none of longer ones."""

MAX_PIXELS = 2**30
"""Of a picture, as OpenCV reads it."""
MAX_REACH = 3
"""Boxes and corners may be so many of the picture's longer side from its origin: they go a little
past a picture, while pycocotools walks along every pixel of a line and trusts that C has a number
for it."""


@dataclass(frozen=True)
class _Image:
    id: Id
    file_name: str
    height: Side
    width: Side
    subset: str = "train"
    """Not COCO's, which has a file for each."""
    license: Id | None = None
    labels: Any = None
    """Not COCO's: anything here says that not everybody is marked."""

    def __post_init__(self) -> None:
        if self.height * self.width > MAX_PIXELS:
            raise ValueError(f"a picture of {self.width}x{self.height} cannot be read")


@dataclass(frozen=True)
class _Annotation:
    image_id: Id
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    """Left, top, width, height."""
    id: Id | None = None
    category_id: Id | None = None
    iscrowd: bool = False
    segmentation: Any = None
    """Read where somebody is learned from: other categories may have none."""

    @property
    def box(self) -> npt.NDArray[np.float32]:
        """Return the box, `(4,)` xyxy."""
        left, top, width, height = self.bbox
        return np.array([left, top, left + width, top + height], np.float32)


@dataclass(frozen=True)
class _Category:
    id: Id
    name: str


@dataclass(frozen=True)
class _Document:
    images: list[_Image]
    annotations: list[_Annotation]
    categories: tuple[_Category, ...] = ()


@dataclass(frozen=True)
class _RunLengths:
    size: tuple[int, int]
    """Height and width."""
    counts: list[NonNegativeInt] | Annotated[str, Field(min_length=1)]
    """Of pixels down the columns; as a text where pycocotools wrote it."""


SEGMENTATION: TypeAdapter[list[Polygon] | _RunLengths] = TypeAdapter(
    Annotated[list[Polygon], Field(min_length=1)] | _RunLengths
)


def read_coco_photos(
    path: Path, subset: str, licences: Collection[int] | None = None
) -> list[Photo]:
    """Return the photos of one subset of a COCO-format pack (`images/`, `instances_person.json`).

    Of named categories `person` alone is read.

    Args:
        path: Folder or tar pack.
        subset: Value of each image's `subset` field; one without it is of `train`.
        licences: COCO licence ids to keep; `None` keeps all, also photos without an id.

    Raises:
        OptionError: The annotations cannot be read, or a photo is not there.
    """
    pack = ImagePack(path, "images")
    names = set(pack.names)
    document = _read_document(path)
    shapes = {image.file_name: (image.height, image.width) for image in document.images}
    pictures = KeptPictures(partial(_read_annotated, pack, shapes), attrgetter("nbytes"))
    marked: dict[Id, list[_Annotation]] = {}
    for annotation in _of_people(document, path):
        marked.setdefault(annotation.image_id, []).append(annotation)
    photos = []
    for image in document.images:
        if image.subset != subset:
            continue
        if licences is not None and image.license not in licences:
            continue
        if image.file_name not in names:
            raise OptionError(f"no images/{image.file_name} in {path}")
        here = marked.get(image.id, [])
        for annotation in here:
            if not _is_near(annotation.bbox, (image.height, image.width)):
                raise OptionError(
                    f"{DOCUMENT} of {path}: the box of annotation {annotation.id} is far outside "
                    f"of {image.file_name}, {image.width}x{image.height}"
                )
        people = (_read_person(a, image, path) for a in here if not a.iscrowd)
        crowds = [annotation.box for annotation in here if annotation.iscrowd]
        photos.append(
            Photo(
                name=image.file_name,
                picture=pictures,
                people=tuple(person for person in people if person is not None),
                crowd_boxes=np.array(crowds, np.float32).reshape(-1, 4),
                is_complete=image.labels is None,
            )
        )
    return photos


def _read_document(path: Path) -> _Document:
    try:
        values = json.loads(Pack(path).read_bytes(DOCUMENT))
    except ValueError as error:
        raise OptionError(f"{DOCUMENT} of {path} is no JSON: {error}") from error
    try:
        return TypeAdapter(_Document).validate_python(values)
    except ValidationError as error:
        raise OptionError(f"{DOCUMENT} of {path}: {first_complaint(error)}") from error


def _of_people(document: _Document, path: Path) -> list[_Annotation]:
    """Return what is said of people; what names no category is."""
    categories = document.categories
    ids = {category.id for category in categories if category.name == PERSON}
    if categories and not ids:
        others = ", ".join(category.name for category in categories)
        raise OptionError(f"{DOCUMENT} of {path}: no category is called {PERSON}, but {others}")
    return [
        annotation
        for annotation in document.annotations
        if not ids or annotation.category_id is None or annotation.category_id in ids
    ]


def _read_person(annotation: _Annotation, image: _Image, path: Path) -> Person | None:
    """Return who is marked, `None` where the mask is empty."""
    try:
        mask = _decode_mask(annotation.segmentation, (image.height, image.width))
    except ValueError as error:
        raise OptionError(
            f"{DOCUMENT} of {path}: annotation {annotation.id} of {image.file_name} has neither "
            f"polygons nor run lengths of {image.width}x{image.height} as segmentation"
        ) from error
    return person_from_mask(mask, annotation.box)


def _decode_mask(segmentation: Any, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Return the mask, `(H, W)`.

    Raises:
        ValueError: It is none of COCO's forms, of another size, or far outside of the picture.
    """
    from pycocotools import mask as coco_mask  # an extra: needed for training alone

    read = SEGMENTATION.validate_python(segmentation)
    if not isinstance(read, _RunLengths):
        if not all(_is_near(polygon, shape) for polygon in read):
            raise ValueError("a corner is far outside of the picture")
        runs = coco_mask.merge(coco_mask.frPyObjects(read, *shape))
    elif read.size != shape:
        raise ValueError("the run lengths are of another picture")
    elif isinstance(read.counts, str):
        runs = vars(read)
    elif sum(read.counts) == shape[0] * shape[1]:
        runs = coco_mask.frPyObjects(vars(read), *shape)
    else:
        raise ValueError("the run lengths end too early or too late")
    return np.asarray(coco_mask.decode(runs), bool)


def _is_near(places: Iterable[float], shape: tuple[int, int]) -> bool:
    """Say whether places lie in a picture of height and width, or not far outside."""
    return all(abs(place) <= MAX_REACH * max(shape) for place in places)


def _read_annotated(
    pack: ImagePack, shapes: Mapping[str, tuple[int, int]], name: str
) -> UInt8Array:
    image = read_color(pack, name)
    if image.shape[:2] != shapes[name]:
        height, width = shapes[name]
        raise OptionError(f"images/{name} of {pack.path} is not {width}x{height} as annotated")
    return image
