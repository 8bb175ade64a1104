"""How each format in a container is encoded.

Knows FFmpeg's encoders and their options, and why each is set; knows no files.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from .canvas import Canvas, ColorCanvas, GrayCanvas, MatteCanvas
from .frame import ClipInfo

_log = logging.getLogger(__name__)

PRORES_QUALITY_UNIT = 118
"""FFmpeg's FF_QP2LAMBDA: `global_quality` of one step of the quantiser."""


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded and wrapped."""

    container: str
    """FFmpeg's name of the container."""
    codec: str
    pixel_format: str
    decoded_pixel_format: str
    """What the frames read back as."""
    options: dict[str, str] = field(default_factory=dict)
    gop_size: int = 1
    """Frames from key frame to key frame."""
    key_frame_numbers: int = 1
    """How many numbers the codec gives its key frames in turn."""
    alpha_tolerance: float = 0.0
    """Mean alpha error that verification allows, 0..1, where the person is."""
    encoder_name: str | None = None
    """What the container names as the encoder."""


EncodingMaker = Callable[[ClipInfo, int], tuple[Encoding, type[Canvas]]]


def _prores4444(info: ClipInfo, quality: int) -> tuple[Encoding, type[Canvas]]:
    return (
        Encoding(
            container="mov",
            codec="prores_ks",
            pixel_format="yuva444p10le",
            decoded_pixel_format="yuva444p12le",
            # 16 alpha bits keep all 1,024 levels of the 10-bit input, 8 would keep 256.
            options=_prores_options("4444", quality) | {"alpha_bits": "16"},
            alpha_tolerance=1 / 1023,
            encoder_name="Apple ProRes 4444",
        ),
        ColorCanvas,
    )


def _matte_prores(info: ClipInfo, quality: int) -> tuple[Encoding, type[Canvas]]:
    return (
        Encoding(
            container="mov",
            codec="prores_ks",
            pixel_format="yuv422p10le",
            decoded_pixel_format="yuv422p10le",
            options=_prores_options("hq", quality),
            alpha_tolerance=0.02 if quality <= 24 else 0.05,
            encoder_name="Apple ProRes 422 HQ",
        ),
        MatteCanvas,
    )


def _prores_options(profile: str, quality: int) -> dict[str, str]:
    """Return options for a fixed quantiser: the search for a bit rate takes five times as long."""
    return {
        "profile": profile,
        "vendor": "apl0",
        "flags": "+qscale",
        "global_quality": str(quality * PRORES_QUALITY_UNIT),
    }


def _matte_ffv1(info: ClipInfo, quality: int) -> tuple[Encoding, type[Canvas]]:
    return (
        Encoding(
            container="matroska",
            codec="ffv1",
            pixel_format="gray16le",
            decoded_pixel_format="gray16le",
            # Version 3 with a checksum per slice, as archives ask for.
            options={"level": "3", "slicecrc": "1", "slices": "4"},
            alpha_tolerance=1 / 65535,
        ),
        GrayCanvas,
    )


def _matte_mp4(info: ClipInfo, quality: int) -> tuple[Encoding, type[Canvas]]:
    is_odd = info.width % 2 or info.height % 2
    pixel_format = "yuv444p" if is_odd else "yuv420p"
    if is_odd:
        _log.warning(
            "matte-mp4: %dx%d is odd, so chroma is written whole (4:4:4), which some hardware "
            "players cannot show",
            info.width,
            info.height,
        )
    return (
        Encoding(
            container="mp4",
            codec="libx264",
            pixel_format=pixel_format,
            decoded_pixel_format=pixel_format,
            # Looking ahead costs more than a matte's few moving edges.
            options={"crf": str(quality), "preset": "superfast", "tune": "zerolatency"},
            gop_size=max(1, round(info.frame_rate)),
            key_frame_numbers=2,
            alpha_tolerance=0.03,
        ),
        MatteCanvas,
    )


def _webm(info: ClipInfo, quality: int) -> tuple[Encoding, type[Canvas]]:
    return (
        Encoding(
            container="webm",
            codec="libvpx-vp9",
            pixel_format="yuva420p",
            decoded_pixel_format="yuva420p",
            # Frames that are never shown (alt-ref) would part colour from alpha.
            options={
                "crf": str(quality),
                "b": "0",
                "deadline": "good",
                "cpu-used": "5",
                "auto-alt-ref": "0",
                "lag-in-frames": "0",
            },
            gop_size=max(1, round(info.frame_rate)),
            alpha_tolerance=0.05 if quality <= 40 else 0.2,
        ),
        ColorCanvas,
    )


ENCODINGS: dict[str, EncodingMaker] = {
    "prores4444": _prores4444,
    "matte-ffv1": _matte_ffv1,
    "matte-prores": _matte_prores,
    "matte-mp4": _matte_mp4,
    "webm": _webm,
}
