"""A matting network small enough for tests: the lite preset's settings at 8 channels."""

from __future__ import annotations

from instmatt_video.models.config import MattingNetworkConfig

TINY = MattingNetworkConfig(
    stem=(8, 8, 8),
    widths=(8, 8, 8, 8),
    encoder_blocks=(1, 1, 1, 1),
    decoder_blocks=(1, 1, 1, 1),
    shortcut_depth=1,
    aspp_width=8,
    head_width=8,
    upsampling="nearest",
    activation="softmax",
    has_spectral_norm=False,
    has_fine_norm=False,
    refinement_width=4,
    head_refinement_width=8,
)
