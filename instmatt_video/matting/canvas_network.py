"""The matting network on the canvas of a cluster: a crop for each person, refined where they meet.

Knows crops and the network; knows no frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from instmatt_video.models.blocks import BlockFeatures, BlockGrid
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.matting_network import CoarseMattes, RunTrunk, normalise_image
from instmatt_video.models.tri_mask import build_tri_masks

from ..rectangle import Rectangle
from .crops import GRID_PX
from .portion import Portion

FloatImage = npt.NDArray[np.float32]
Look = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
"""Images and tri-masks of a batch in; what the network says of it out, sample by sample."""


class CanvasNetwork:
    """Runs a matting network on canvases.

    Args:
        network: Matting branch and refinement, in evaluation mode.
        device: Where it runs.
        precision: Type of its inner values.
        run_trunk: Another runtime's trunk of the same network.
    """

    def __init__(
        self,
        network: InstanceMattingNetwork,
        device: torch.device,
        precision: torch.dtype,
        run_trunk: RunTrunk | None = None,
    ) -> None:
        self.network, self.device, self.precision = network, device, precision
        self._run_trunk = run_trunk

    @torch.no_grad()
    def matte(
        self,
        canvas: FloatImage,
        masks: FloatImage,
        crops: Sequence[Rectangle],
        portion: Portion,
        *,
        has_second_look: bool = True,
        has_refinement: bool = True,
    ) -> FloatImage:
        """Return everybody's alphas on a canvas, `(n, height, width)`, 0..1.

        First everybody's coarse mattes, then the finest layers and the refinement only where some
        matte is still uncertain.

        Args:
            canvas: RGB, `(height, width, 3)`, 0..1.
            masks: Everybody's, `(n, height, width)`, 0..1.
            crops: Where each of them is looked for, whole cells of the grid.
            portion: How much goes through the network at once.
            has_second_look: Let a network that was trained to look twice do so.
            has_refinement: Run the multi-instance refinement where crops overlap.
        """
        image = normalise_image(_to_chw(canvas)).to(self.device)
        tri_masks = build_tri_masks(torch.from_numpy(masks)).to(self.device)
        count, (rows, columns) = len(crops), canvas.shape[:2]
        tri_mattes = torch.zeros(count, 3, rows, columns, device=self.device)
        tri_mattes[:, 2] = 1  # outside of a person's crop there is background
        with torch.autocast(self.device.type, self.precision, self.precision != torch.float32):
            if has_second_look and self.network.config.has_second_look:
                tri_masks = self._look_first(image, tri_masks, crops, portion)
            coarse = self._coarse_mattes(image, tri_masks, crops, portion)
            refined = torch.zeros(count, 1, rows, columns, dtype=torch.bool, device=self.device)
            if has_refinement and count > 1:
                refined = _region_to_refine(coarse, crops, refined)
            is_active = torch.zeros(
                count, rows // GRID_PX, columns // GRID_PX, dtype=torch.bool, device=self.device
            )
            values = []
            for k, crop in enumerate(crops):
                wanted = refined.any(0, keepdim=True)[:, :, *crop.slices]
                fused, features = self.network.branch.predict_fine(coarse[k], wanted)
                tri_mattes[k][:, *crop.slices] = fused[0].float()
                places = features.grid.places
                is_active[
                    k, places[:, 1] + crop.top // GRID_PX, places[:, 2] + crop.left // GRID_PX
                ] = True
                values.append(features.values)
            if refined.any():
                tri_mattes = self.network.refinement.refine_region(
                    image,
                    tri_mattes,
                    BlockFeatures(BlockGrid(is_active), torch.cat(values)),
                    refined,
                    is_covered=_coverage(crops, is_active),
                    patches_at_once=portion.patches,
                ).float()
        return np.asarray(tri_mattes[:, 0].clamp(0, 1).cpu().numpy(), np.float32)

    def _look_first(
        self, image: Tensor, tri_masks: Tensor, crops: Sequence[Rectangle], portion: Portion
    ) -> Tensor:
        """Return tri-masks of what a first look says of everybody, `(n, 3, rows, columns)`."""

        def look(images: Tensor, guidance: Tensor) -> tuple[Tensor]:
            return (self.network.predict_targets(images, guidance, self._run_trunk),)

        targets = torch.zeros_like(tri_masks[:, 0])
        parts = _by_crop(look, image, tri_masks, crops, portion)
        for k, (crop, (target,)) in enumerate(zip(crops, parts, strict=True)):
            targets[k][crop.slices] = target[0].to(targets.dtype)
        return build_tri_masks(targets)

    def _coarse_mattes(
        self, image: Tensor, tri_masks: Tensor, crops: Sequence[Rectangle], portion: Portion
    ) -> list[CoarseMattes]:
        """Return the coarse mattes of each crop."""

        def look(images: Tensor, guidance: Tensor) -> CoarseMattes:
            coarse: CoarseMattes = self.network.predict_coarse(images, guidance, self._run_trunk)
            return coarse

        return [CoarseMattes(*parts) for parts in _by_crop(look, image, tri_masks, crops, portion)]


def _region_to_refine(
    coarse: Sequence[CoarseMattes], crops: Sequence[Rectangle], nowhere: Tensor
) -> Tensor:
    """Return where each tri-matte is to be refined, `(n, 1, rows, columns)`, bool.

    That is where the finest head decides and another person's crop reaches too.

    Args:
        coarse: Of each crop.
        crops: Their places on the canvas.
        nowhere: No region, of the same shape.
    """
    region, reached = nowhere.clone(), nowhere[0, 0].int()
    for k, crop in enumerate(crops):
        region[k][:, *crop.slices] = coarse[k].region[0]
        reached[crop.slices] += 1
    return region & (reached > 1)


def _by_crop(
    look: Look, image: Tensor, tri_masks: Tensor, crops: Sequence[Rectangle], portion: Portion
) -> list[tuple[Tensor, ...]]:
    """Return what a look at each crop gives; crops of one size go through together."""
    parts: dict[int, tuple[Tensor, ...]] = {}
    for batch in _by_size(crops, portion.people):
        images = torch.stack([image[:, *crops[k].slices] for k in batch])
        guidance = torch.stack([tri_masks[k][:, *crops[k].slices] for k in batch])
        found = look(images, guidance)
        for position, k in enumerate(batch):
            parts[k] = tuple(part[position : position + 1] for part in found)
    return [parts[k] for k in range(len(crops))]


def _coverage(crops: Sequence[Rectangle], like: Tensor) -> Tensor:
    """Return the grid cells of each crop, `(n, rows, columns)`, bool."""
    covered = torch.zeros_like(like)
    for k, crop in enumerate(crops):
        rows = slice(crop.top // GRID_PX, crop.bottom // GRID_PX)
        covered[k, rows, crop.left // GRID_PX : crop.right // GRID_PX] = True
    return covered


def _by_size(crops: Sequence[Rectangle], batch_size: int) -> list[list[int]]:
    """Return batches of indices whose crops are of one size."""
    sizes: dict[tuple[int, int], list[int]] = {}
    for index, crop in enumerate(crops):
        sizes.setdefault((crop.width, crop.height), []).append(index)
    return [
        same[start : start + batch_size]
        for same in sizes.values()
        for start in range(0, len(same), batch_size)
    ]


def _to_chw(image: FloatImage) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
