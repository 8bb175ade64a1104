"""Networks that onnxruntime computes, in the place of torch's.

Measured in one thread (`bench/export.py`): the detector's looks and the matting network's trunk
gain. What follows the trunk stays in torch: dilating the uncertain region takes onnxruntime longer
than the trunk gains, and the finest layers run in blocks, which are no fixed graph.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.matting_network import TrunkFeatures
from instmatt_video.models.person_crops import CROP_SIZE, MUTUAL_CROP_SIZE
from instmatt_video.models.person_detector import PersonDetector

from ..export.parts import Part, detector_parts, trunk_part
from ..export.writing import Reader, open_onnx
from .graph_cache import load_graph


class OnnxGraph:
    """One part's graph; several threads may share it."""

    def __init__(self, part: Part) -> None:
        self._graph = load_graph(part)
        self._readers: dict[int, Reader] = {}
        self._lock = threading.Lock()

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """Return the part's outputs, in as many threads as torch would take here."""
        threads = torch.get_num_threads()
        with self._lock:
            if threads not in self._readers:
                self._readers[threads] = open_onnx(self._graph, threads)
        return self._readers[threads]([tensor.float() for tensor in inputs])


@dataclass(frozen=True)
class OnnxBoxes:
    """Every cell's box and score; a `CellBoxes`."""

    cell_boxes: Tensor
    cell_scores: Tensor

    def boxes_of(self, pictures: Tensor, cells: Tensor) -> Tensor:
        """Return the boxes of some cells; see `CellBoxes`."""
        return self.cell_boxes[pictures, cells]

    def scores(self) -> Tensor:
        """Return the scores, `(B, L)`, 0..1."""
        return self.cell_scores


@dataclass(frozen=True)
class OnnxLooks:
    """What a look at the crops says; `PersonLooks`."""

    crop_masks: Tensor
    box_deltas: Tensor
    crop_qualities: Tensor

    def masks(self) -> Tensor:
        """Return the masks over the crops at stride 2, `(N, h / 2, w / 2)`, 0..1."""
        return self.crop_masks

    def qualities(self) -> Tensor:
        """Return the overlaps that the masks will have with the truth, `(N,)`, 0..1."""
        return self.crop_qualities


class OnnxPersonNetworks:
    """The looks of the compact detector; `PersonNetworks`.

    Args:
        detector: Whose weights are computed with.
    """

    def __init__(self, detector: PersonDetector) -> None:
        graphs = [OnnxGraph(p) for p in detector_parts(detector, _pictures, _crops, _mutual_crops)]
        self._proposals, self._crops = graphs[:2]
        self._mutual = graphs[2] if detector.mutual is not None else None

    def proposals(self, images: Tensor) -> OnnxBoxes:
        """Return every cell's box and score of RGB images `(B, 3, H, W)`, 0..255."""
        return OnnxBoxes(*self._proposals(images))

    def crops(self, crops: Tensor) -> OnnxLooks:
        """Return masks, box corrections and quality of RGB crops `(N, 3, *CROP_SIZE)`, 0..255."""
        return OnnxLooks(*self._crops(crops))

    @property
    def mutual(self) -> Callable[[Tensor, Tensor], OnnxLooks] | None:
        """The same from finer crops `(N, 3, h, w)` and guidance `(N, 2, h, w)`, 0..1.

        `None` where untrained.
        """
        graph = self._mutual
        return None if graph is None else lambda crops, guidance: OnnxLooks(*graph(crops, guidance))


class OnnxTrunk:
    """The matting network's trunk; a `RunTrunk`.

    Args:
        network: On the CPU, norms folded.
    """

    def __init__(self, network: InstanceMattingNetwork) -> None:
        channels = 3 + network.mask_channels
        self._graph = OnnxGraph(trunk_part(network, lambda: _trunk_pictures(channels)))

    def __call__(self, picture: Tensor) -> TrunkFeatures:
        """Return what the trunk makes of image and guidance, `(N, C, H, W)`."""
        return TrunkFeatures(*self._graph(picture))


def _pictures() -> Sequence[tuple[Tensor, ...]]:
    """Return two sizes that the detector looks at: a graph is checked on noise, of any range."""
    return [(255 * _noise(1, 3, *size),) for size in ((224, 416), (416, 320))]


def _crops() -> Sequence[tuple[Tensor, ...]]:
    return [(255 * _noise(count, 3, *CROP_SIZE),) for count in (1, 3)]


def _mutual_crops() -> Sequence[tuple[Tensor, ...]]:
    sizes = [(count, *MUTUAL_CROP_SIZE) for count in (1, 3)]
    return [(255 * _noise(n, 3, *side), _noise(n, 2, *side)) for n, *side in sizes]


def _trunk_pictures(channels: int) -> Sequence[tuple[Tensor, ...]]:
    return [(_noise(1, channels, *size),) for size in ((192, 320), (320, 96))]


def _noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))
