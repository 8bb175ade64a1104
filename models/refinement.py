"""Multi-instance refinement (MIR): instances of one picture correct one another's tri-mattes."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import BLOCK_PX, BlockGrid, cut_patches, find_blocks, paste_blocks
from .decoder import LEAKY_SLOPE
from .layers import convolve_valid
from .matting_network import BlockFeatures, MattingNetworkConfig, RefinementRule, activate

Strategy = Literal["parallel", "cycle"]

BLOCKS_AT_ONCE = 64
"""Blocks that are separated together: enough to be fast, few enough to be small."""


class MultiInstanceRefinement(nn.Module):
    """Separation, interaction, aggregation (Figure 3a).

    The exchange runs on projections of the separated features, as in the authors' release; the
    paper's Eq. 7-9 are otherwise followed to the letter.

    Args:
        config: Widths and activation of the matting network whose features are read.

    Source:
        InstMatt section 3.3.
    """

    def __init__(self, config: MattingNetworkConfig) -> None:
        super().__init__()
        self.config = config
        features, width = config.stem[0], config.refinement_width
        merged = config.head_refinement_width
        self.split = nn.Conv2d(3 * features, 3 * width, 3, padding=1, groups=3)
        self.merge1 = nn.Conv2d(3 * width + 3, merged, 3, padding=1)
        self.merge2 = nn.Conv2d(merged, merged, 3, padding=1)
        self.head = nn.Conv2d(merged, 3, 3, padding=1)

    def forward(
        self,
        image: Tensor,
        tri_mattes: Tensor,
        features: Tensor,
        groups: Tensor,
        strategy: Strategy = "parallel",
        coverage: Tensor | None = None,
    ) -> Tensor:
        """Return refined tri-mattes, `(N, 3, H, W)`, 0..1.

        Args:
            image: Normalised RGB of each sample's picture, `(N, 3, H, W)`.
            tri_mattes: From the matting branch, `(N, 3, H, W)`, 0..1.
            features: From the matting branch, `(N, C, H, W)`.
            groups: `(N,)` integers 0..G-1; samples of one picture share a number.
            strategy: `parallel` exchanges the unrefined features of all at once; `cycle` lets each
                instance, in order, use what those before it have refined.
            coverage: Where each sample's crop reaches in a canvas that the samples of a group
                share, `(N, 1, H, W)`, 0 or 1; outside its crop a sample takes no part. `None` is
                everywhere.
        """
        separated = self.separate(tri_mattes, features)
        rule = self.config.refinement_rule
        if strategy == "parallel":
            exchanged = interact(separated, groups, coverage, rule)
        else:
            exchanged = interact_in_cycle(separated, groups, coverage, rule)
        return self.aggregate(image, exchanged)

    def refine_blocks(
        self,
        image: Tensor,
        tri_mattes: Tensor,
        features: BlockFeatures,
        region: Tensor,
        strategy: Strategy = "parallel",
        is_covered: Tensor | None = None,
    ) -> Tensor:
        """Return tri-mattes `(n, 3, H, W)`, 0..1, refined in a region and unchanged elsewhere.

        The same as `forward` there, computed only in the blocks that the region needs.

        Args:
            image: Normalised RGB of the one picture, `(3, H, W)`.
            tri_mattes: Of its instances, `(n, 3, H, W)`, 0..1.
            features: Of its instances; right within `REFINEMENT_REACH_PX` of anyone's region.
            region: `(n, 1, H, W)`, bool.
            strategy: As for `forward`.
            is_covered: Blocks in which each instance takes part, `(n, rows, columns)`, bool: those
                of its crop, where the image is a canvas of several crops. `None` is everywhere.
        """
        count = len(tri_mattes)
        everyone = region.any(0, keepdim=True)
        grid = BlockGrid(find_blocks(everyone, 3).expand(count, -1, -1))
        separated = self._separate_blocks(tri_mattes, features, grid)
        by_instance = separated.unflatten(0, (count, -1)).unflatten(2, (3, -1))
        groups = torch.zeros(count, dtype=torch.long, device=image.device)
        exchange = interact if strategy == "parallel" else interact_in_cycle
        coverage = None
        if is_covered is not None:
            shared = grid.places[: len(grid) // count]
            coverage = is_covered[:, shared[:, 1], shared[:, 2]].to(separated.dtype)
            coverage = coverage[..., None, None, None]
        # (n, blocks, 3, D, b, b): the equations want the components second
        exchanged = exchange(
            by_instance.transpose(1, 2), groups, coverage, self.config.refinement_rule
        )
        exchanged = exchanged.transpose(1, 2).flatten(2, 3).flatten(0, 1)
        refined = tri_mattes.clone()
        for index, is_active in enumerate(find_blocks(region, 2)):
            own = BlockGrid(is_active[None])
            places = own.places + own.places.new_tensor([index, 0, 0])
            pixels = cut_patches(image[None], own.places, BLOCK_PX, 1)
            x = torch.cat((grid.patches(exchanged, places), pixels), 1)
            x = F.leaky_relu_(convolve_valid(self.merge1, x), LEAKY_SLOPE)
            x = convolve_valid(self.merge2, own.patches(x))
            logits = convolve_valid(self.head, own.patches(x))
            paste_blocks(refined, places, activate(logits, self.config))
        return torch.where(region, refined, tri_mattes)

    def _separate_blocks(
        self, tri_mattes: Tensor, features: BlockFeatures, grid: BlockGrid
    ) -> Tensor:
        """Return the projected features of the three components, `(K, 3 * D, b, b)`."""
        assert self.split.bias is not None
        weights, biases = self.split.weight.chunk(3), self.split.bias.chunk(3)
        parts = []
        for places in torch.split(grid.places, BLOCKS_AT_ONCE):
            feature = features.grid.patches(features.values, places)
            attention = cut_patches(tri_mattes, places, BLOCK_PX, 1)
            projected = [
                F.conv2d(feature * attention[:, c : c + 1], weight, bias)
                for c, (weight, bias) in enumerate(zip(weights, biases, strict=True))
            ]
            parts.append(torch.cat(projected, 1))
        return torch.cat(parts)

    def separate(self, tri_mattes: Tensor, features: Tensor) -> Tensor:
        """Return the attended, projected features of the three components, `(N, 3, D, H, W)`."""
        attended = tri_mattes[:, :, None] * features[:, None]  # (N, 3, C, H, W)
        projected: Tensor = self.split(attended.flatten(1, 2))
        separated: Tensor = projected.unflatten(1, (3, -1))
        return separated

    def aggregate(self, image: Tensor, exchanged: Tensor) -> Tensor:
        """Return tri-mattes `(N, 3, H, W)` from the exchanged features and the picture."""
        x = torch.cat((exchanged.flatten(1, 2), image), 1)
        x = self.merge2(F.leaky_relu(self.merge1(x), LEAKY_SLOPE))
        return activate(self.head(x), self.config)


def interact(
    features: Tensor,
    groups: Tensor,
    coverage: Tensor | None = None,
    rule: RefinementRule = "paper",
) -> Tensor:
    """Return the features after one parallel exchange inside each group.

    Args:
        features: F_t, F_r, F_b of each instance, `(N, 3, D, H, W)`; without a coverage, whatever
            axes may follow the second.
        groups: `(N,)` integers 0..G-1.
        coverage: Where each instance takes part, `(N, 1, H, W)`, 0 or 1; `None` is everywhere. n of
            the equations then counts, at each pixel, those who do.
        rule: `release` leaves the halves of Eq. 7 and 8 out.

    Returns:
        F̃_t, F̃_r, F̃_b, as `features`. An instance alone in its group has no other to hear: its
        sums over others are empty and the 1/(n-1) of Eq. 7 is taken as 1.

    Source:
        InstMatt Eq. 7-9.
    """
    count = int(groups.max()) + 1 if len(groups) else 0
    if coverage is None:
        n = torch.bincount(groups, minlength=count)[groups].to(features.dtype)
        n = n.view(-1, *(1,) * (features.ndim - 2))
    else:
        features = features * coverage[:, None]
        members = coverage.new_zeros((count, *coverage.shape[1:])).index_add(0, groups, coverage)
        n = members[groups].clamp(min=1)
    if count == 1:
        sums = features.sum(0, keepdim=True)
    else:
        sums = features.new_zeros((count, *features.shape[1:])).index_add(0, groups, features)
        sums = sums[groups]
    target, reference = features[:, 0], features[:, 1]
    others_target = sums[:, 0] - target
    half = 0.5 if rule == "paper" else 1.0
    new_target = half * (target + sums[:, 1] / (n - 1).clamp(min=1) - others_target)  # eq. (7)
    new_reference = half * (reference + others_target)  # eq. (8)
    new_background = (sums[:, 2] / n).expand_as(target)  # eq. (9)
    return torch.stack((new_target, new_reference, new_background), 1)


def interact_in_cycle(
    features: Tensor,
    groups: Tensor,
    coverage: Tensor | None = None,
    rule: RefinementRule = "paper",
) -> Tensor:
    """Return the features after instances, in their order, refined one after the other.

    Args:
        features: As for `interact`.
        groups: As for `interact`.
        coverage: As for `interact`.
        rule: As for `interact`.

    Source:
        InstMatt section 3.3, cycle refinement.
    """
    current = list(features)
    for index in range(len(current)):
        members = (groups == groups[index]).nonzero().flatten().tolist()
        group = torch.stack([current[m] for m in members])
        here = None if coverage is None else coverage[members]
        refined = interact(group, groups.new_zeros(len(members)), here, rule)
        current[index] = refined[members.index(index)]
    return torch.stack(current) if current else features
