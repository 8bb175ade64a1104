"""The photos that a matting training's data file names, pack by pack."""

from __future__ import annotations

from pathlib import Path

from ...errors import OptionError
from ..config_file import resolve
from .coco_photos import read_coco_photos
from .cutout_names import stems_of_photos
from .data import MattingData
from .marked_photos import Photo, read_masked_photos
from .matted_pictures import MattedFiles, find_matted, list_matted


def read_marked_photos(data: MattingData, data_path: Path) -> dict[str, Photo]:
    """Return the photos with hard masks by the stem that cut-outs of them bear.

    Raises:
        OptionError: A pack or a picture cannot be read.
    """
    photos: list[tuple[str, Photo]] = []
    for pack in data.photos:
        path = resolve(pack.path, data_path)
        found = read_masked_photos(path, pack.images, pack.masks)
        photos += ((path.stem, photo) for photo in found)
    if data.instances is not None:
        path = resolve(data.instances, data_path)
        photos += ((path.stem, photo) for photo in read_coco_photos(path, "train"))
    stems = stems_of_photos((pack, photo.name) for pack, photo in photos)
    return {stem: photo for stem, (_, photo) in zip(stems, photos, strict=True)}


def read_matted(data: MattingData, data_path: Path) -> list[MattedFiles]:
    """Return the pictures with soft alphas.

    Raises:
        OptionError: They cannot be read, or foregrounds are named for a folder.
    """
    photos: list[MattedFiles] = []
    for matted in data.matted:
        images, alphas = (resolve(path, data_path) for path in (matted.images, matted.alphas))
        colors = matted.foregrounds and resolve(matted.foregrounds, data_path)
        if not images.is_dir():
            photos += list_matted(images, alphas, colors)
        elif colors is None:
            photos += find_matted(images, alphas)
        else:
            raise OptionError(f"{colors}: foregrounds go with lists, and {images} is a folder")
    return photos
