"""Which decoder gives the alpha of a video, where FFmpeg's own one drops it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.stream import VideoStream

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's names of them by codec."""


def alpha_decoder(stream: VideoStream) -> str | None:
    """Return FFmpeg's name of the decoder to ask for; `None` where the one of its choice will do.

    Source:
        WebM Container Guidelines, "AlphaMode".
    """
    # Matroska writes names in capitals where a file was copied.
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    return ALPHA_DECODERS.get(stream.codec_context.name) if tags.get("alpha_mode") == "1" else None
