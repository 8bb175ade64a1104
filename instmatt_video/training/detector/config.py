"""What `train detector` is told in its two TOML files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from ...errors import OptionError
from ..config_file import resolve
from ..loop_config import LoopConfig
from ..ranges import check_ranges

PARTS = ("decoder", "crops", "proposals", "mutual")
"""In the order of training, each with a schedule of its own."""


@dataclass(frozen=True)
class DetectorData:
    """Where the pictures are; a relative path starts at the TOML file's folder."""

    photos: Path
    """COCO-format folder or tar pack: `images/` and `instances_person.json`."""
    initialisation: Path | None = None
    """NanoDet-m's COCO weights as safetensors; not needed where others are gone on from."""
    masked_photos: tuple[Path, ...] = ()
    """Packs of one-person photos, `image/` and `mask/`."""
    cutouts: Path | None = None
    """Pack of RGBA people, `rgba/`."""
    backgrounds: Path | None = None
    """Pack of pictures that show nobody."""
    licences: tuple[int, ...] = ()
    """COCO licence ids of the photos to use; none: all."""

    def licensed(self, licences: tuple[int, ...]) -> DetectorData:
        """Return the photos of these COCO licences alone; the other packs have no licence ids."""
        return replace(self, masked_photos=(), cutouts=None, backgrounds=None, licences=licences)

    def initialisation_from(self, data_path: Path) -> Path:
        """Return where the initialisation is.

        Args:
            data_path: The file that this was read from.

        Raises:
            OptionError: None is named.
        """
        if self.initialisation is None:
            raise OptionError(f"{data_path} names no initialisation: name one with --init")
        return resolve(self.initialisation, data_path)


@dataclass(frozen=True)
class DetectorTraining:
    """How the networks are trained."""

    crops_per_step: int = 32
    photos_per_step: int = 4
    held_out_photos: int = 60
    """Photos of the train subset that are not trained on, for watching the training."""
    pastes_photo_people: bool = True
    """The photos' own people are pasted beside the cut-outs, with the hard edges of their masks."""
    drawn_outline_weight: float = 1.0
    """How much masks drawn by hand count at their outlines, 0..1."""
    decoder: LoopConfig = field(default_factory=LoopConfig)
    """The crop network's new layers alone."""
    crops: LoopConfig = field(default_factory=LoopConfig)
    """The whole crop network."""
    proposals: LoopConfig = field(default_factory=LoopConfig)
    mutual: LoopConfig = field(default_factory=lambda: LoopConfig(steps=0))
    """The third look, once the others are trained; without steps there is none."""

    def __post_init__(self) -> None:
        check_ranges(self, ("crops_per_step", "photos_per_step"), 1)
        check_ranges(self, ("held_out_photos",), 0)
        check_ranges(self, ("drawn_outline_weight",), 0, 1)

    def as_told(self, steps: int | None, seed: int | None) -> DetectorTraining:
        """Return it with another length of every part that has steps, and another seed of all."""
        return replace(
            self,
            decoder=_as_told(self.decoder, steps, seed),
            crops=_as_told(self.crops, steps, seed),
            proposals=_as_told(self.proposals, steps, seed),
            mutual=_as_told(self.mutual, steps, seed),
        )


def _as_told(loop: LoopConfig, steps: int | None, seed: int | None) -> LoopConfig:
    """Return a part's schedule with another length, if it has one, and seed."""
    if steps is not None and loop.steps:
        loop = replace(loop, steps=steps)
    return loop if seed is None else replace(loop, seed=seed)
