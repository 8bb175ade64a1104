"""The second and third look: a person's crop gives their mask, a better box and how sure that is.

Knows crops; knows nothing of the picture that they were cut from. A crop shows a proposal's box
with a margin of `MARGIN` of its sides on every edge, stretched to one size: small people are
enlarged, so a mask's detail does not depend on how large its person stands in the picture. The
second look sees the crop alone, at `CROP_SIZE`; the third, with `GUIDANCE_CHANNELS` more, sees in a
finer one, of `MUTUAL_CROP_SIZE`, what the second said of the person and of their neighbours: where
two people touch, one picture of both does not tell whose an arm is, and the two masks together may.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .shufflenet_backbone import FEATURE_CHANNELS, ShuffleNetBackbone, activation, normalise

CROP_SIZE = (192, 128)
"""Height and width of the second look's crops in pixels; multiples of 32."""
MUTUAL_CROP_SIZE = (288, 192)
"""The same of the third look's: it places the outlines."""
BOX_GRID = (CROP_SIZE[0] // 32, CROP_SIZE[1] // 32)
"""Rows and columns in which the box and quality head sees a crop of any size."""
MARGIN = 0.125
"""What a crop shows beyond each edge of the proposal, as a share of the proposal's side."""
EMBEDDING_SIZE = 128
GUIDANCE_CHANNELS = 2
"""The person's own mask, and their neighbours'."""


class PersonLooks(Protocol):
    """What a look at `N` crops says."""

    @property
    def box_deltas(self) -> Tensor:
        """`(N, 4)`: how far the true sides lie from the proposal's, in its sides."""
        ...

    def masks(self) -> Tensor:
        """Return the masks over the crops at stride 2, `(N, h / 2, w / 2)`, 0..1."""
        ...

    def qualities(self) -> Tensor:
        """Return the overlaps that the masks will have with the truth, `(N,)`, 0..1."""
        ...


class CropOutputs(NamedTuple):
    """What the crop network says of `N` crops."""

    mask_logits: Tensor
    """`(N, h / 2, w / 2)`: the crop at stride 2; above 0 is the person."""
    box_deltas: Tensor
    """`(N, 4)`: how far the true left, top, right, bottom lie from the proposal's, in its sides."""
    quality_logits: Tensor
    """`(N,)`: the overlap that the mask will have with the truth, 0 where there is no person."""

    def masks(self) -> Tensor:
        """Return the masks over the crops at stride 2, `(N, h / 2, w / 2)`, 0..1."""
        return self.mask_logits.sigmoid()

    def qualities(self) -> Tensor:
        """Return the overlaps that the masks will have with the truth, `(N,)`, 0..1."""
        return self.quality_logits.sigmoid()


class PersonCropNetwork(nn.Module):
    """ShuffleNet V2 with a U-shaped mask decoder, and a box and quality head on its deepest map.

    Args:
        guidance_channels: 0 for the second look, `GUIDANCE_CHANNELS` for the third.
    """

    def __init__(self, guidance_channels: int = 0) -> None:
        super().__init__()
        self.backbone = ShuffleNetBackbone(3 + guidance_channels)
        channels = FEATURE_CHANNELS
        self.lateral32 = nn.Conv2d(channels[32], 128, 1)
        self.lateral16 = nn.Conv2d(channels[16], 128, 1)
        self.lateral8 = nn.Conv2d(channels[8], 96, 1)
        self.lateral4 = nn.Conv2d(channels[4], 48, 1)
        self.lateral2 = nn.Conv2d(channels[2], 8, 1)
        self.decode32 = nn.Sequential(_conv(128, 128), _conv(128, 128))
        self.decode16 = nn.Sequential(_conv(128, 128), _conv(128, 96))
        self.decode8 = nn.Sequential(_conv(96, 96), _conv(96, 48))
        self.decode4 = nn.Sequential(_conv(48, 48), nn.Conv2d(48, 8, 1))
        # Eight channels are enough to place an edge, and a third of 24 channels' time on a CPU.
        self.decode2 = nn.Sequential(activation(), _conv(8, 8))
        self.mask = nn.Conv2d(8, 1, 3, padding=1)
        grid = BOX_GRID[0] * BOX_GRID[1]
        self.squeeze = nn.Sequential(nn.Conv2d(channels[32], 64, 1), activation())
        self.embed = nn.Sequential(nn.Flatten(), nn.Linear(64 * grid, EMBEDDING_SIZE), activation())
        self.box = nn.Linear(EMBEDDING_SIZE, 4)
        self.quality = nn.Linear(EMBEDDING_SIZE, 1)
        self._initialise_new_layers()

    def forward(self, crops: Tensor, guidance: Tensor | None = None) -> CropOutputs:
        """Return masks, box corrections and quality.

        Args:
            crops: RGB `(N, 3, h, w)`, 0..255; `h` and `w` are multiples of 32.
            guidance: `(N, guidance_channels, h, w)`, 0..1; `None` where there are none.
        """
        pixels = normalise(crops)
        if guidance is not None:
            pixels = torch.cat([pixels, 2 * guidance - 1], dim=1)
        features = self.backbone(pixels)
        x = self.decode32(self.lateral32(features.stride32))
        x = self.decode16(_double(x) + self.lateral16(features.stride16))
        x = self.decode8(_double(x) + self.lateral8(features.stride8))
        x = self.decode4(_double(x) + self.lateral4(features.stride4))
        x = self.decode2(_double(x) + self.lateral2(features.stride2))
        deepest = F.interpolate(features.stride32, BOX_GRID, mode="bilinear")
        embedding = self.embed(self.squeeze(deepest))
        # Single precision, whatever the layers were computed in.
        return CropOutputs(
            mask_logits=self.mask(x)[:, 0].float(),
            box_deltas=self.box(embedding).float(),
            quality_logits=self.quality(embedding)[:, 0].float(),
        )

    def _initialise_new_layers(self) -> None:
        for name, module in self.named_modules():
            if name.startswith("backbone") or not isinstance(module, nn.Conv2d | nn.Linear):
                continue
            nn.init.kaiming_normal_(module.weight, a=0.1, nonlinearity="leaky_relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        for last in (self.box, self.quality, self.mask):
            nn.init.normal_(last.weight, std=0.01)


def refine_boxes(boxes: Tensor, box_deltas: Tensor) -> Tensor:
    """Return proposals `(N, 4)` xyxy moved by the network's `(N, 4)` corrections."""
    width_height = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + box_deltas * width_height


def _conv(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 3, padding=1), activation())


def _double(features: Tensor) -> Tensor:
    return F.interpolate(features, scale_factor=2.0, mode="nearest")
