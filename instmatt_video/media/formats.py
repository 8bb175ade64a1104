"""The output formats by name, and the one door to their writers.

Knows which container, codec and alpha belong together, and refuses the rest before the work starts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from ..errors import OptionError
from .alpha_stream import AlphaStream
from .audio_copy import AudioCopy
from .canvas import Canvas, ColorCanvas, GrayCanvas, MatteCanvas
from .frame import ClipInfo, ColorTags
from .video_stream import Encoding, VideoAlphaStream

_QUANTISER_SCALE = 118  # FFmpeg's FF_QP2LAMBDA


@dataclass(frozen=True)
class FormatSpec:
    """What a format is, for the caller and for the README's table."""

    name: str
    extension: str
    """With its dot; empty for a folder of pictures."""
    has_color: bool
    """Colour and alpha together; else the matte alone."""
    bit_depth: int
    """Of the alpha."""
    is_alpha_exact: bool
    """Every level of `bit_depth` bits reads back as it was written."""
    description: str
    quality_range: tuple[int, int] | None = None
    """Smallest and largest `quality`, lower is better; `None` where there is nothing to choose."""
    default_quality: int | None = None
    has_audio: bool = False

    @property
    def is_folder(self) -> bool:
        """Tell whether the output is a folder of pictures."""
        return not self.extension


FORMATS: dict[str, FormatSpec] = {
    spec.name: spec
    for spec in (
        FormatSpec(
            "prores4444",
            ".mov",
            True,
            10,
            True,
            "ProRes 4444, colour + straight alpha; for every editor",
            (1, 64),
            4,
            has_audio=True,
        ),
    )
}

_PRORES_OPTIONS = {"vendor": "apl0", "flags": "+qscale"}


def open_alpha_stream(
    format: str,
    path: str | Path,
    info: ClipInfo,
    *,
    audio_from: str | Path | None = None,
    audio_start: Fraction = Fraction(0),
    quality: int | None = None,
) -> AlphaStream:
    """Return a writer for one alpha stream.

    Args:
        format: A name in `FORMATS`.
        path: Final name of the file, or of the folder of pictures.
        info: The source clip, whose size, clock, timecode and colour the stream takes.
        audio_from: A file whose sound is copied into the stream, where the format holds sound.
        audio_start: Seconds of the source at which a trimmed stream begins.
        quality: Within the format's `quality_range`, lower is better; its default unless given.

    Raises:
        OptionError: Such a stream cannot be; the message names what works.
        AlphaWriteError: The file cannot be made.
    """
    spec = check_format(format, info, quality)
    if quality is None:
        quality = spec.default_quality
    path = Path(path)
    audio = AudioCopy(Path(audio_from), audio_start) if audio_from and spec.has_audio else None
    return _OPENERS[spec.name](path, info, quality or 0, audio)


def check_format(
    format: str, info: ClipInfo | None = None, quality: int | None = None
) -> FormatSpec:
    """Return the format's description, or refuse what cannot be.

    Raises:
        OptionError: No such format, or it cannot hold such a clip or quality.
    """
    spec = FORMATS.get(format)
    if spec is None:
        raise OptionError(f"no format {format!r}: choose one of {', '.join(FORMATS)}")
    if quality is not None:
        if spec.quality_range is None:
            raise OptionError(f"format {format} has no quality to choose")
        low, high = spec.quality_range
        if not low <= quality <= high:
            raise OptionError(f"quality of {format} must be {low}..{high}, got {quality}")
    return spec


def _written_tags(info: ClipInfo) -> ColorTags:
    """Return the clip's colour in video range, as all our Y'CbCr outputs are."""
    return replace(info.color, is_full_range=False)


def _open_prores4444(
    path: Path, info: ClipInfo, quality: int, audio: AudioCopy | None
) -> AlphaStream:
    color = _written_tags(info)
    encoding = Encoding(
        "mov",
        "prores_ks",
        "yuva444p10le",
        "yuva444p12le",
        _PRORES_OPTIONS
        | {
            "profile": "4444",
            "alpha_bits": "16",
            "global_quality": str(quality * _QUANTISER_SCALE),
        },
        alpha_tolerance=1 / 1023,
        encoder_name="Apple ProRes 4444",
    )
    canvas: Canvas = ColorCanvas(info.width, info.height, encoding.pixel_format, color)
    return VideoAlphaStream(path, info, encoding, canvas, color, audio)


_OPENERS: dict[str, Callable[[Path, ClipInfo, int, AudioCopy | None], AlphaStream]] = {
    "prores4444": _open_prores4444,
}
