"""What a run asks of whatever mattes its frames: `Matter`, or a matter of the caller's own."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..alpha_frame import AlphaFrame
from ..detection.detections import Detections
from ..rectangle import Rectangle
from .inputs import without_overshoot

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


class FrameMatter(Protocol):
    """Mattes the people of single frames, as `Matter` does; remembers nothing between them."""

    @property
    def device(self) -> object:
        """Say where it runs, for the manifest; on `cpu` several threads matte at once."""
        ...

    @property
    def precision(self) -> object:
        """Say what it computes in, for the manifest."""
        ...

    def matte(self, image: Image, people: Detections) -> list[AlphaFrame]:
        """Return everybody's alpha, in the order of `people`; see `Matter.matte`."""
        ...


def matte_people(matter: FrameMatter, image: Image, people: Detections) -> list[AlphaFrame]:
    """Return everybody's alpha as a matter gives it, in the order of `people`.

    What resizing left a little past 0..1 is cut off.

    Raises:
        ValueError: It gives no alpha for each, or one that is no floats 0..1 within the image.
    """
    alphas = matter.matte(image, people)
    if len(alphas) != len(people):
        raise ValueError(f"a matter gave {len(alphas)} alphas for {len(people)} people")
    height, width = image.shape[:2]
    return [_checked(alpha, Rectangle(0, 0, width, height)) for alpha in alphas]


def _checked(frame: AlphaFrame, image: Rectangle) -> AlphaFrame:
    """Return an alpha of whole pixels and values 0..1, in plain types."""
    alpha, left, top = frame.alpha, int(frame.left), int(frame.top)
    if alpha.ndim != 2 or not np.issubdtype(alpha.dtype, np.floating):
        raise ValueError(f"a matter's alpha must be (h, w) floats, not {alpha.shape} {alpha.dtype}")
    if (left, top) != (frame.left, frame.top):
        raise ValueError(
            f"a matter's alpha must begin at a whole pixel, not at {frame.left}, {frame.top}"
        )
    values = without_overshoot(np.asarray(alpha, np.float32), "a matter's alpha")
    checked = AlphaFrame(left, top, values)
    if alpha.size and image.intersection(checked.area) != checked.area:
        raise ValueError(
            f"a matter's alpha, {checked.area}, reaches out of the image, "
            f"{image.width}x{image.height}"
        )
    return checked
