"""How much of a frame goes through the network at once: less each time a device's memory runs out.

Another program may hold most of a GPU's memory, and may take it at any moment.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import torch

from instmatt_video.models.refinement import PATCHES_AT_ONCE

from ..errors import DeviceError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Portion:
    """What goes through together."""

    people: int
    """Crops of one size that a look takes."""
    patches: int
    """Blocks, times people, that the refinement takes."""
    is_frame_alone: bool = False
    """No other frame is matted meanwhile."""

    def reduced(self) -> Portion | None:
        """Return the next smaller portion; `None` where there is none."""
        if self.is_frame_alone:
            return None
        return Portion(max(1, self.people // 2), max(1, self.patches // 2), self.people == 1)


class Portions:
    """The portion in use, for all threads.

    Args:
        device: Whose memory it is.
        people: In the first portion.
    """

    def __init__(self, device: torch.device, people: int) -> None:
        self._device = device
        self._lock = threading.Lock()
        self.current = Portion(people, PATCHES_AT_ONCE["cuda" if device.type == "cuda" else "cpu"])

    def reduce(self, tried: Portion, error: RuntimeError) -> None:
        """Go on with less than a portion for which there was no memory.

        Raises:
            DeviceError: There is no smaller one.
        """
        _release_memory(self._device)
        with self._lock:
            if tried != self.current:
                return  # another thread has reduced it already
            less = tried.reduced()
            if less is None:
                elsewhere = "" if self._device.type == "cpu" else ", or --device cpu"
                raise DeviceError(
                    f"{self._device}: out of memory with one person at a time: "
                    f"try a smaller --matte-size{elsewhere}"
                ) from error
            self.current = less
            logger.warning(
                "%s: out of memory: %s at a time from here on",
                self._device,
                "one person and frame" if less.is_frame_alone else f"{less.people} people",
            )


def _release_memory(device: torch.device) -> None:
    """Give what torch keeps of a GPU's memory, and does not use, back to it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
