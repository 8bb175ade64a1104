"""Multi-instance refinement (MIR): instances of one picture correct one another's tri-mattes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import BLOCK_PX, BlockFeatures, cut_patches, find_blocks, paste_blocks
from .config import MattingNetworkConfig, RefinementRule
from .decoder import LEAKY_SLOPE
from .layers import convolve_valid
from .matting_network import REFINEMENT_REACH_PX, activate

Strategy = Literal["parallel", "cycle"]

PATCHES_AT_ONCE = {"cpu": 24, "cuda": 1024}
"""Blocks, times people, that go through all layers together: on a CPU few enough for its cache."""


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

        Training runs this, `parallel` and everywhere; inference runs `refine_region`. The paper's
        `cycle` and a coverage are here for what compares the two.

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

    def refine_region(
        self,
        image: Tensor,
        tri_mattes: Tensor,
        features: BlockFeatures,
        region: Tensor,
        strategy: Strategy = "parallel",
        is_covered: Tensor | None = None,
        patches_at_once: int | None = None,
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
            patches_at_once: Blocks, times people, that go through together; `None` is
                `PATCHES_AT_ONCE`.
        """
        refined = tri_mattes.clone()
        patches = patches_at_once or PATCHES_AT_ONCE["cuda" if image.is_cuda else "cpu"]
        is_wanted = find_blocks(region, 0)
        is_covered = torch.ones_like(is_wanted) if is_covered is None else is_covered
        coverage, everywhere = _enlarge_blocks(is_covered), torch.ones_like(region[:1])
        alone = torch.zeros(1, dtype=torch.long, device=region.device)
        for people, places in _by_company(is_wanted.any(0), is_covered):
            is_active = is_wanted[people][:, places[:, 1], places[:, 2]]
            # The border is what the four convolutions read; each of them takes a pixel of it.
            attention = _cut_for_each(tri_mattes, people, places, REFINEMENT_REACH_PX)
            takes_part = _cut_for_each(coverage, people, places, 3)
            (pixels,) = _cut_for_each(image[None], alone, places, 3)
            is_inside = _cut_for_each(everywhere, alone, places, 3)[0].permute(0, 3, 1, 2)
            at_once = max(1, patches // len(people))
            for first in range(0, len(places), at_once):
                some = slice(first, first + at_once)
                feature = features.windows(people, places[some], REFINEMENT_REACH_PX)
                separated = self._separate_patches(feature, attention[:, some])
                exchanged = self._exchange(separated, takes_part[:, some], strategy)
                instance, block = is_active[:, some].nonzero().unbind(1)
                x = torch.cat((*exchanged[instance, :, block].unbind(1), pixels[some][block]), 3)
                mattes = self._aggregate_patches(x.permute(0, 3, 1, 2), is_inside[some][block])
                here = places[some][block]
                here = torch.stack((people[instance], here[:, 1], here[:, 2]), 1)
                paste_blocks(refined, here, mattes)
        return torch.where(region, refined, tri_mattes)

    def _separate_patches(self, feature: Tensor, attention: Tensor) -> Tensor:
        """Return the projected features of the three components, `(n, 3, M, b + 6, b + 6, D)`.

        Args:
            feature: `(n, M, b + 8, b + 8, C)`.
            attention: Tri-mattes, `(n, M, b + 8, b + 8, 3)`.
        """
        assert self.split.bias is not None
        weights, biases = self.split.weight.chunk(3), self.split.bias.chunk(3)
        projected = [
            F.conv2d(
                (feature * attention[..., c : c + 1]).flatten(0, 1).permute(0, 3, 1, 2),
                weight,
                bias,
            )
            for c, (weight, bias) in enumerate(zip(weights, biases, strict=True))
        ]
        by_instance = [x.permute(0, 2, 3, 1).unflatten(0, feature.shape[:2]) for x in projected]
        return torch.stack(by_instance, 1)

    def _exchange(self, separated: Tensor, takes_part: Tensor, strategy: Strategy) -> Tensor:
        """Return exchanged features, shaped as they came, `(n, 3, …, D)`.

        Args:
            separated: `(n, 3, …, D)`.
            takes_part: `(n, …, 1)`, bool.
            strategy: As for `forward`.
        """
        coverage = None if takes_part.all() else takes_part.to(separated.dtype)
        groups = torch.zeros(len(separated), dtype=torch.long, device=separated.device)
        exchange = interact if strategy == "parallel" else interact_in_cycle
        return exchange(separated, groups, coverage, self.config.refinement_rule)

    def _aggregate_patches(self, x: Tensor, is_inside: Tensor) -> Tensor:
        """Return tri-mattes of blocks `(K, 3, b, b)`.

        Args:
            x: Exchanged features and picture, `(K, 3 * D + 3, b + 6, b + 6)`.
            is_inside: Which of these pixels lie in the picture, `(K, 1, b + 6, b + 6)`, bool.
        """
        x = F.leaky_relu_(convolve_valid(self.merge1, x), LEAKY_SLOPE)
        is_edge = not is_inside.all()
        if is_edge:  # outside the picture a convolution reads 0, not what it would compute there
            x *= is_inside[:, :, 1:-1, 1:-1]
        x = convolve_valid(self.merge2, x)
        if is_edge:
            x *= is_inside[:, :, 2:-2, 2:-2]
        return activate(convolve_valid(self.head, x), self.config)

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
        # One by one: sums of half floats over an axis are slow on CPUs.
        sums = reduce(torch.add, features)[None]
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


def _by_company(is_wanted: Tensor, is_covered: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield blocks in which, or beside which, the same people take part, and those people.

    Whoever does not would be worked on to be multiplied by 0: in a row of people nearly everybody.

    Args:
        is_wanted: `(rows, columns)`, bool.
        is_covered: Where each of them takes part, `(n, rows, columns)`, bool.

    Yields:
        People `(m,)`, ascending, and places of blocks `(M, 3)`, as in `BlockGrid`.
    """
    places = is_wanted[None].nonzero()
    near = F.max_pool2d(is_covered.float(), 3, stride=1, padding=1) > 0
    companies, which = near[:, places[:, 1], places[:, 2]].unique(dim=1, return_inverse=True)
    for index, company in enumerate(companies.unbind(1)):
        yield company.nonzero().flatten(), places[which == index]


def _cut_for_each(maps: Tensor, samples: Tensor, places: Tensor, border: int) -> Tensor:
    """Return the same blocks of some of the maps `(n, C, H, W)`, `(N, M, side, side, C)`."""
    top, left = (places[:, 1:].amin(0) - 1).clamp(min=0).tolist()
    bottom, right = (places[:, 1:].amax(0) + 2).tolist()
    rows, columns = (slice(a * BLOCK_PX, b * BLOCK_PX) for a, b in ((top, bottom), (left, right)))
    count = len(samples)
    here = (places - places.new_tensor([0, top, left])).repeat(count, 1)
    here[:, 0] = torch.arange(count, device=places.device).repeat_interleave(len(places))
    patches = cut_patches(maps[:, :, rows, columns][samples], here, BLOCK_PX, border)
    by_sample: Tensor = patches.permute(0, 2, 3, 1).unflatten(0, (count, len(places)))
    return by_sample


def _enlarge_blocks(blocks: Tensor) -> Tensor:
    """Return `(n, rows, columns)` of blocks as pixels, `(n, 1, H, W)`."""
    return blocks.repeat_interleave(BLOCK_PX, 1).repeat_interleave(BLOCK_PX, 2)[:, None]
