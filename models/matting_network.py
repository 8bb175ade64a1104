"""The matting branch: an image and a tri-mask in, tri-mattes at three strides out, and fused.

Knows one crop and one tri-mask a sample; knows nothing of which samples belong to the same picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import BlockFeatures, BlockGrid, find_blocks, paste_blocks
from .config import MattingNetworkConfig
from .decoder import Decoder, TriMatteHead
from .encoder import Encoder
from .progressive_refinement import fuse_coarse_mattes, fuse_tri_mattes

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Mean of the RGB channels, 0..1, that the network's input is centred by (ImageNet)."""
IMAGE_STD = (0.229, 0.224, 0.225)

REFINEMENT_REACH_PX = 4
"""How far multi-instance refinement sees: its four 3×3 convolutions."""


class ClampThrough(torch.autograd.Function):
    """Clamp to 0..1 whose gradient ignores the clamp.

    An L1 loss gives no gradient to a value that is clamped on the right side and a full one to a
    value that is clamped on the wrong side: mattes can be exactly 0 and 1, and be corrected.
    """

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        """Return `x` clamped to 0..1."""
        return x.clamp(0, 1)

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        """Return the gradient as it came."""
        return gradients[0]


class MattingOutput(NamedTuple):
    """What the matting branch says of each sample; tri-mattes are `(N, 3, H, W)`, 0..1."""

    os1: Tensor
    """Tri-matte of the head at stride 1."""
    os4: Tensor
    """Tri-matte of the head at stride 4, at full size."""
    os8: Tensor
    """Tri-matte of the head at stride 8, at full size."""
    feature: Tensor
    """`(N, C, H, W)`, the input of the stride-1 head; multi-instance refinement reads it."""


class TrunkFeatures(NamedTuple):
    """What the layers beyond stride 2 make of each sample: most of the work, a dense graph."""

    half: Tensor
    """What the shortcut at stride 2 reads."""
    quarter: Tensor
    """The decoder's feature at stride 4."""
    logits_os8: Tensor
    """Of the head at stride 8, `(N, 3, H/8, W/8)`."""
    logits_os4: Tensor
    """Of the head at stride 4, `(N, 3, H/4, W/4)`."""


RunTrunk = Callable[[Tensor], TrunkFeatures]
"""Image and guidance, `(N, C, H, W)`, to what the trunk makes of them."""


class CoarseMattes(NamedTuple):
    """What is known of each sample before the finest layers run; the first three feed them."""

    picture: Tensor
    """Image and guidance, `(N, C, H, W)`."""
    half: Tensor
    """What the shortcut at stride 2 reads."""
    quarter: Tensor
    """The decoder's feature at stride 4."""
    tri_mattes: Tensor
    """Of the heads at strides 8 and 4, fused, `(N, 3, H, W)`, 0..1."""
    region: Tensor
    """Where the head at stride 1 decides, `(N, 1, H, W)`, bool."""


class MattingNetwork(nn.Module):
    """Encoder, decoder and three heads (the structure of Yu et al. 2021, as the paper says).

    Args:
        config: Widths and settings.
        mask_channels: Channels of guidance; 3 is the tri-mask, fewer are the paper's ablation
            (Table 3).

    Source:
        InstMatt section 3.2.
    """

    def __init__(self, config: MattingNetworkConfig, mask_channels: int = 3) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(
            3 + mask_channels,
            config.stem,
            config.widths,
            config.encoder_blocks,
            config.shortcut_depth,
            config.aspp_width,
            config.has_spectral_norm,
            config.has_fine_norm,
        )
        self.decoder = Decoder(
            config.widths[3],
            (config.stem[0], config.stem[1], *config.widths[:3]),
            config.decoder_blocks,
            config.upsampling,
            config.has_spectral_norm,
            config.has_fine_norm,
        )
        width = config.head_width
        self.head_os8 = TriMatteHead(config.widths[1], width, has_norm=True)
        self.head_os4 = TriMatteHead(config.widths[0], width, has_norm=True)
        self.head_os1 = TriMatteHead(config.stem[0], width, has_norm=config.has_fine_norm)

    def forward(self, image: Tensor, guidance: Tensor) -> MattingOutput:
        """Return the tri-mattes of the three heads.

        Args:
            image: Normalised RGB, `(N, 3, H, W)`; sides are multiples of 32.
            guidance: Tri-masks, `(N, 3, H, W)`, 0..1.
        """
        coarse, shortcuts = self.encoder(torch.cat((image, guidance), 1))
        feature_os8, feature_os4, feature = self.decoder(coarse, shortcuts)
        os8 = _enlarge(self.head_os8(feature_os8), 8)
        os4 = _enlarge(self.head_os4(feature_os4), 4)
        os1 = self.head_os1(feature)
        return MattingOutput(
            activate(os1, self.config),
            activate(os4, self.config),
            activate(os8, self.config),
            feature,
        )

    def predict(self, image: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return fused tri-mattes, the region that the finest head decided, and its feature.

        A network that looks twice hears nothing of other people in between; for that they must
        be known, as in `InstanceMattingNetwork`.

        Args:
            image: Normalised RGB, `(N, 3, H, W)`; sides are multiples of 32.
            guidance: Tri-masks, `(N, 3, H, W)`, 0..1.

        Returns:
            Tri-mattes `(N, 3, H, W)`, 0..1; region `(N, 1, H, W)`, bool; feature `(N, C, H, W)`.
        """
        if self.config.has_second_look:
            first, _, _ = self._predict_once(image.flip(3), guidance.flip(3))
            guidance = first.flip(3)[:, : guidance.shape[1]]
        return self._predict_once(image, guidance)

    def _predict_once(self, image: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output = self(image, guidance)
        fused, region = fuse_tri_mattes(output.os8, output.os4, output.os1)
        return fused, region, output.feature

    def run_trunk(self, picture: Tensor) -> TrunkFeatures:
        """Return what all layers but the finest make of image and guidance, `(N, C, H, W)`."""
        coarse, maps = self.encoder.forward_trunk(picture)
        shortcuts = [
            shortcut(x) for shortcut, x in zip(self.encoder.shortcuts[2:], maps[2:], strict=True)
        ]
        stride8, quarter = self.decoder.forward_coarse(coarse, shortcuts)
        return TrunkFeatures(maps[1], quarter, self.head_os8(stride8), self.head_os4(quarter))

    def predict_coarse(
        self,
        image: Tensor,
        guidance: Tensor,
        run_trunk: RunTrunk | None = None,
    ) -> CoarseMattes:
        """Return the tri-mattes of the two coarser heads, and where the finest is to decide.

        With `predict_fine` this gives what one look of `predict` gives, with the finest layers run
        only where their output counts.

        Args:
            image: Normalised RGB, `(N, 3, H, W)`; sides are multiples of 32.
            guidance: Tri-masks, `(N, 3, H, W)`, 0..1.
            run_trunk: Another runtime's, of the same weights, in place of this network's.
        """
        picture = torch.cat((image, guidance), 1).contiguous(memory_format=torch.channels_last)
        half, quarter, logits_os8, logits_os4 = (run_trunk or self.run_trunk)(picture)
        # Three planes are enlarged faster one after the other than interleaved.
        os8 = activate(_enlarge(logits_os8.contiguous(), 8), self.config)
        os4 = activate(_enlarge(logits_os4.contiguous(), 4), self.config)
        tri_mattes, region = fuse_coarse_mattes(os8, os4)
        return CoarseMattes(picture, half, quarter, tri_mattes, region)

    def look_first(
        self, image: Tensor, guidance: Tensor, run_trunk: RunTrunk | None = None
    ) -> Tensor:
        """Return the network's own answer to the guidance, which may guide a second look.

        Bad masks are righted in two steps: what a first look makes of them is nearer to the truth,
        and grey where it is in doubt. It looks at the mirrored picture, so that the two looks do
        not share every mistake.

        Args:
            image: Normalised RGB, `(N, 3, H, W)`; sides are multiples of 32.
            guidance: Tri-masks, `(N, C, H, W)`, 0..1.
            run_trunk: Another runtime's, of the same weights, in place of this network's.
        """
        coarse = self.predict_coarse(image.flip(3), guidance.flip(3), run_trunk)
        return self.predict_fine(coarse)[0].flip(3)[:, : guidance.shape[1]]

    def predict_fine(
        self, coarse: CoarseMattes, wanted: Tensor | None = None
    ) -> tuple[Tensor, BlockFeatures]:
        """Return fused tri-mattes `(N, 3, H, W)`, 0..1, and the feature where refinement reads it.

        Args:
            coarse: From `predict_coarse`.
            wanted: Where samples are to be refined, `(N, 1, H, W)`, bool: the feature is right
                within the refinement's reach of it and of the region. `None`: of the region alone.
        """
        region = coarse.region
        needed = region if wanted is None else region | wanted
        depth = self.config.shortcut_depth
        is_fine = find_blocks(needed, REFINEMENT_REACH_PX + depth - 1)
        blocks = self.config.decoder_blocks[3]
        # A pixel reads up to 3 px around through the doubling, and 2 more for each convolution.
        is_half = find_blocks(needed, REFINEMENT_REACH_PX + 3 + 2 * (2 * blocks - 1))
        is_decided = find_blocks(region, 1)
        os1 = coarse.tri_mattes.clone()
        all_grid = BlockGrid(is_fine)
        values, filled = None, 0
        # One sample at a time: many people take no more memory than one, but for what is kept.
        for n in range(len(region)):
            one = slice(n, n + 1)
            grid = BlockGrid(is_fine[one])
            feature = self._fine_feature(coarse, one, BlockGrid(is_half[one]), grid)
            head_grid = BlockGrid(is_decided[one])
            logits = self.head_os1.forward_blocks(
                grid.patches(feature, head_grid.places), head_grid
            )
            paste_blocks(os1[one], head_grid.places, activate(logits, self.config))
            if values is None:  # for all at once: joined in the end they would be kept twice
                values = torch.empty(
                    (len(all_grid), *feature.shape[1:]),
                    dtype=feature.dtype,
                    device=feature.device,
                    memory_format=torch.channels_last,
                )
            values[filled : filled + len(grid)] = feature
            filled += len(grid)
        assert values is not None
        fused = torch.where(region, os1, coarse.tri_mattes)
        return fused, BlockFeatures(all_grid, values)

    def _fine_feature(
        self, coarse: CoarseMattes, one: slice, half_grid: BlockGrid, grid: BlockGrid
    ) -> Tensor:
        """Return the feature at full resolution of one sample's active blocks, `(K, C, b, b)`."""
        half = self.decoder.forward_half(coarse.quarter[one], half_grid)
        half += self.encoder.forward_shortcut(1, coarse.half[one], half_grid)
        feature = self.decoder.full.forward_valid(half_grid.patches(half, grid.places))
        return feature.add_(self.encoder.forward_shortcut(0, coarse.picture[one], grid))


def activate(logits: Tensor, config: MattingNetworkConfig) -> Tensor:
    """Return mattes, 0..1, of the logits `(N, 3, H, W)`.

    Source:
        InstMatt Eq. 4: a softmax's three mattes sum to 1.
    """
    mattes = (torch.tanh(logits) + 1) / 2 if config.activation == "tanh" else logits.softmax(1)
    margin = config.saturation
    if not margin:
        return mattes
    stretched = mattes * (1 + 2 * margin) - margin
    if not torch.is_grad_enabled():  # a function of Python has no place in an exported file
        return stretched.clamp(0, 1)
    clamped: Tensor = ClampThrough.apply(stretched)
    return clamped


def normalise_image(image: Tensor) -> Tensor:
    """Return RGB 0..1, `(…, 3, H, W)`, centred and scaled as the network expects."""
    mean = image.new_tensor(IMAGE_MEAN).view(3, 1, 1)
    std = image.new_tensor(IMAGE_STD).view(3, 1, 1)
    return (image - mean) / std


def _enlarge(logits: Tensor, factor: int) -> Tensor:
    # In single precision: half floats are enlarged slower on CPUs, and mattes would be as coarse.
    return F.interpolate(
        logits.float(), scale_factor=float(factor), mode="bilinear", align_corners=False
    )
