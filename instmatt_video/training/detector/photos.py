"""Photos for the detector's crops: as they are, with people pasted in, or composed from nothing.

Knows photos and people; knows neither boxes to look at nor networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..pictures.dimming import dim_levels, draw_curve
from ..pictures.kept_pictures import PicturesInOrder
from ..pictures.marked_photos import Person, PersonPatch, Photo, UInt8Array
from ..pictures.walls import make_wall
from .scenes import degrade, mirror, paste_patches, vary_colour

MIN_PERSON_PX = 20.0
"""Annotators' outlines of smaller people are a few corners; they teach no shape."""
WALL_CHANCE = 0.5
"""Share of the empty places that are a plain wall in the people's own colours."""
DIM_CHANCE = 0.35
"""Share of pictures in low light or with deep shadows."""


@dataclass(frozen=True)
class PhotoMixer:
    """Draws photos, with what people and places there are."""

    marked: Sequence[Photo]
    """Photos with annotated people, and photos with nobody."""
    single: Sequence[Photo] = ()
    """Photos of one person each, who is not the only one to be seen for sure."""
    patches: Sequence[PersonPatch] = ()
    """People to paste."""
    backgrounds: Sequence[UInt8Array] = ()
    """Pictures that show nobody."""
    single_share: float = 0.14
    """Of all drawn photos."""
    composite_share: float = 0.30
    """Photos in which everybody is pasted, of all."""
    _peopled: PicturesInOrder[Photo] = field(init=False, repr=False)
    _chances: npt.NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        peopled = [photo for photo in self.marked if large_people(photo)]
        weights = np.array([min(4.0, weights_of(large_people(p)).sum()) for p in peopled])
        object.__setattr__(self, "_peopled", PicturesInOrder([photo.read for photo in peopled]))
        object.__setattr__(self, "_chances", weights / max(weights.sum(), 1e-9))

    def draw(self, rng: np.random.Generator) -> Photo:
        """Return a photo, by half mirrored, mostly in other colours and as worse cameras see it."""
        photo = self._draw_photo(rng)
        return varied(mirror(photo) if rng.random() < 0.5 else photo, rng)

    def _draw_photo(self, rng: np.random.Generator) -> Photo:
        kind = rng.random()
        if kind < self.single_share and self.single:
            photo = self.single[int(rng.integers(len(self.single)))]
            num_pasted = int(rng.integers(0, 3))
        elif kind < self.single_share + self.composite_share and self.backgrounds and self.patches:
            return self._draw_composite(rng)
        else:
            photo = self._peopled[int(rng.choice(len(self._peopled), p=self._chances))]
            num_pasted = int(rng.integers(1, 3)) if rng.random() < 0.4 else 0
        if not num_pasted or not self.patches:
            return photo
        return paste_patches(photo, self._draw_patches(num_pasted, rng), rng)

    def _draw_composite(self, rng: np.random.Generator) -> Photo:
        """Return people pasted over a place where nobody is."""
        people = self._draw_patches(int(rng.integers(1, 5)), rng)
        image = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
        if rng.random() < WALL_CHANCE:
            image = make_wall([p.rgba for p in people], (image.shape[1], image.shape[0]), rng)
        return paste_patches(Photo("", image, (), np.zeros((0, 4), np.float32)), people, rng)

    def _draw_patches(self, count: int, rng: np.random.Generator) -> list[PersonPatch]:
        return [self.patches[i] for i in rng.integers(len(self.patches), size=count)]


def varied(photo: Photo, rng: np.random.Generator) -> Photo:
    """Return the photo mostly in other colours or light, by half as worse cameras see it."""
    image = vary_colour(photo.image, rng) if rng.random() < 0.7 else photo.image
    image = dim_levels(image, draw_curve(rng)) if rng.random() < DIM_CHANCE else image
    image = degrade(image, rng) if rng.random() < 0.5 else image
    return Photo(photo.name, image, photo.people, photo.crowd_boxes, photo.is_complete)


def large_people(photo: Photo) -> list[Person]:
    """Return who stands large enough in the photo to show a shape."""
    return [person for person in photo.people if person.height_px >= MIN_PERSON_PX]


def weights_of(people: Sequence[Person]) -> npt.NDArray[np.float64]:
    """Return how much each person counts: small ones show less of a shape."""
    return np.array([min(1.0, max(0.25, person.height_px / 96)) for person in people])
