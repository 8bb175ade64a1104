"""How cut-outs of photos are called: their name says which photo somebody was cut out of.

Knows names alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, count
from pathlib import Path


def stems_of_photos(photos: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield for each photo what the names of all its people begin with.

    That is `<pack>_<photo>`; of photos of one name the second is `<photo>-2`.

    Args:
        photos: Name of the pack and of the photo, always in the same order.
    """
    taken: set[str] = set()
    for pack, photo in photos:
        stem = f"{pack}_{Path(photo).stem}"
        numbered = (f"{stem}-{number}" for number in count(2))
        name = next(name for name in chain([stem], numbered) if name not in taken)
        taken.add(name)
        yield name


def name_cutout(stem: str, person: int) -> str:
    """Return the file name of one person's cut-out.

    Args:
        stem: Of the photo.
        person: Place among the photo's people, from 0.
    """
    return f"{stem}_{person}.webp"


def photo_stem(cutout: str) -> str:
    """Return the stem of the photo that a cut-out of this name would be of."""
    return Path(cutout).stem.rpartition("_")[0]
