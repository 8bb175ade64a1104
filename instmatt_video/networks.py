"""Detector and matter of a run: which ones a config means, and what the manifest says of them.

Knows names and weights; knows no frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from .checksums import sha256_of
from .config import MatteConfig
from .detection.detector import Detector, compact_weights, create_detector
from .detection.masks_from_disk import MasksFromDisk
from .device import check_runtime, choose_device
from .manifest import WeightsRecord
from .matting.frame_matter import FrameMatter
from .matting.matter import Matter
from .media.frame import ClipInfo
from .weights.loading import load_detector_networks, load_matting_network, resolve_weights

if TYPE_CHECKING:
    from instmatt_video.models.instance_matting import InstanceMattingNetwork
    from instmatt_video.models.person_detector import PersonDetector, PersonNetworks


@dataclass(frozen=True)
class Networks:
    """What a run computes with."""

    detector: Detector
    reason: str
    """Why it is this detector, in a sentence."""
    matter: FrameMatter
    weights: tuple[WeightsRecord, ...] = ()
    masks_sha256: str | None = None
    """Of masks from disk in a network's place."""
    person_names: Mapping[int, str] = field(default_factory=dict)
    """What the masks call people, by `Detections.identities`; empty where they do not."""
    person_numbers: Mapping[int, int] = field(default_factory=dict)
    """Of an online run, the numbers that the masks give people, so too."""


class NetworkProvider(Protocol):
    """Gives a clip its networks."""

    def __call__(self, config: MatteConfig, info: ClipInfo) -> Networks:
        """Return the networks that a config means for a clip."""
        ...


@dataclass(frozen=True)
class LoadedWeights:
    """Networks in main memory, on no device yet; a `NetworkProvider` that reads no weights.

    A cluster hands one to all its workers. Only the compact detector is handed over; Mask R-CNN
    comes from each machine's own cache.
    """

    matting: InstanceMattingNetwork
    matting_record: WeightsRecord
    compact: PersonDetector
    compact_record: WeightsRecord

    def __call__(self, config: MatteConfig, info: ClipInfo) -> Networks:
        """Return the networks that a config means for a clip, on the device of this machine."""
        return load_networks(config, info, loaded=self)


def load_weights(config: MatteConfig) -> LoadedWeights:
    """Return the networks of a config, read once.

    Raises:
        OptionError: There is no such detector.
        WeightsError: Weights are missing or damaged.
    """
    compact = compact_weights(config.detection.detector) or "compact"
    return LoadedWeights(
        load_matting_network(config.matting.model),
        _record(config.matting.model),
        load_detector_networks(compact),
        _record(compact),
    )


def load_networks(
    config: MatteConfig,
    info: ClipInfo,
    detector: Detector | None = None,
    matter: FrameMatter | None = None,
    loaded: LoadedWeights | None = None,
) -> Networks:
    """Return the networks that a config means for a clip; a `NetworkProvider`.

    Args:
        config: Names of detector, matting network and device.
        info: The clip, against whose size masks from disk are checked.
        detector: One of the caller's own instead.
        matter: One of the caller's own instead.
        loaded: Networks that are in memory already.

    Raises:
        DeviceError: The device is not here.
        OptionError: The runtime is not here, or not for this device; there is no such detector.
        WeightsError: Weights are missing or damaged.
        MaskReadError: The folder of masks cannot be used.
    """
    device = choose_device(config.matting.device)
    check_runtime(config.matting.runtime, device)
    weights: list[WeightsRecord] = []
    reason = "A detector was handed in."
    if detector is None:
        choice = create_detector(
            config.detection.detector,
            device,
            info,
            compact=compact_networks(
                config.matting.runtime,
                config.detection.detector,
                loaded.compact if loaded else None,
            ),
            is_offline=config.run.is_offline,
            finds_small_people=config.detection.finds_small_people,
            precision=config.matting.precision,
        )
        detector, reason = choice.detector, choice.reason
        if loaded and choice.weights == loaded.compact_record.name:
            weights.append(loaded.compact_record)
        elif choice.weights is not None:
            weights.append(_record(choice.weights))
    if matter is None:
        matter = Matter.from_config(
            config.matting, loaded.matting if loaded else None, info.color_noise
        )
        weights.append(loaded.matting_record if loaded else _record(config.matting.model))
    networks = Networks(detector, reason, matter, tuple(weights))
    if isinstance(detector, MasksFromDisk):
        return replace(
            networks,
            masks_sha256=detector.checksum,
            person_names=detector.person_names,
            person_numbers=detector.person_numbers if config.run.is_online else {},
        )
    return networks


def compact_networks(
    runtime: str, detector: str, loaded: PersonDetector | None = None
) -> PersonNetworks | None:
    """Return the compact detector's networks, `None` where it is to read them itself.

    Args:
        runtime: One of `RUNTIMES`, known to be here.
        detector: Which detector a run asks for.
        loaded: Its networks in memory, in torch.

    Raises:
        OptionError: There is no such detector.
        WeightsError: Weights are missing or damaged.
    """
    weights = compact_weights(detector)
    if runtime == "torch" or weights is None:
        return loaded
    from .onnx_runtime.networks import OnnxPersonNetworks

    return OnnxPersonNetworks(loaded or load_detector_networks(weights))


def _record(name: str) -> WeightsRecord:
    return WeightsRecord(name=name, sha256=sha256_of(resolve_weights(name)))
