"""The photos that a matting training's data file names, pack by pack."""

from __future__ import annotations

from pathlib import Path

from ..errors import OptionError
from .coco_photos import read_coco_photos
from .config import MattingData, resolve
from .marked_photos import Photo, read_masked_photos
from .matted_pictures import MattedFiles, find_matted, list_matted


def read_marked_packs(data: MattingData, data_path: Path) -> list[tuple[str, list[Photo]]]:
    """Return each pack's name and its photos with hard masks.

    Raises:
        OptionError: A pack or a picture cannot be read.
    """
    packs = []
    for pack in data.photos:
        path = resolve(pack.path, data_path)
        packs.append((path.stem, read_masked_photos(path, pack.images, pack.masks)))
    if data.instances is not None:
        path = resolve(data.instances, data_path)
        packs.append((path.stem, read_coco_photos(path, "train")))
    return packs


def read_photos(data: MattingData, data_path: Path) -> list[Photo | MattedFiles]:
    """Return all photos, with hard masks or soft alphas.

    Raises:
        OptionError: They cannot be read, or foregrounds are named for a folder.
    """
    packs = read_marked_packs(data, data_path)
    photos: list[Photo | MattedFiles] = [photo for _, pack in packs for photo in pack]
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
