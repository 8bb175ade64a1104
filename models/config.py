"""Widths and settings of the matting networks; knows no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Upsampling = Literal["transposed", "nearest"]
Activation = Literal["tanh", "softmax"]
RefinementRule = Literal["paper", "release"]


@dataclass(frozen=True)
class MattingNetworkConfig:
    """Widths and settings of one matting network with its refinement."""

    stem: tuple[int, int, int] = (32, 32, 64)
    """Channels of the three stem convolutions."""
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    """Channels at strides 4, 8, 16, 32."""
    encoder_blocks: tuple[int, int, int, int] = (3, 4, 4, 2)
    decoder_blocks: tuple[int, int, int, int] = (2, 3, 3, 2)
    """Blocks towards strides 16, 8, 4, 2."""
    shortcut_depth: int = 2
    """Convolutions of a shortcut branch."""
    aspp_width: int = 256
    head_width: int = 32
    """Hidden channels of a prediction head."""
    upsampling: Upsampling = "transposed"
    activation: Activation = "tanh"
    """`tanh`: three independent mattes; `softmax`: they sum to 1 (Eq. 4)."""
    saturation: float = 0.0
    """How far the activation is stretched past 0 and 1 before its clamp: mattes reach both, and a
    softmax's sum may be so much less than 1."""
    has_spectral_norm: bool = True
    has_fine_norm: bool = True
    """Batch norm also at strides 1 and 2."""
    refinement_width: int = 16
    """Exchanged channels a component of the multi-instance refinement."""
    head_refinement_width: int = 32
    """Channels of its aggregation."""
    refinement_rule: RefinementRule = "paper"
    """`paper`: Eq. 7-9; `release`: without the halves of Eq. 7 and 8, for the released weights."""
    has_second_look: bool = False
    """The network was trained to look twice: its first answer is the guidance of its second."""

    def __post_init__(self) -> None:
        if self.activation not in ("tanh", "softmax"):
            raise ValueError(f"activation must be tanh or softmax, not {self.activation!r}")
        if self.refinement_rule not in ("paper", "release"):
            raise ValueError(
                f"refinement_rule must be paper or release, not {self.refinement_rule!r}"
            )
        if not 0 <= self.saturation < 0.5:
            raise ValueError(f"saturation must be in 0..0.5, not {self.saturation}")


PRESETS: dict[str, MattingNetworkConfig] = {
    "base": MattingNetworkConfig(),
    "lite": MattingNetworkConfig(
        stem=(16, 16, 24),
        widths=(24, 48, 96, 192),
        encoder_blocks=(2, 2, 3, 2),
        decoder_blocks=(1, 1, 1, 1),
        shortcut_depth=1,
        aspp_width=64,
        head_width=16,
        upsampling="nearest",
        activation="softmax",
        saturation=0.02,
        has_spectral_norm=False,
        has_fine_norm=False,
        refinement_width=8,
        head_refinement_width=16,
        has_second_look=True,
    ),
}
"""`base` is the paper's released configuration; `lite` is embedded, for CPUs and live use."""
