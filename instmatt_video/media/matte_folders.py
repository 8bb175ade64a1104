"""Which files of a folder are the mattes of which image, and where its photograph lies.

Layouts: HIM2K's `<image>/<nn>.png`, the same in one folder for each subset (`natural/<image>/…`),
and single mattes `<image>.png` (RWP636), one person each. An empty folder is an image of nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..errors import MatteReadError
from .matte_file import PICTURE_SUFFIXES, SUFFIXES, list_folders, list_mattes, list_pictures


def find_mattes(root: Path) -> dict[str, tuple[Path, ...]]:
    """Return the mattes of each image by its name, `<subset>/<image>`, in natural order.

    Raises:
        MatteReadError: Files could be meant in two ways, or would be passed over; one is named.
    """
    singles, folders = _split(root)
    found: dict[str, tuple[Path, ...]] = {path.stem: (path,) for path in singles}
    for folder in folders:
        mattes, inner = _split(folder)
        if mattes or not inner:
            found[folder.name] = mattes
            continue
        found |= {f"{folder.name}/{image.name}": _list_people(image) for image in inner}
    return found


def _split(folder: Path) -> tuple[tuple[Path, ...], list[Path]]:
    """Return a folder's own mattes and its folders; only one kind may hold mattes."""
    inner = list_folders(folder)
    mattes = _list_people(folder, {part.name for part in inner})
    if mattes and any(list_mattes(part) for part in inner):
        raise MatteReadError(f"{folder} holds both folders of mattes and {mattes[0].name}")
    return mattes, inner


def _list_people(folder: Path, others: Collection[str] = ()) -> tuple[Path, ...]:
    """Return a folder's mattes, each of another name.

    Args:
        folder: Where they lie.
        others: Names of images whose photographs may lie beside them.
    """
    mattes: dict[str, Path] = {}
    for path in list_mattes(folder):
        if path.stem in mattes:
            raise MatteReadError(f"{path} and {mattes[path.stem].name} share one name")
        mattes[path.stem] = path
    for path in list_pictures(folder):
        if path.stem not in mattes and path.stem not in others:
            known = ", ".join(sorted(SUFFIXES))
            raise MatteReadError(f"{path} cannot be taken for a matte: mattes are {known}")
    return tuple(mattes.values())


def find_picture(root: Path, name: str) -> Path | None:
    """Return the photograph of an image, which may lie in its subset's folder or beside them."""
    # A name may hold dots, so the suffix is added, not replaced.
    for folder in (root / name, root / name.rpartition("/")[2]):
        for suffix in sorted(PICTURE_SUFFIXES):
            path = folder.with_name(folder.name + suffix)
            if path.is_file():
                return path
    return None
