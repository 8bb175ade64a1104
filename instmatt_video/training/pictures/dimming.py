"""Pictures as a dark place or a hard camera shows them: low light, and deep shadows.

Press photos are bright. Film often is not, and there dark clothes stand before a dark floor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from .composites import Composite
from .straight_rgba import straight_color

FloatArray = npt.NDArray[np.float32]

MAX_GAMMA = 3.0
MIN_GAIN = 0.2


@dataclass(frozen=True)
class ToneCurve:
    """What becomes of each level: `gain * level ** gamma`."""

    gain: float
    """0..1: less light."""
    gamma: float
    """From 1: darker shadows under lights as they were."""

    def of(self, levels: FloatArray) -> FloatArray:
        """Return levels, 0..1, as the curve changes them."""
        return np.asarray(np.float32(self.gain) * cv2.pow(levels, self.gamma), np.float32)


def draw_curve(rng: np.random.Generator) -> ToneCurve:
    """Return a curve that takes away light or deepens shadows, in any measure."""
    if rng.random() < 0.5:
        return ToneCurve(1.0, float(np.exp(rng.uniform(0, np.log(MAX_GAMMA)))))
    return ToneCurve(float(np.exp(rng.uniform(np.log(MIN_GAIN), 0))), 1.0)


def dim_levels(image: npt.NDArray[np.uint8], curve: ToneCurve) -> npt.NDArray[np.uint8]:
    """Return an 8-bit picture `(H, W, 3)` under the curve."""
    table = curve.of(np.linspace(0, 1, 256, dtype=np.float32)).ravel()
    return np.asarray(cv2.LUT(image, (255 * table + 0.5).astype(np.uint8)), np.uint8)


def dim_composite(scene: Composite, curve: ToneCurve) -> Composite:
    """Return the composite of people and place under the curve.

    Each layer's own colours change, not their mixture: so the picture stays what Eq. 1 says of the
    layers, which the losses hold it to.

    Args:
        scene: As composed.
        curve: What becomes of each level.
    """
    place = np.maximum(scene.image - scene.foregrounds.sum(0), 0)
    uncovered = np.maximum(1 - scene.alphas.sum(0), 0)
    dimmed = [
        alpha[..., None] * curve.of(straight_color(color, alpha))
        for color, alpha in zip(
            (*scene.foregrounds, place), (*scene.alphas, uncovered), strict=True
        )
    ]
    foregrounds = np.stack(dimmed[:-1])
    return replace(scene, image=foregrounds.sum(0) + dimmed[-1], foregrounds=foregrounds)
