"""The astronaut Eileen Collins (NASA, public domain) in a photograph of scikit-image's."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from .extras import require_extra


def load_astronaut(purpose: str) -> npt.NDArray[np.uint8]:
    """Return `(512, 512, 3)` RGB.

    Args:
        purpose: What needs it; the error's line begins with it.

    Raises:
        OptionError: scikit-image is not installed.
    """
    require_extra("demo", purpose)
    from skimage import data

    return cast(npt.NDArray[np.uint8], data.astronaut())
