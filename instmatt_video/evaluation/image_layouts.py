"""Which files make an image of a benchmark: truth, prediction and picture by the same name.

Layouts: HIM2K's `<image>/<nn>.png`, the same in one folder for each subset (`natural/<image>/…`),
and single mattes `<image>.png` (RWP636), one person each. An empty folder is an image of nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from .errors import EvaluationError
from .matte_file import (
    PICTURE_SUFFIXES,
    SUFFIXES,
    list_folders,
    list_mattes,
    list_pictures,
    require_folder,
)


@dataclass(frozen=True)
class ImageCase:
    """The files of one image."""

    name: str
    """`<subset>/<image>`, or `<image>` in a set without subsets."""
    targets: tuple[Path, ...]
    predictions: tuple[Path, ...] | None
    """`None` where nothing was predicted (no folder); empty where an empty folder says so."""
    picture: Path | None = None
    """The photograph, where known."""

    @property
    def subset(self) -> str:
        """The folder that the image lies in; empty in a set without subsets."""
        return self.name.rpartition("/")[0]


def _find_mattes(root: Path) -> dict[str, tuple[Path, ...]]:
    """Return a side's files by image name, in natural order.

    Raises:
        EvaluationError: Files could be meant in two ways, or would be passed over; one is named.
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
        raise EvaluationError(f"{folder} holds both folders of mattes and {mattes[0].name}")
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
            raise EvaluationError(f"{path} and {mattes[path.stem].name} share one name")
        mattes[path.stem] = path
    for path in list_pictures(folder):
        if path.stem not in mattes and path.stem not in others:
            known = ", ".join(sorted(SUFFIXES))
            raise EvaluationError(f"{path} cannot be taken for a matte: mattes are {known}")
    return tuple(mattes.values())


def _find_picture(root: Path, name: str) -> Path | None:
    # A name may hold dots, so the suffix is added, not replaced.
    for folder in (root / name, root / name.rpartition("/")[2]):
        for suffix in sorted(PICTURE_SUFFIXES):
            path = folder.with_name(folder.name + suffix)
            if path.is_file():
                return path
    return None


def find_images(predictions: Path, targets: Path, pictures: Path | None = None) -> list[ImageCase]:
    """Return the images of a benchmark, by name.

    Args:
        predictions: Folder that is laid out as the truth.
        targets: Folder of the truth.
        pictures: Folder of the photographs, `<image>.jpg` or the like.

    Raises:
        EvaluationError: A folder is missing, holds no mattes or such as could be meant in two ways,
            or the two have no image in common.
    """
    require_folder(predictions, "predictions")
    require_folder(targets, "true mattes")
    if pictures is not None:
        require_folder(pictures, "pictures")
    truth, found = _find_mattes(targets), _find_mattes(predictions)
    if not any(truth.values()):
        raise EvaluationError(f"{targets}: no mattes, neither <image>/<nn>.png nor <image>.png")
    cases = [
        ImageCase(
            name,
            paths,
            found.get(name),
            None if pictures is None else _find_picture(pictures, name),
        )
        for name, paths in truth.items()
    ]
    if all(case.predictions is None for case in cases):
        raise EvaluationError(
            f"{predictions}: no prediction of any image; {cases[0].name}/<nn>.png was expected, "
            f"as in {targets}"
        )
    return cases
