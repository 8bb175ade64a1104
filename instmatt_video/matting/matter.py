"""A frame and its people's masks in, everybody's alpha out.

Knows one frame; knows nothing of time. Usable alone, on one image and its masks.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import torch

from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.matting_network import RunTrunk

from ..alpha_frame import FAINTEST_ALPHA, AlphaFrame, trim_alpha
from ..config import MattingConfig
from ..detection.detections import Detections
from ..device import check_runtime, choose_device, choose_precision
from ..errors import is_out_of_memory
from ..media.color_noise import FINE
from ..rectangle import Rectangle
from .canvas import mask_on_canvas, resize_to_canvas
from .canvas_network import CanvasNetwork
from .claims import leave_to_others, settle_claims, share_pixels
from .crops import Cluster, plan_clusters
from .inputs import as_soft_masks, check_image
from .portion import Portion, Portions
from .source_resolution import resize_to_source, solve_at_source
from .work_room import WorkRoom

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
FloatImage = npt.NDArray[np.float32]
MaskOnCanvas = Callable[[int, Cluster], FloatImage]
"""A person's index and a cluster in; their mask on its canvas out."""

BYTES_A_PIXEL = 97
"""At work for each person and pixel of their canvas, as measured with 24 people."""
WORK_BYTES = 2_000_000_000
"""At work in all threads together: a crowd is matted one frame at a time."""


class Matter:
    """Mattes the people of a frame together.

    Args:
        network: Matting branch and refinement, in evaluation mode.
        device: Where it runs.
        precision: Type of its inner values.
        matte_size: Longest side of a person's crop as the network sees it, in pixels.
        context: Margin of a crop, as a share of the person's longer side.
        has_refinement: Run the multi-instance refinement where people share a crop.
        has_second_look: Let a network that was trained to look twice do so.
        has_solved_edges: Solve the uncertain band from the picture's colours (closed form).
        color_noise: Standard deviation of the colours' errors, of 0..1, that edges must not follow.
        batch_size: People that go through the network at once; fewer once memory has run out.
        run_trunk: Another runtime's trunk of the same network.
    """

    def __init__(
        self,
        network: InstanceMattingNetwork,
        *,
        device: torch.device | None = None,
        precision: torch.dtype = torch.float32,
        matte_size: int = MattingConfig.matte_size,
        context: float = MattingConfig.context,
        has_refinement: bool = True,
        has_second_look: bool = True,
        has_solved_edges: bool = True,
        color_noise: float = FINE,
        batch_size: int = 8,
        run_trunk: RunTrunk | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.precision = precision
        self.network = network.to(self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.matte_size = matte_size
        self.context = context
        self.has_refinement = has_refinement
        self.has_second_look = has_second_look
        self.has_solved_edges = has_solved_edges
        self.color_noise = color_noise
        self._on_canvas = CanvasNetwork(self.network, self.device, precision, run_trunk)
        self._room = WorkRoom(WORK_BYTES)
        self._portions = Portions(self.device, batch_size)

    @classmethod
    def from_config(
        cls,
        config: MattingConfig,
        network: InstanceMattingNetwork | None = None,
        color_noise: float = FINE,
    ) -> Matter:
        """Return a matter with the network, device and precision that a config names.

        Args:
            config: What is wanted.
            network: The config's network, where it is in memory already.
            color_noise: The source's, where the config names none.

        Raises:
            DeviceError: The device is not here.
            OptionError: The runtime is not here, or not for this device.
            WeightsError: The weights are not here, or not whole.
        """
        from ..weights.loading import load_matting_network

        device = choose_device(config.device)
        check_runtime(config.runtime, device)
        network = network or load_matting_network(config.model, device)
        precision = choose_precision(config.precision, device)
        run_trunk = None
        if config.runtime == "onnx" and precision == torch.float32:
            from ..onnx_runtime.networks import OnnxTrunk

            run_trunk = OnnxTrunk(network)
        return cls(
            network,
            device=device,
            precision=precision,
            run_trunk=run_trunk,
            matte_size=config.matte_size,
            context=config.context,
            has_refinement=config.has_refinement,
            has_second_look=config.has_second_look,
            has_solved_edges=config.has_solved_edges,
            color_noise=color_noise if config.color_noise is None else config.color_noise,
        )

    def matte(self, image: Image, people: Detections) -> list[AlphaFrame]:
        """Return everybody's alpha, in the order of `people`.

        Where several people share a pixel their alphas sum to at most 1 (Eq. 2).

        Args:
            image: RGB, `(H, W, 3)`, uint8 or full-range uint16.
            people: Boxes and box-local masks.

        Raises:
            ValueError: The image is of another kind, or a box is no numbers.
        """
        check_image(image)
        if not np.isfinite(people.boxes).all():
            raise ValueError("boxes must be finite numbers")
        height, width = image.shape[:2]
        result = [AlphaFrame(0, 0, np.zeros((0, 0), np.float32)) for _ in range(len(people))]
        clusters = plan_clusters(people.boxes, width, height, self.matte_size, self.context)

        def mask_of(person: int, cluster: Cluster) -> FloatImage:
            return mask_on_canvas(people.boxes[person], people.masks[person], cluster)

        for cluster in clusters:
            for person, alpha in self._matte_cluster(image, cluster, mask_of).items():
                result[person] = alpha
        return result

    def matte_masks(self, image: Image, masks: npt.NDArray[np.generic]) -> FloatImage:
        """Return the alphas of one image from full-size masks.

        Args:
            image: RGB, `(H, W, 3)`, uint8 or full-range uint16.
            masks: `(n, H, W)`: bool, 0..255 as uint8, or floats 0..1; uint8 of 0 and 1 alone are
                taken as bool.

        Returns:
            `(n, H, W)`, 0..1, in the order of the masks; an empty mask gives an empty alpha.

        Raises:
            ValueError: The image is of another kind, or the masks are, or not of its size.
        """
        check_image(image)
        if masks.ndim != 3 or masks.shape[1:] != image.shape[:2]:
            raise ValueError(f"masks {masks.shape} do not fit an image of {image.shape[:2]}")
        height, width = image.shape[:2]
        alphas = np.zeros(masks.shape, np.float32)
        soft = as_soft_masks(masks)
        boxes = np.array([_box_of(mask) for mask in soft], np.float32).reshape(-1, 4)

        def mask_of(person: int, cluster: Cluster) -> FloatImage:
            return resize_to_canvas(soft[person][cluster.source.slices], cluster)

        for cluster in plan_clusters(boxes, width, height, self.matte_size, self.context):
            for person, alpha in self._matte_cluster(image, cluster, mask_of).items():
                alphas[person][alpha.area.slices] = alpha.alpha
        return alphas

    def _matte_cluster(
        self, image: Image, cluster: Cluster, mask_of: MaskOnCanvas
    ) -> dict[int, AlphaFrame]:
        """Return the alpha of each person of a cluster, by their index."""
        parts = self._matte_closely(image, cluster, mask_of)
        shared = share_pixels(list(parts.values()))
        return {
            person: trim_alpha(part.area, part.alpha)
            for person, part in zip(parts, shared, strict=True)
        }

    def _matte_closely(
        self, image: Image, cluster: Cluster, mask_of: MaskOnCanvas
    ) -> dict[int, AlphaFrame]:
        """Return each person's alpha from the closest canvas that shows them."""
        masks = np.stack([mask_of(person, cluster) for person in cluster.members])
        shared = dict(zip(cluster.members, self._matte_canvas(image, cluster, masks), strict=True))
        parts = dict(shared)
        for closeup in cluster.closeups:
            others = [part for person, part in shared.items() if person not in closeup.members]
            for person, part in self._matte_closely(image, closeup, mask_of).items():
                parts[person] = leave_to_others(part, shared[person], others)
        return parts

    def _matte_canvas(self, image: Image, cluster: Cluster, masks: FloatImage) -> list[AlphaFrame]:
        """Return the members' alphas from a canvas, in portions that memory has room for."""
        while True:
            portion = self._portions.current
            needed = WORK_BYTES if portion.is_frame_alone else BYTES_A_PIXEL * masks.size
            try:
                with self._room.taken(needed):
                    return self._matte_together(image, cluster, masks, portion)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                self._portions.reduce(portion, error)

    def _matte_together(
        self, image: Image, cluster: Cluster, masks: FloatImage, portion: Portion
    ) -> list[AlphaFrame]:
        canvas = resize_to_canvas(_as_float(image[cluster.source.slices]), cluster)
        masks = settle_claims(masks)
        mattes = self._on_canvas.matte(
            canvas,
            masks,
            cluster.crops,
            portion,
            has_second_look=self.has_second_look,
            has_refinement=self.has_refinement,
        )
        mattes *= _near_masks(mattes, masks)
        height, width = image.shape[:2]
        parts = []
        for k, crop in enumerate(cluster.crops):
            area = cluster.in_frame(crop, width, height)
            part = _as_float(image[area.slices])
            to_matte = cluster.map_to_crop(area, crop)
            matte = np.ascontiguousarray(mattes[k][crop.slices])
            guide = np.ascontiguousarray(canvas[crop.slices])
            if self.has_solved_edges:
                alpha = solve_at_source(matte, guide, part, to_matte, self.color_noise)
            else:
                alpha = resize_to_source(matte, guide, part, to_matte)
            parts.append(AlphaFrame(area.left, area.top, alpha))
        return parts


def _as_float(image: npt.NDArray[np.integer]) -> FloatImage:
    """Return colours 0..1 of an integer image."""
    return np.asarray(np.multiply(image, 1 / np.iinfo(image.dtype).max, dtype=np.float32))


def _box_of(mask: FloatImage) -> tuple[float, float, float, float]:
    part = Rectangle.around(mask > 0.5)
    if part is None:
        return (-1.0, -1.0, -1.0, -1.0)
    return float(part.left), float(part.top), float(part.right), float(part.bottom)


def _near_masks(mattes: FloatImage, masks: FloatImage) -> npt.NDArray[np.bool_]:
    """Return the parts of the mattes that hang together with their masks; the rest is dust."""
    kept = np.zeros(mattes.shape, np.bool_)
    for k in range(len(mattes)):
        visible = np.asarray(mattes[k] > FAINTEST_ALPHA, np.uint8)
        _, labels = cv2.connectedComponents(visible, connectivity=8)
        touching = np.unique(labels[(masks[k] > 0.5) & (mattes[k] > 0.5)])
        kept[k] = np.isin(labels, touching[touching > 0])
    return kept
