"""What every detector can do, and which one a user's words mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import OptionError, WeightsError
from .detections import Detections

if TYPE_CHECKING:
    import torch

    from instmatt_video.models.person_detector import PersonNetworks

    from ..media.frame import ClipInfo

ImageArray = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


class Detector(Protocol):
    """Finds the people of single frames; remembers nothing between them."""

    @property
    def name(self) -> str:
        """Say what is used, for the manifest."""
        ...

    @property
    def confident_score(self) -> float:
        """Return the score from which a detection alone is reason to begin a track."""
        ...

    @property
    def has_exact_masks(self) -> bool:
        """Return whether masks are somebody's work, not a network's: to be taken as they are.

        Nor is anybody missed, then: who has no mask in a frame that has some is not there.
        """
        ...

    def looks_at(self, frame_index: int) -> bool:
        """Return whether this detector has anything to say about a frame; networks always have."""
        ...

    def detect(
        self, images: Sequence[ImageArray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        """Return each image's people, best first.

        Args:
            images: RGB, `(H, W, 3)`, uint8 or uint16 over its full range; sizes may differ.
            frame_indices: Their positions in the clip, from 0; only masks from disk need them.
        """
        ...


@dataclass(frozen=True)
class DetectorChoice:
    """A detector, and the sentence that tells the user which one it is and why."""

    detector: Detector
    reason: str


def create_detector(
    spec: str,
    device: torch.device | str = "cpu",
    clip: ClipInfo | None = None,
    compact: PersonNetworks | None = None,
    is_offline: bool = False,
    finds_small_people: bool = True,
) -> DetectorChoice:
    """Return the detector that `spec` names.

    Args:
        spec: `auto`, `compact`, `maskrcnn` or `masks:DIR`.
        device: Where networks run.
        clip: What masks from disk must fit: size, number of frames and their numbering.
        compact: The embedded detector's network, where it is in memory already.
        is_offline: Never fetch weights; `auto` never does.
        finds_small_people: Let the embedded detector look finely, too.

    Raises:
        OptionError: The name is unknown, or names no folder.
        WeightsError: The weights of the named network are missing.
        MaskReadError: The folder of masks cannot be used.
    """
    folder = mask_folder(spec)
    if folder is not None:
        return DetectorChoice(_masks_from(folder, clip), f"Instance masks are read from {folder}.")
    if spec == "compact":
        return DetectorChoice(
            _compact(device, compact, finds_small_people),
            "The embedded compact detector was asked for.",
        )
    if spec == "maskrcnn":
        return DetectorChoice(_mask_rcnn(device, is_offline), "Mask R-CNN was asked for.")
    if spec == "auto":
        return _choose(device, compact, finds_small_people)
    raise OptionError(f"detector {spec!r} is unknown: use auto, compact, maskrcnn or masks:DIR")


def mask_folder(spec: str) -> Path | None:
    """Return the folder that `masks:DIR` names; `None` where a network is meant.

    Raises:
        OptionError: It names none.
    """
    if not spec.startswith("masks:"):
        return None
    name = spec.removeprefix("masks:")
    if not name.strip():
        raise OptionError(f"detector {spec!r} names no folder: use masks:DIR")
    return Path(name)


def _masks_from(folder: Path, clip: ClipInfo | None) -> Detector:
    from .masks_from_disk import MasksFromDisk

    if clip is None:
        return MasksFromDisk(folder)
    masks = MasksFromDisk(folder, (clip.height, clip.width), clip.first_frame_number)
    masks.check_files()
    if clip.frame_count is not None:
        masks.check_length(clip.frame_count)
    return masks


def _choose(
    device: torch.device | str, compact: PersonNetworks | None, finds_small_people: bool
) -> DetectorChoice:
    if str(device) == "cpu":
        return DetectorChoice(
            _compact(device, compact, finds_small_people),
            "The embedded compact detector: Mask R-CNN needs a GPU to be quick.",
        )
    from ..weights.cache import weights_path
    from ..weights.registry import find_entry

    if not weights_path(find_entry("maskrcnn")).is_file():
        return DetectorChoice(
            _compact(device, compact, finds_small_people),
            "The embedded compact detector: Mask R-CNN's weights are not here "
            "(`instmatt-video weights fetch maskrcnn` brings them).",
        )
    try:
        return DetectorChoice(
            _mask_rcnn(device, is_offline=True),
            "Mask R-CNN: there is a GPU, and its weights are here.",
        )
    except WeightsError as error:
        return DetectorChoice(
            _compact(device, compact, finds_small_people),
            f"The embedded compact detector, not Mask R-CNN: {error}.",
        )


def _compact(
    device: torch.device | str, network: PersonNetworks | None, finds_small_people: bool
) -> Any:
    from .compact import CompactDetector, CompactSettings

    settings = CompactSettings() if finds_small_people else CompactSettings(fine_side_px=None)
    return CompactDetector(device=device, settings=settings, network=network)


def _mask_rcnn(device: torch.device | str, is_offline: bool) -> Any:
    from .mask_rcnn import MaskRcnnDetector

    return MaskRcnnDetector(device, is_offline=is_offline)
