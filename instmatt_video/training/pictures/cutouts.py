"""People cut out with soft alpha, ready to be laid into a scene at any size."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from ...errors import OptionError
from ...rectangle import Rectangle
from .composites import Layer
from .kept_pictures import KeptPictures, PicturesInOrder
from .packs import ImagePack, Pack

OPAQUE_EDGE = 0.06
"""Share of a border's pixels that must be covered for the picture to cut the person off there."""


@dataclass(frozen=True)
class Cutout:
    """One person, premultiplied, in halving sizes."""

    name: str
    levels: tuple[npt.NDArray[np.uint8], ...]
    """`(h, w, 4)` premultiplied RGBA; each half the size of the one before."""
    is_cut_below: bool
    """The person reaches the lower edge of their picture: they must stand on the scene's edge."""
    is_cut_left: bool
    is_cut_right: bool

    @property
    def height(self) -> int:
        """Height in pixels of the full size."""
        return int(self.levels[0].shape[0])

    @property
    def width(self) -> int:
        """Width in pixels of the full size."""
        return int(self.levels[0].shape[1])

    def lay(self, matrix: npt.NDArray[np.float32], size: tuple[int, int]) -> Layer:
        """Return the cut-out on a canvas.

        Args:
            matrix: `(2, 3)` affine map from this cut-out's pixels to the canvas's.
            size: (width, height) of the canvas in pixels.
        """
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        level = min(len(self.levels) - 1, max(0, int(np.floor(-np.log2(max(scale, 1e-6)) + 0.3))))
        step = 2.0**level
        to_full = np.array([[step, 0, (step - 1) / 2], [0, step, (step - 1) / 2], [0, 0, 1]])
        placed = cv2.warpAffine(
            self.levels[level],
            (matrix @ to_full).astype(np.float32),
            size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
        )
        red, green, blue, alpha = cv2.split(placed.astype(np.float32) / 255)
        return Layer(cv2.merge((red, green, blue)), alpha)


class CutoutLibrary:
    """Cut-outs of a pack by index; the next stands in for one that cannot be used.

    Args:
        pack: RGBA pictures with straight colour.
        names: Which of them; `None` is all.
    """

    def __init__(self, pack: ImagePack, names: list[str] | None = None) -> None:
        self.pack = pack
        self.names = list(pack.names if names is None else names)
        kept = KeptPictures(partial(read_cutout, pack), _count_bytes)
        self._cutouts = PicturesInOrder([partial(kept.__getitem__, n) for n in self.names])

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Cutout:
        """Return a cut-out, trimmed to its person."""
        return self._cutouts[index]


def _count_bytes(cutout: Cutout) -> int:
    return sum(level.nbytes for level in cutout.levels)


def read_cutout(pack: ImagePack, name: str) -> Cutout:
    """Return a cut-out of a pack, trimmed to its person.

    Raises:
        OptionError: The file is no picture, has no alpha, or shows nobody.
    """
    try:
        return cut_out(name, pack.read(name))
    except ValueError as error:
        raise OptionError(f"{pack.path}: {error}") from error


def cut_out(name: str, rgba: npt.NDArray[np.uint8]) -> Cutout:
    """Return the cut-out of one RGBA picture `(h, w, 4)` with straight colour.

    Raises:
        ValueError: The picture has no alpha, or nobody in it.
    """
    if rgba.ndim != 3 or rgba.shape[2] != 4:
        raise ValueError(f"{name}: a cut-out needs an alpha channel")
    alpha = rgba[..., 3]
    part = Rectangle.around(alpha > 8)
    if part is None:
        raise ValueError(f"{name}: there is nobody in this cut-out")

    def is_cut(edge: npt.NDArray[np.uint8]) -> bool:
        return bool((edge > 128).mean() > OPAQUE_EDGE)

    height, width = alpha.shape
    trimmed = rgba[part.slices]
    weight = trimmed[..., 3:].astype(np.uint16)
    premultiplied = trimmed.copy()
    premultiplied[..., :3] = (trimmed[..., :3] * weight + 127) // 255
    levels = [premultiplied]
    while min(levels[-1].shape[:2]) >= 48:
        h, w = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.uint8))
    return Cutout(
        name,
        tuple(levels),
        is_cut_below=part.bottom >= height - 2 and is_cut(alpha[part.bottom - 1]),
        is_cut_left=part.left <= 1 and is_cut(alpha[:, part.left]),
        is_cut_right=part.right >= width - 2 and is_cut(alpha[:, part.right - 1]),
    )


def read_long_hair_names(pack: Pack) -> set[str]:
    """Return the cut-outs that the pack's `index.csv` marks `long_hair`; none without an index.

    Raises:
        OptionError: The index is not UTF-8, or has no column `file`.
    """
    try:
        index = pack.read_bytes("index.csv")
    except OptionError:
        return set()
    try:
        rows = csv.DictReader(io.StringIO(index.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise OptionError(f"index.csv of {pack.path} is not UTF-8: {error}") from error
    if "file" not in (rows.fieldnames or ()):
        raise OptionError(f"index.csv of {pack.path} has no column `file`")
    return {row["file"] for row in rows if row.get("long_hair") == "1"}
