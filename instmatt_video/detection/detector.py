"""What every detector can do, and which one a user's words mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

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
    """Finds the people of single frames; remembers no picture between them."""

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
    weights: str | None = None
    """Name or file of its network's weights; `None` for masks from disk."""


def create_detector(
    spec: str,
    device: torch.device | str = "cpu",
    clip: ClipInfo | None = None,
    compact: PersonNetworks | None = None,
    is_offline: bool = False,
    finds_small_people: bool = True,
    precision: str = "auto",
) -> DetectorChoice:
    """Return the detector that `spec` names.

    Args:
        spec: `auto`, `compact`, `maskrcnn`, `masks:DIR`, or a weights file.
        device: Where networks run.
        clip: What masks from disk must fit: size, number of frames and their numbering.
        compact: The compact detector's network, where it is in memory already.
        is_offline: Never fetch weights; `auto` never does.
        finds_small_people: Let the embedded detector look finely, too.
        precision: One of `PRECISIONS`, of the embedded detector's looks at crops on a CPU.

    Raises:
        OptionError: The name is unknown, or names no folder.
        WeightsError: The weights of the named network are missing, damaged or another's.
        MaskReadError: The folder of masks cannot be used.
    """
    folder = mask_folder(spec)
    if folder is not None:
        return DetectorChoice(_masks_from(folder, clip), f"Instance masks are read from {folder}.")
    weights = compact_weights(spec)
    if weights is None:
        return _mask_rcnn(device, "Mask R-CNN was asked for.", is_offline)
    make_compact = partial(_compact, weights, device, compact, finds_small_people, precision)
    if spec == "auto":
        return _choose(device, make_compact)
    name = "embedded compact detector" if weights == "compact" else f"detector of {weights}"
    return make_compact(f"The {name} was asked for.")


def compact_weights(spec: str) -> str | None:
    """Return whose weights the compact detector has: `compact`, its own, or a file.

    `None` where `spec` means another detector. No file is looked for.

    Raises:
        OptionError: It means none.
    """
    if spec == "maskrcnn" or mask_folder(spec) is not None:
        return None
    if spec in ("auto", "compact"):
        return "compact"
    if not spec.endswith(".safetensors"):
        raise OptionError(
            f"detector {spec!r} is unknown: use auto, compact, maskrcnn, masks:DIR or a weights "
            "file (.safetensors)"
        )
    return spec


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
    device: torch.device | str, make_compact: Callable[[str], DetectorChoice]
) -> DetectorChoice:
    if str(device) == "cpu":
        return make_compact("The embedded compact detector: Mask R-CNN needs a GPU to be quick.")
    from ..weights.cache import weights_path
    from ..weights.registry import find_entry

    if not weights_path(find_entry("maskrcnn")).is_file():
        return make_compact(
            "The embedded compact detector: Mask R-CNN's weights are not here "
            "(`instmatt-video weights fetch maskrcnn` brings them)."
        )
    try:
        return _mask_rcnn(
            device, "Mask R-CNN: there is a GPU, and its weights are here.", is_offline=True
        )
    except WeightsError as error:
        return make_compact(f"The embedded compact detector, not Mask R-CNN: {error}.")


def _compact(
    weights: str,
    device: torch.device | str,
    network: PersonNetworks | None,
    finds_small_people: bool,
    precision: str,
    reason: str,
) -> DetectorChoice:
    import torch

    from ..device import choose_precision
    from .compact import CompactDetector, CompactSettings

    settings = CompactSettings() if finds_small_people else CompactSettings(fine_side_px=None)
    device = torch.device(device)
    # On a GPU, where it is soon done, it stays as it was measured.
    inner = choose_precision(precision if device.type == "cpu" else "fp32", device)
    detector = CompactDetector(weights, device, settings, network, inner)
    return DetectorChoice(detector, reason, weights)


def _mask_rcnn(device: torch.device | str, reason: str, is_offline: bool) -> DetectorChoice:
    from .mask_rcnn import MaskRcnnDetector

    return DetectorChoice(MaskRcnnDetector(device, is_offline=is_offline), reason, "maskrcnn")
