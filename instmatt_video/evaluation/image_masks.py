"""The masks of single images, from a folder or a detector, and what tells them from others."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch

from ..checksums import digest
from ..config import MattingConfig
from ..detection.detector import create_detector
from ..detection.mask_file import read_mask
from ..detection.paste import paste_masks
from ..errors import MaskReadError
from ..media.matte_file import list_mattes
from ..networks import compact_networks
from ..weights.loading import resolve_weights

logger = logging.getLogger(__name__)

Pixels = npt.NDArray[np.uint8]


class ImageMasks(Protocol):
    """Where the masks of images come from."""

    def find(self, image: str, pixels: Pixels) -> dict[str, Pixels]:
        """Return the masks `(h, w)`, 0..255, of an image by the names of their alphas' files."""
        ...

    def origin(self, image: str) -> Any:
        """Return, as JSON holds it, what the masks of an image depend on beside its pixels."""
        ...


class GivenMasks:
    """Masks from `<image>/<nn>.png` below a folder; an empty one says that nobody is there."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, image: str, pixels: Pixels) -> dict[str, Pixels]:
        """Return an image's masks, at its size.

        Raises:
            MaskReadError: It has none, one cannot be read, or two share a name.
        """
        masks: dict[str, Pixels] = {}
        for path in self._files(image):
            name = f"{path.stem}.png"
            if name in masks:
                raise MaskReadError(f"{path} shares its name with another mask")
            mask = read_mask(path)
            if mask.shape != pixels.shape[:2]:
                size = (pixels.shape[1], pixels.shape[0])
                resized = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
                mask = np.asarray(resized, np.uint8)
            masks[name] = mask
        return masks

    def origin(self, image: str) -> Any:
        """Return the files' names and checksums.

        Raises:
            MaskReadError: There is no folder of the image.
        """
        return [[path.name, digest(path)] for path in self._files(image)]

    def _files(self, image: str) -> list[Path]:
        folder = self._root / image
        if not folder.is_dir():
            raise MaskReadError(f"{image} has no masks at {folder}")
        return list_mattes(folder)


class DetectedMasks:
    """Masks of whoever a detector is confident of, best first.

    Args:
        spec: Which detector.
        config: Its runtime and precision.
        device: Where it runs.

    Raises:
        OptionError: The name is unknown.
        WeightsError: The weights are missing or damaged.
    """

    def __init__(self, spec: str, config: MattingConfig, device: torch.device) -> None:
        networks = compact_networks(config.runtime, spec)
        choice = create_detector(spec, device, compact=networks, precision=config.precision)
        logger.info("%s", choice.reason)
        self._detector = choice.detector
        weights = choice.weights
        self._origin = [
            choice.detector.name,
            None if weights is None else digest(resolve_weights(weights)),
        ]

    def find(self, image: str, pixels: Pixels) -> dict[str, Pixels]:
        """Return the masks of an image's people."""
        people = self._detector.detect([pixels], [0])[0]
        people = people.select(people.scores >= self._detector.confident_score)
        pasted = paste_masks(people, *pixels.shape[:2])
        return {
            f"{number:02d}.png": np.asarray(mask * 255 + 0.5, np.uint8)
            for number, mask in enumerate(pasted)
        }

    def origin(self, image: str) -> Any:
        """Return the detector and the checksum of its weights."""
        return self._origin
