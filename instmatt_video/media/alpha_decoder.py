"""Which decoder gives the alpha of a video, where FFmpeg's own one drops it."""

from __future__ import annotations

from av.video.stream import VideoStream

_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def alpha_decoder(stream: VideoStream) -> str | None:
    """Return FFmpeg's name of the decoder to ask for; `None` where the one of its choice will do.

    Source:
        WebM Container Guidelines, "AlphaMode".
    """
    # Matroska writes names in capitals where a file was copied.
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    return _DECODERS.get(stream.codec_context.name) if tags.get("alpha_mode") == "1" else None
