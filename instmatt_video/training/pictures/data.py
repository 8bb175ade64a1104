"""Where the pictures of a matting training are; the data file, as TOML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
