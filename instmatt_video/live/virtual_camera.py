"""The live picture as a camera for other programs, through pyvirtualcam (extra `vcam`).

Knows virtual cameras; knows nothing of mattes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DeviceError
from ..extras import require_extra
from .live_matter import LiveFrame
from .meter import Figures


class VirtualCamera:
    """Shows pictures as a camera.

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        frame_rate: What the camera says of itself, in frames a second.

    Raises:
        OptionError: pyvirtualcam is not installed.
        DeviceError: This machine has no virtual camera.
    """

    def __init__(self, width: int, height: int, frame_rate: float) -> None:
        require_extra("vcam", "--virtual-camera")
        import pyvirtualcam

        try:
            self._camera: Any = pyvirtualcam.Camera(width=width, height=height, fps=frame_rate)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise DeviceError(f"no virtual camera can be opened: {reason}") from error
        self.device = str(self._camera.device)
        """Name under which other programs find it."""

    def show(self, picture: npt.NDArray[np.uint8], live: LiveFrame, figures: Figures) -> None:
        """Send a picture."""
        self._camera.send(np.ascontiguousarray(picture))

    def is_open(self) -> bool:
        """Return `True`: nobody closes it from outside."""
        return True

    def close(self) -> None:
        """Let go of the camera."""
        self._camera.close()
