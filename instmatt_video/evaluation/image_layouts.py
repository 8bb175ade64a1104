"""Which files make an image of a benchmark: truth, prediction and picture by the same name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import EvaluationError
from ..media.matte_file import require_folder
from ..media.matte_folders import find_mattes, find_picture
from .strangers import warn_of_strangers


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


def find_images(predictions: Path, targets: Path, pictures: Path | None = None) -> list[ImageCase]:
    """Return the images of a benchmark, by name; predictions of no image of it are warned of.

    Args:
        predictions: Folder that is laid out as the truth.
        targets: Folder of the truth.
        pictures: Folder of the photographs, `<image>.jpg` or the like.

    Raises:
        MatteReadError: A folder is missing, or its mattes could be meant in two ways.
        EvaluationError: There are no mattes, or the two have no image in common.
    """
    require_folder(predictions, "predictions")
    require_folder(targets, "true mattes")
    if pictures is not None:
        require_folder(pictures, "pictures")
    truth, found = find_mattes(targets), find_mattes(predictions)
    if not any(truth.values()):
        raise EvaluationError(f"{targets}: no mattes, neither <image>/<nn>.png nor <image>.png")
    cases = [
        ImageCase(
            name,
            paths,
            found.get(name),
            None if pictures is None else find_picture(pictures, name),
        )
        for name, paths in truth.items()
    ]
    if all(case.predictions is None for case in cases):
        raise EvaluationError(
            f"{predictions}: no prediction of any image; {cases[0].name}/<nn>.png was expected, "
            f"as in {targets}"
        )
    strangers = [name for name, paths in found.items() if paths and name not in truth]
    warn_of_strangers(predictions, targets, strangers, "images")
    return cases
