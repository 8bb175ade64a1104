"""Pictures of several people from cut-outs and a background (Eq. 13-15).

Knows layers that already have their place in the picture; knows nothing of how places are chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """One person's cut-out, laid out on the picture's canvas."""

    premultiplied: FloatArray
    """Colour times alpha, `(H, W, 3)`, 0..1."""
    alpha: FloatArray
    """`(H, W)`, 0..1."""


@dataclass(frozen=True)
class Composite:
    """A picture and the truth about it."""

    image: FloatArray
    """`(H, W, 3)`, 0..1."""
    alphas: FloatArray
    """Visible alpha of each layer, α'_i of Eq. 15 for i > 0, `(n, H, W)`."""
    foregrounds: FloatArray
    """Visible alpha times colour of each layer, `(n, H, W, 3)`; `image` is they and α'_0 L_0."""


def composite(background: FloatArray, layers: Sequence[Layer]) -> Composite:
    """Return the picture of the layers over the background, the last one in front.

    Args:
        background: I_0, `(H, W, 3)`, 0..1.
        layers: From back to front; may be empty.

    Source:
        InstMatt Eq. 13-15.
    """
    image = background.copy()
    shape = background.shape[:2]
    alphas = np.zeros((len(layers), *shape), np.float32)
    foregrounds = np.zeros((len(layers), *shape, 3), np.float32)
    for index, layer in enumerate(layers):
        through = 1 - layer.alpha
        image *= through[..., None]
        image += layer.premultiplied  # eq. (13)
        alphas[:index] *= through  # eq. (14): each layer in front attenuates those behind
        foregrounds[:index] *= through[..., None]
        alphas[index] = layer.alpha  # eq. (15)
        foregrounds[index] = layer.premultiplied
    return Composite(image, alphas, foregrounds)
