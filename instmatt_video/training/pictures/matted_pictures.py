"""Pictures whose people each have a soft alpha: a folder in HIM2K's layout, or lists of files.

Knows files and which belong together; knows neither windows nor networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from instmatt_video.eval.alpha import Alpha

from ...errors import MatteReadError, OptionError
from ...media.matte_file import PICTURE_SUFFIXES, read_mattes, read_rgb, require_folder
from ...media.matte_folders import find_mattes, find_picture
from ...media.picture_names import natural_key

MAX_SUM = 1.02
"""Of the visible alphas of a pixel, with what rounding and resizing add."""
MAX_OVERLAP = 0.01
"""Share of a picture's pixels that may have more."""


@dataclass(frozen=True)
class MattedPicture:
    """A picture and everybody in it."""

    image: npt.NDArray[np.uint8]
    """`(H, W, 3)` RGB."""
    alphas: Alpha
    """What is seen of each person, `(n, H, W)`, uint8 or uint16."""
    foregrounds: npt.NDArray[np.uint8] | None
    """Straight colour of each person, `(n, H, W, 3)` RGB; `None` where it is not known."""


@dataclass(frozen=True)
class MattedFiles:
    """The files of one such picture; they are read when they are asked for."""

    image: Path
    alphas: tuple[Path, ...]
    foregrounds: tuple[Path, ...] = ()
    """In the order of `alphas`; empty where colours are not known."""

    def read(self) -> MattedPicture:
        """Return the picture.

        Raises:
            MatteReadError: A file is missing or damaged, or not of the picture's size; or the
                alphas are whole layers, of which one hides another.
        """
        image = read_rgb(self.image)
        alphas = read_mattes(list(self.alphas), image.shape[:2])
        highest = np.iinfo(alphas.dtype).max
        if (alphas.sum(0, dtype=np.uint32) > MAX_SUM * highest).mean() > MAX_OVERLAP:
            raise MatteReadError(
                f"{self.alphas[0].parent}: its alphas add up to more than 1: what is seen of each "
                "person is wanted, not whole layers"
            )
        colors = [read_rgb(path) for path in self.foregrounds]
        for path, color in zip(self.foregrounds, colors, strict=True):
            if color.shape != image.shape:
                raise MatteReadError(f"{path} is not of the size of {self.image}")
        return MattedPicture(image, alphas, np.stack(colors) if colors else None)


def find_matted(images: Path, alphas: Path) -> list[MattedFiles]:
    """Return the pictures of folders in HIM2K's layout, by name.

    Args:
        images: Folder of `<image>.jpg` or the like, or of `<subset>/<image>.jpg`.
        alphas: Folder of `<image>/<nn>.png`, or of `<subset>/<image>/<nn>.png`.

    Raises:
        MatteReadError: A folder is missing, or its alphas could be meant in two ways.
        OptionError: A picture has no alphas, or alphas have no picture; one is named.
    """
    require_folder(images, "pictures")
    require_folder(alphas, "alphas")
    found = []
    for name, paths in find_mattes(alphas).items():
        picture = find_picture(images, name)
        if picture is None:
            raise OptionError(f"{alphas}: {name} has no picture in {images}")
        if not paths:
            raise OptionError(f"{alphas}: there are no alphas of {picture}")
        found.append(MattedFiles(picture, paths))
    known = {path for files in found for path in (files.image, *files.alphas)}
    for path in sorted(images.rglob("[!.]*")):
        if path.suffix.lower() in PICTURE_SUFFIXES and path not in known:
            raise OptionError(f"{alphas}: there are no alphas of {path}")
    return found


def list_matted(images: Path, alphas: Path, foregrounds: Path | None = None) -> list[MattedFiles]:
    """Return the pictures of text files that name a file a line, as the authors' release lists its.

    Alphas and foregrounds lie in a folder for each picture, which bears its name up to the first
    dot. The release pairs files by their place in the sorted lists; here names must agree. A
    relative path starts at its list's folder.

    Args:
        images: List of pictures, a line each.
        alphas: List of what is seen of each person, a line for each person.
        foregrounds: List of people's straight colours, of the same names as the alphas.

    Raises:
        OptionError: A list cannot be read, or names a file that is not there, or a file is missing
            in a list.
    """
    pictures, people = _read_list(images), _read_groups(alphas)
    colors = {} if foregrounds is None else _read_groups(foregrounds)
    found: dict[str, MattedFiles] = {}
    for picture in pictures:
        name = picture.name.split(".")[0]
        if name in found:
            raise OptionError(f"{images} names two pictures {name}")
        if name not in people:
            raise OptionError(f"{alphas} names no alphas of {picture}")
        own, their = people[name], colors.get(name, [])
        if foregrounds is not None and [p.stem for p in own] != [p.stem for p in their]:
            raise OptionError(f"{foregrounds} names other people of {picture} than {alphas}")
        found[name] = MattedFiles(picture, tuple(own), tuple(their))
    for name in people:
        if name not in found:
            raise OptionError(f"{images} names no picture {name}, of which {alphas} names alphas")
    return list(found.values())


def _read_groups(path: Path) -> dict[str, list[Path]]:
    """Return the files of a list by the name of their folder, in natural order."""
    groups: dict[str, list[Path]] = {}
    for file in sorted(_read_list(path), key=natural_key):
        groups.setdefault(file.parent.name, []).append(file)
    return groups


def _read_list(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise OptionError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise OptionError(f"{path} is no list of files: {error}") from error
    files = [path.parent / line.strip() for line in lines if line.strip()]
    for file in files:
        if not file.is_file():
            raise OptionError(f"{path} names {file}, which is not there")
    return files
