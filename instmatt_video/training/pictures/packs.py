"""Pictures by name, from a folder or from an uncompressed tar file, without unpacking it."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ...errors import OptionError
from ...media.picture_file import decode_frame, decode_pixels

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


class Pack:
    """The files below a folder, or inside a tar file.

    Args:
        path: Folder or `.tar` file.
        under: Only files below this folder of the pack; names are then relative to it.

    Raises:
        OptionError: There is no such pack, or the tar file is not whole.
    """

    def __init__(self, path: Path, under: str = "") -> None:
        self.path = path
        self._root = path / under if path.is_dir() else None
        self._members: dict[str, tuple[int, int]] = {}
        if path.is_file():
            prefix = f"{under.strip('/')}/" if under else ""
            for name, place in _files_of(path).items():
                if name.startswith(prefix):
                    self._members[name[len(prefix) :]] = place
        elif self._root is None:
            raise OptionError(f"no folder or tar file of pictures at {path}")

    def read_bytes(self, name: str) -> bytes:
        """Return a file of the pack as it is stored.

        Raises:
            OptionError: The pack has no such file.
        """
        if self._root is not None:
            try:
                return (self._root / name).read_bytes()
            except FileNotFoundError as error:
                raise OptionError(f"no {name} in {self._root}") from error
        if name not in self._members:
            raise OptionError(f"no {name} in {self.path}")
        offset, size = self._members[name]
        # A descriptor a read: forked readers must not share a file position.
        with self.path.open("rb") as file:
            return os.pread(file.fileno(), size, offset)


class ImagePack(Pack):
    """The pictures of a pack; hidden ones are left out, and those of linked folders are in it.

    Args:
        path: As of a `Pack`.
        under: So too.

    Raises:
        OptionError: There is no such pack, it is not whole, or no picture is in it.
    """

    def __init__(self, path: Path, under: str = "") -> None:
        super().__init__(path, under)
        found = sorted(self._members) if self._root is None else _list_files(self._root)
        self.names = [name for name in found if _is_picture(name)]
        if not self.names:
            raise OptionError(f"no pictures below {under or '.'} of {path}")

    def __len__(self) -> int:
        return len(self.names)

    def read(self, name: str) -> npt.NDArray[np.uint8]:
        """Return a picture as RGB, RGBA or grey, `(H, W, 3)`, `(H, W, 4)` or `(H, W)`.

        Raises:
            OptionError: The file is no picture of 8 or 16 bits.
        """
        data = self.read_bytes(name)
        image = decode_pixels(data, cv2.IMREAD_UNCHANGED)
        if image is None:
            raise OptionError(f"{name} of {self.path} cannot be read as a picture")
        if image.dtype == np.uint16:
            image = (image >> 8).astype(np.uint8)
        elif image.dtype != np.uint8:
            raise OptionError(f"{name} of {self.path} is {image.dtype}, not of 8 or 16 bits")
        elif image.shape[2:] == (4,) and name.lower().endswith((".tif", ".tiff")):
            frame = decode_frame(data)
            if frame is None:
                raise OptionError(f"{name} of {self.path}: save a TIFF of this kind as PNG")
            return np.asarray(frame.to_ndarray(format="rgba"), np.uint8)
        if image.ndim == 3:
            order = cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB
            image = cv2.cvtColor(image, order)
        return np.asarray(image, np.uint8)


def read_color(pack: ImagePack, name: str) -> npt.NDArray[np.uint8]:
    """Return a picture of a pack as RGB, `(h, w, 3)`, whatever it is stored as."""
    image = pack.read(name)
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def _list_files(root: Path) -> list[str]:
    """Return the names of files below a folder; none is found twice, where links meet."""
    found: list[Path] = []
    seen: set[str] = set()
    for folder, below, files in os.walk(root, followlinks=True):
        below.sort()
        place = os.path.realpath(folder)
        if place in seen:
            below.clear()
        else:
            seen.add(place)
            found += (Path(folder, name).relative_to(root) for name in files)
    return [path.as_posix() for path in sorted(found)]


def _is_picture(name: str) -> bool:
    # macOS leaves a `._photo.jpg`, which is none, beside every photo.
    is_hidden = any(part.startswith(".") for part in name.split("/"))
    return name.lower().endswith(SUFFIXES) and not is_hidden


def _files_of(path: Path) -> dict[str, tuple[int, int]]:
    """Return where the files of a tar file lie in it, offset and size, by name; links too."""
    files: dict[str, tuple[int, int]] = {}
    for member in _members_of(path):
        name = member.name.removeprefix("./")
        if member.isfile():
            files[name] = (member.offset_data, member.size)
        elif member.islnk():  # another name of a file before it
            target = files.get(member.linkname.removeprefix("./"))
            if target is not None:
                files[name] = target
    return files


def _members_of(path: Path) -> list[tarfile.TarInfo]:
    try:
        with tarfile.open(path, "r:") as tar, path.open("rb") as file:
            members = tar.getmembers()
            # Where a header cannot be read `tarfile` takes the archive for ended, without a word.
            file.seek(tar.offset)
            end = file.read(tarfile.BLOCKSIZE)
    # Behind a file whose header claims more than any disk holds no place can be sought.
    except (tarfile.TarError, OSError, ValueError) as error:
        raise OptionError(
            f"{path} is neither a folder nor an uncompressed tar file: {error}"
        ) from error
    if not end or any(end):  # one block of zeros will do, also a torn one: no file is behind it
        last = f" after {members[-1].name}" if members else ""
        raise OptionError(f"{path} is cut off or damaged{last}: a tar file ends with zeros")
    return members
