"""What a training is told: TOML files for the data and for the schedule, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ..errors import OptionError, first_complaint
from ..toml_file import read_toml
from .loop_config import LoopConfig
from .matting_batch import MattingBatchConfig
from .matting_task import Curriculum
from .ranges import check_ranges, check_sides

T = TypeVar("T")


@dataclass(frozen=True)
class PhotoPack:
    """Photos of one person each with a hard mask of the same stem."""

    path: Path
    """Folder or tar file."""
    images: str = "image"
    """Folder of the photos inside it."""
    masks: str = "mask"
    """Folder of the masks (.png) inside it."""


@dataclass(frozen=True)
class MattedSet:
    """Pictures in which everybody has a soft alpha, of what is seen of them."""

    images: Path
    """HIM2K's layout: folder of `<image>.jpg`. Or a text file with a path a line, as the release's
    list of merged images."""
    alphas: Path
    """Folder of `<image>/<nn>.png`; or a list with a line for each person, whose folder bears the
    image's name."""
    foregrounds: Path | None = None
    """List of the people's straight colours, named as their alphas, where they are known."""


@dataclass(frozen=True)
class MattingData:
    """Where the pictures are; a relative path starts at the TOML file's folder.

    There must be cut-outs and backgrounds, of which composites are made, or photos, or all of them.
    """

    cutouts: Path | None = None
    """Folder or tar file of RGBA cut-outs with straight colour."""
    backgrounds: Path | None = None
    """Folder or tar file of pictures without people."""
    cutouts_under: str = "rgba"
    """Folder of the cut-outs inside the pack."""
    photos: tuple[PhotoPack, ...] = ()
    instances: Path | None = None
    """COCO-format folder or tar file: photos whose people are marked one by one."""
    matted: tuple[MattedSet, ...] = ()
    """Drawn as photos are, but known to the last hair."""

    def __post_init__(self) -> None:
        if (self.cutouts is None) != (self.backgrounds is None):
            raise ValueError("cutouts and backgrounds go together: name both or none")
        if self.cutouts is None and not (self.photos or self.instances or self.matted):
            raise ValueError("name cutouts and backgrounds, or photos")


@dataclass(frozen=True)
class MattingTraining:
    """How a matting network is trained."""

    preset: str = "lite"
    mask_channels: int = 3
    """1: target mask only; 2: and reference; 3: and background, the tri-mask (Table 3)."""
    validation_pictures: int = 40
    validation_side_px: int = 384
    batch: MattingBatchConfig = field(default_factory=MattingBatchConfig)
    curriculum: Curriculum = field(default_factory=Curriculum)
    stage1: LoopConfig = field(default_factory=lambda: LoopConfig(steps=0))
    stage2: LoopConfig = field(default_factory=lambda: LoopConfig(steps=0))
    """A stage that the schedule does not name has no steps, and is not trained by it."""
    is_branch_frozen: bool = False
    """Stage 2 trains the refinement alone, as the release; else the branch too, as the paper."""
    second_look_chance: float = 0.0
    """Share of pictures whose guidance is the network's own first answer; above 0 the weights say
    that they look twice."""
    stage2_curriculum: Curriculum = field(default_factory=Curriculum)
    """Window sizes of stage 2."""
    stage2_targets: int | None = None
    """Targets of each picture in stage 2, where the refinement learns from people who share one;
    `batch.targets` unless given."""

    def __post_init__(self) -> None:
        check_ranges(self, ("mask_channels",), 1, 3)
        check_ranges(self, ("validation_pictures",), 0)
        check_sides(self, "validation_side_px")
        check_ranges(self, ("second_look_chance",), 0, 1)
        if self.stage2_targets is not None:
            check_ranges(self, ("stage2_targets",), 1)


def read_config(path: Path, kind: type[T]) -> T:
    """Return a dataclass from a TOML file.

    Raises:
        OptionError: The file cannot be read, is no TOML, or has a field that `kind` has not.
    """
    values = read_toml(path)
    unknown = _unknown_field(values, kind)
    if unknown:
        raise OptionError(f"{path}: there is no setting {unknown}")
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise OptionError(f"{path}: {first_complaint(error)}") from error


def _unknown_field(values: Mapping[str, Any], kind: type[Any]) -> str | None:
    """Return the dotted name of the first value that a dataclass has no field for."""
    types = get_type_hints(kind)
    for name, value in values.items():
        if name not in types:
            return name
        inner = types[name]
        rows = [value]
        if isinstance(value, list):
            inner, rows = (get_args(inner) or (None,))[0], value
        for row in rows:
            if is_dataclass(inner) and isinstance(inner, type) and isinstance(row, Mapping):
                unknown = _unknown_field(row, inner)
                if unknown:
                    return f"{name}.{unknown}"
    return None


def resolve(path: Path, beside: Path) -> Path:
    """Return a path that a file at `beside` names; a relative one starts at that file's folder."""
    return path if path.is_absolute() else beside.parent / path
