"""What a run asks of whatever mattes its frames: `Matter`, or a matter of the caller's own."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..alpha_frame import AlphaFrame
from ..detection.detections import Detections


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

    def matte(
        self, image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], people: Detections
    ) -> list[AlphaFrame]:
        """Return everybody's alpha, in the order of `people`; see `Matter.matte`."""
        ...
