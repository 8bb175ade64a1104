"""Who and where training must not see: people and places by which its weights are measured."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.resources import files

from .cutout_names import photo_stem

MIN_HELD_OUT_PEOPLE = 5
"""A picture shows up to so many."""
MIN_LISTED = 5
"""Fewer people, or places, of somebody's own have names of our lists by chance."""
OWN_SHARE = 10
"""Of people and places that no list names, one in so many is held out."""


def read_split(name: str) -> list[str]:
    """Return the file names of a held-out list, such as `matting_val_cutouts`."""
    text = (files("instmatt_video.training") / "splits" / f"{name}.txt").read_text()
    return text.split()


def read_held_out_people() -> list[str]:
    """Return the names of our cut-outs by which mattes are measured: trainings leave them out."""
    return read_split("matting_val_cutouts") + read_split("matting_val_photo_people")


def hold_out(cutouts: Sequence[str], backgrounds: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return which people and places training must not see: those of our lists, or some.

    People of whom our lists name hardly any are somebody's own, and places likewise: of these it is
    every tenth in order of their names, or none where people or places are too few for that.

    Args:
        cutouts: Names of all people.
        backgrounds: Names of all places.
    """
    people = _listed(cutouts, read_held_out_people())
    places = _listed(backgrounds, read_split("matting_val_backgrounds"))
    has_people = people or len(cutouts) >= OWN_SHARE * MIN_HELD_OUT_PEOPLE
    has_places = places or len(backgrounds) > 1
    if not (has_people and has_places):
        return people, places
    return people or sorted(cutouts)[::OWN_SHARE], places or sorted(backgrounds)[::OWN_SHARE]


def _listed(names: Sequence[str], ours: Sequence[str]) -> list[str]:
    """Return which of the names are ours, none where they are there by chance."""
    listed = set(ours).intersection(names)
    return [name for name in names if name in listed] if len(listed) >= MIN_LISTED else []


def hide_photos(held_out: Sequence[str], photos: Collection[str]) -> set[str]:
    """Return the stems of the photos that people were cut out of whom training must not see.

    With each goes everybody of the photo. Those of our list are hidden whoever is held out: what is
    learned from photos alone may be gone on with, and then measured by these people.

    Args:
        held_out: Names of cut-outs.
        photos: Stems of all photos, as `cutout_names` has them; a cut-out of none of them is called
            as it likes.
    """
    listed = {photo_stem(name) for name in read_split("matting_val_photo_people")}
    return listed | {photo_stem(name) for name in held_out}.intersection(photos)
