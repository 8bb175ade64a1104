"""People and places that training pictures are composed of."""

from __future__ import annotations

from functools import partial
from operator import attrgetter

import numpy as np
import numpy.typing as npt

from .composites import Composite
from .cutouts import CutoutLibrary
from .kept_pictures import KeptPictures, PicturesInOrder
from .packs import ImagePack, read_color
from .scene import SceneConfig, compose_scene
from .walls import make_wall


class CompositePool:
    """Cut-outs and backgrounds, and how often each is drawn.

    Args:
        cutouts: People with soft alpha.
        weights: Chance of each cut-out, not normalised, `(len(cutouts),)`.
        backgrounds: Pictures without people.
        background_names: Which of them; the next stands in for one that cannot be read.
    """

    def __init__(
        self,
        cutouts: CutoutLibrary,
        weights: npt.NDArray[np.float64],
        backgrounds: ImagePack,
        background_names: list[str],
    ) -> None:
        self.cutouts = cutouts
        self.chances = weights / weights.sum()
        self.backgrounds = backgrounds
        self.background_names = background_names
        kept = KeptPictures(partial(read_color, backgrounds), attrgetter("nbytes"))
        self._places = PicturesInOrder([partial(kept.__getitem__, n) for n in background_names])

    def compose(
        self, side: int, scene: SceneConfig, wall_chance: float, rng: np.random.Generator
    ) -> Composite:
        """Return a square picture of some people, nobody of whom is in it twice.

        Args:
            side: In pixels.
            scene: How many people, at most as many as there are, and where they stand.
            wall_chance: Share of pictures before a plain wall in the people's own colours.
            rng: Source of chance.
        """
        weights = np.array(scene.count_weights)
        count = 1 + int(rng.choice(len(weights), p=weights / weights.sum()))
        count = min(count, int((self.chances > 0).sum()))
        chosen = rng.choice(len(self.cutouts), count, replace=False, p=self.chances)
        people = [self.cutouts[int(i)] for i in chosen]
        place = int(rng.integers(len(self.background_names)))
        if wall_chance and rng.random() < wall_chance:
            background = make_wall([p.levels[-1] for p in people], (side, side), rng)
        else:
            background = self._places[place]
        return compose_scene(people, background, (side, side), scene, rng)
