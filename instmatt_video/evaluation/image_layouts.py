"""Which files make an image of a benchmark: truth, prediction and picture by the same name.

Layouts: HIM2K's `<image>/<nn>.png`, the same in one folder for each subset (`natural/<image>/…`),
and single mattes `<image>.png` (RWP636), one person each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import EvaluationError
from .matte_file import PICTURE_SUFFIXES, list_folders, list_mattes, require_folder


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


def _find_targets(root: Path) -> dict[str, list[Path]]:
    """Return the truth's files by image name, in natural order."""
    flat = list_mattes(root)
    if flat:
        return {path.stem: [path] for path in flat}
    found: dict[str, list[Path]] = {}
    for folder in list_folders(root):
        mattes = list_mattes(folder)
        if mattes:
            found[folder.name] = mattes
            continue
        for inner in list_folders(folder):
            mattes = list_mattes(inner)
            if mattes:
                found[f"{folder.name}/{inner.name}"] = mattes
    return found


def _find_predictions(root: Path, name: str) -> tuple[Path, ...] | None:
    folder = root / name
    if folder.is_dir():
        return tuple(list_mattes(folder))
    single = folder.with_name(folder.name + ".png")
    return (single,) if single.is_file() else None


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
        EvaluationError: A folder is missing, holds no mattes, or the two have no image in common.
    """
    require_folder(predictions, "predictions")
    require_folder(targets, "true mattes")
    if pictures is not None:
        require_folder(pictures, "pictures")
    truth = _find_targets(targets)
    if not truth:
        raise EvaluationError(f"{targets}: no mattes, neither <image>/<nn>.png nor <image>.png")
    cases = [
        ImageCase(
            name,
            tuple(paths),
            _find_predictions(predictions, name),
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
