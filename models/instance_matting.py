"""Matting branch and multi-instance refinement together: what one picture's people go through."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import MattingNetworkConfig
from .matting_network import CoarseMattes, MattingNetwork, MattingOutput, RunTrunk
from .progressive_refinement import fuse_tri_mattes
from .refinement import MultiInstanceRefinement, Strategy
from .tri_mask import build_tri_masks, replace_targets

T = TypeVar("T")
STRIDE = 32
"""Sides of the network's input are multiples of this."""


class InstanceMattingNetwork(nn.Module):
    """The whole of Figure 2 after the detector.

    Args:
        config: Widths and settings.
        mask_channels: Channels of guidance, from the front of the tri-mask; 3 but in an ablation.
    """

    def __init__(self, config: MattingNetworkConfig, mask_channels: int = 3) -> None:
        super().__init__()
        self.config = config
        self.mask_channels = mask_channels
        self.branch = MattingNetwork(config, mask_channels)
        self.refinement = MultiInstanceRefinement(config)

    def forward(
        self,
        image: Tensor,
        tri_masks: Tensor,
        groups: Tensor | None = None,
        is_branch_frozen: bool = True,
        is_first_look: bool = False,
    ) -> MattingOutput | tuple[MattingOutput, Tensor, Tensor] | Tensor:
        """Return the branch's output and, with `groups`, refined tri-mattes and where they count.

        Args:
            image: Normalised RGB, `(N, 3, H, W)`; sides are multiples of 32.
            tri_masks: Guidance, `(N, 3, H, W)`, 0..1.
            groups: `(N,)` integers 0..G-1; samples of one picture share a number.
            is_branch_frozen: The branch is not differentiated; else its feature is, and only the
                tri-mattes that separate it are taken as they are.
            is_first_look: Do what `look_first` does, instead: training wraps this method alone in
                its precision.

        Returns:
            `MattingOutput`; with `groups` also tri-mattes `(N, 3, H, W)` and region `(N, 1, H, W)`,
            bool.
        """
        if is_first_look:
            assert groups is not None
            return self.look_first(image, tri_masks, groups)
        guidance = tri_masks[:, : self.mask_channels]
        is_frozen = groups is not None and is_branch_frozen
        with torch.set_grad_enabled(torch.is_grad_enabled() and not is_frozen):
            output: MattingOutput = self.branch(image, guidance)
        if groups is None:
            return output
        fused, region = fuse_tri_mattes(output.os8, output.os4, output.os1)
        return output, self.refinement(image, fused.detach(), output.feature, groups), region

    @torch.no_grad()
    def predict(
        self,
        image: Tensor,
        tri_masks: Tensor,
        groups: Tensor,
        has_refinement: bool = True,
        strategy: Strategy = "parallel",
    ) -> Tensor:
        """Return final tri-mattes, `(N, 3, H, W)`, 0..1.

        Refinement counts where the finest head decided, and only for samples that share their
        picture.

        Args:
            image: Normalised RGB, `(N, 3, H, W)`; sides are multiples of 32.
            tri_masks: Guidance, `(N, 3, H, W)`, 0..1.
            groups: `(N,)` integers 0..G-1; samples of one picture share a number.
            has_refinement: Run the multi-instance refinement.
            strategy: How instances hear one another, as for `MultiInstanceRefinement`.
        """
        if self.config.has_second_look:
            tri_masks = self.look_first(image, tri_masks, groups)
        coarse = self.predict_coarse(image, tri_masks)
        wanted = torch.zeros_like(coarse.region)
        pictures = []
        for group in torch.unique(groups) if has_refinement else ():
            members = (groups == group).nonzero().flatten()
            if len(members) > 1:
                # Whoever is refined reads the features of all there.
                wanted[members] = coarse.region[members].any(0)
                pictures.append(members)
        tri_mattes, features = self.branch.predict_fine(coarse, wanted)
        for members in pictures:
            tri_mattes[members] = self.refinement.refine_region(
                image[members[0]],
                tri_mattes[members],
                features.of(members),
                coarse.region[members],
                strategy,
            )
        return tri_mattes

    def look_first(self, image: Tensor, tri_masks: Tensor, groups: Tensor) -> Tensor:
        """Return tri-masks for a second look, made of what everybody's first look says of them.

        So each hears what the others found of themselves: the mutual guidance of Eq. 5 and 6 again,
        with mattes in the place of masks.

        Args:
            image: Normalised RGB, `(N, 3, H, W)`; sides are multiples of 32.
            tri_masks: Guidance of the first look, `(N, 3, H, W)`, 0..1.
            groups: `(N,)` integers; samples of one picture share a number. Who is in a picture's
                references alone, and no sample, stays there.
        """
        targets = self.predict_targets(image, tri_masks).to(tri_masks.dtype)
        looked_at = tri_masks.clone()
        for group in torch.unique(groups):
            members = (groups == group).nonzero().flatten()
            looked_at[members] = replace_targets(tri_masks[members], targets[members])
        return looked_at

    def predict_targets(
        self, image: Tensor, tri_masks: Tensor, run_trunk: RunTrunk | None = None
    ) -> Tensor:
        """Return everybody's alpha by a first look alone, `(N, H, W)`, 0..1.

        Args:
            image: Normalised RGB, `(N, 3, H, W)`; sides are multiples of 32.
            tri_masks: Guidance, `(N, 3, H, W)`, 0..1.
            run_trunk: Another runtime's, of the same weights, in place of the branch's.
        """
        look = partial(self.branch.look_first, run_trunk=run_trunk)
        parts = _by_sample(look, image, tri_masks[:, : self.mask_channels])
        return torch.cat([answer[:, 0] for answer in parts])

    def predict_coarse(
        self, image: Tensor, tri_masks: Tensor, run_trunk: RunTrunk | None = None
    ) -> CoarseMattes:
        """Return the coarse mattes of all samples.

        Args:
            image: Normalised RGB, `(N, 3, H, W)`; sides are multiples of 32.
            tri_masks: Guidance, `(N, 3, H, W)`, 0..1.
            run_trunk: Another runtime's, of the same weights, in place of the branch's.
        """
        look = partial(self.branch.predict_coarse, run_trunk=run_trunk)
        parts = _by_sample(look, image, tri_masks[:, : self.mask_channels])
        return CoarseMattes(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def matte_picture(self, image: Tensor, masks: Tensor, has_refinement: bool = True) -> Tensor:
        """Return the alphas of everybody in one picture, `(n, H, W)`, 0..1.

        Args:
            image: Normalised RGB, `(3, H, W)`, of any size; padded by reflection inside.
            masks: Instance masks, `(n, H, W)`, 0..1.
            has_refinement: Run the multi-instance refinement.
        """
        count, height, width = masks.shape
        if count == 0:
            return masks.clone()
        padding = (0, -width % STRIDE, 0, -height % STRIDE)
        mode = "reflect" if min(height, width) > STRIDE else "replicate"
        padded = F.pad(image[None], padding, mode=mode)
        tri_masks = build_tri_masks(F.pad(masks[None], padding, mode=mode)[0])
        groups = torch.zeros(count, dtype=torch.long, device=image.device)
        mattes = self.predict(padded.expand(count, -1, -1, -1), tri_masks, groups, has_refinement)
        return mattes[:, 0, :height, :width]


def _by_sample(look: Callable[[Tensor, Tensor], T], image: Tensor, guidance: Tensor) -> list[T]:
    """Return a look at all samples; on a CPU one after the other.

    A batch gives a CPU nothing, and takes the memory of all at once.
    """
    if image.is_cuda:
        return [look(image, guidance)]
    return [look(image[n : n + 1], guidance[n : n + 1]) for n in range(len(image))]
