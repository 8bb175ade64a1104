"""Mattes and pictures from single image files. Knows files; knows no layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from instmatt_video.eval.alpha import Alpha

from ..errors import MatteReadError
from .picture_file import decode_frame, decode_pixels, read_pixels
from .picture_names import natural_key

SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp"})
"""Of mattes: what keeps every value."""
PICTURE_SUFFIXES = SUFFIXES | {".jpg", ".jpeg", ".webp"}


def list_mattes(folder: Path) -> list[Path]:
    """Return the image files of a folder in natural order; hidden ones are left out."""
    return _list_files(folder, SUFFIXES)


def list_pictures(folder: Path) -> list[Path]:
    """Return the same of pictures, photographs included."""
    return _list_files(folder, PICTURE_SUFFIXES)


def _list_files(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    files = (
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )
    return sorted(files, key=natural_key)


def list_folders(folder: Path) -> list[Path]:
    """Return the sub-folders in natural order; hidden ones are left out."""
    folders = (p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    return sorted(folders, key=natural_key)


def require_folder(path: Path, what: str) -> Path:
    """Return the path if it is a folder.

    Raises:
        MatteReadError: It is not there, or a file.
    """
    if not path.is_dir():
        raise MatteReadError(f"{path}: no such folder of {what}")
    return path


def read_matte(path: Path) -> Alpha:
    """Return the `(H, W)` alpha of an image file, uint8 or uint16.

    Grey files are the matte; of files with an alpha channel that channel is, unless it is opaque
    everywhere and so says nothing: then, as without one, the colours must be grey.

    Raises:
        MatteReadError: The file is missing, broken, or no matte.
    """
    import cv2

    try:
        data = path.read_bytes()
    except OSError as error:
        raise MatteReadError(f"cannot read the matte {path}: {error.strerror}") from error
    image = decode_pixels(data, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise MatteReadError(f"cannot read the matte {path}: it cannot be decoded")
    if image.dtype not in (np.uint8, np.uint16):
        raise MatteReadError(f"{path} is {image.dtype}: mattes have 8 or 16 bits")
    if image.ndim == 2 and path.suffix.lower() in (".tif", ".tiff"):
        image = _read_grey_tiff(data, image)
    if image.ndim == 2:
        return np.asarray(image)
    if image.shape[2] in (2, 4):
        alpha = image[..., -1]
        if alpha.min() < np.iinfo(image.dtype).max:
            return np.ascontiguousarray(alpha)
        image = image[..., :-1]
    if not (image == image[..., :1]).all():
        raise MatteReadError(f"{path} is a colour picture without transparency, no matte")
    return np.ascontiguousarray(image[..., 0])


def _read_grey_tiff(data: bytes, grey: Alpha) -> Alpha:
    """Return `(H, W, 2)` grey and alpha, or the grey alone where there is no alpha.

    What FFmpeg cannot read stays as OpenCV sees it.
    """
    frame = decode_frame(data)
    if frame is None or not frame.format.name.startswith("ya"):
        return grey
    frame = frame.reformat(format="ya8" if grey.dtype == np.uint8 else "ya16le")
    rows = np.frombuffer(memoryview(frame.planes[0]), grey.dtype).reshape(frame.height, -1)
    return rows[:, : 2 * frame.width].reshape(frame.height, frame.width, 2)


def read_rgb(path: Path) -> npt.NDArray[np.uint8]:
    """Return a picture as 8-bit RGB, `(H, W, 3)`.

    Raises:
        MatteReadError: The file is missing or broken.
    """
    import cv2

    try:
        image = read_pixels(path, cv2.IMREAD_COLOR)
    except OSError as error:
        raise MatteReadError(f"cannot read the picture {path}: {error.strerror}") from error
    if image is None:
        raise MatteReadError(f"cannot read the picture {path}: it cannot be decoded")
    return np.ascontiguousarray(image[..., ::-1], dtype=np.uint8)


def read_mattes(paths: list[Path], size: tuple[int, int] | None = None) -> Alpha:
    """Return the mattes of several files of one size, `(N, H, W)`.

    Args:
        paths: May be empty.
        size: (H, W) that they must have; by default that of the first.

    Raises:
        MatteReadError: One cannot be read, or is of another size; it is named.
    """
    mattes = []
    for path in paths:
        matte = read_matte(path)
        size = size or (int(matte.shape[0]), int(matte.shape[1]))
        if matte.shape != size:
            raise MatteReadError(
                f"{path} is {matte.shape[1]}x{matte.shape[0]}, the others {size[1]}x{size[0]}"
            )
        mattes.append(matte)
    if not mattes:
        return np.zeros((0, *(size or (1, 1))), dtype=np.uint8)
    if len({matte.dtype for matte in mattes}) > 1:
        # 255 x 257 = 65535: the same alpha in either depth.
        mattes = [m if m.dtype == np.uint16 else m.astype(np.uint16) * 257 for m in mattes]
    return np.stack(mattes)
