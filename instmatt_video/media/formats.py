"""The output formats by name, and the one door to their writers.

Knows which container, codec and alpha belong together, and refuses the rest before the work starts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import OptionError
from ..extras import require_extra
from .alpha_decoder import ALPHA_DECODERS
from .frame import ClipInfo

if TYPE_CHECKING:
    from .alpha_stream import AlphaStream

_MATROSKA_TICK_S = Fraction(1, 1000)
"""Of WebM, too."""


@dataclass(frozen=True)
class FormatSpec:
    """What a format is."""

    name: str
    extension: str
    """With its dot; empty for a folder of pictures."""
    has_color: bool
    """Colour and alpha together; else the matte alone."""
    bit_depth: int
    """Of the alpha."""
    is_rgb: bool = False
    """Colour is R'G'B'; else Y'CbCr in the clip's matrix."""
    is_linear: bool = False
    """Values are linear light; else the clip's code values."""
    is_full_range: bool = False
    """Luma takes all its codes; else video range."""
    is_premultiplied: bool = False
    """Colour is multiplied by alpha; else it is straight."""
    tick_s: Fraction | None = None
    """Seconds of a tick of its clock; `None` where that is the clip's."""
    decoder: str | None = None
    """FFmpeg's decoder, where the one of its choice would drop the alpha."""
    quality_range: tuple[int, int] | None = None
    """Smallest and largest `quality`, lower is better; `None` where there is nothing to choose."""
    default_quality: int = 0
    has_audio: bool = False
    max_side_px: int = 65535

    @property
    def is_folder(self) -> bool:
        """Tell whether the output is a folder of pictures."""
        return not self.extension

    @property
    def alpha_in_words(self) -> str:
        """Return what whoever reads the alpha has to know."""
        if not self.has_color:
            return f"matte alone, linear, {'full' if self.is_full_range else 'video'} range"
        return f"{'premultiplied' if self.is_premultiplied else 'straight'}, linear, full range"


FORMATS: dict[str, FormatSpec] = {
    spec.name: spec
    for spec in (
        FormatSpec(
            name="prores4444",
            extension=".mov",
            has_color=True,
            bit_depth=10,
            quality_range=(1, 64),
            default_quality=2,
            has_audio=True,
        ),
        FormatSpec(
            name="matte-ffv1",
            extension=".mkv",
            has_color=False,
            bit_depth=16,
            is_full_range=True,
            tick_s=_MATROSKA_TICK_S,
        ),
        FormatSpec(
            name="matte-prores",
            extension=".mov",
            has_color=False,
            bit_depth=10,
            quality_range=(1, 64),
            default_quality=2,
        ),
        FormatSpec(
            name="matte-mp4",
            extension=".mp4",
            has_color=False,
            bit_depth=8,
            quality_range=(0, 12),
            default_quality=10,
            max_side_px=16384,
        ),
        FormatSpec(
            name="png",
            extension="",
            has_color=True,
            bit_depth=16,
            is_rgb=True,
            quality_range=(0, 9),
            default_quality=1,
        ),
        FormatSpec(
            name="exr",
            extension="",
            has_color=True,
            bit_depth=10,
            is_rgb=True,
            is_linear=True,
            is_premultiplied=True,
        ),
        FormatSpec(
            name="webm",
            extension=".webm",
            has_color=True,
            bit_depth=8,
            tick_s=_MATROSKA_TICK_S,
            decoder=ALPHA_DECODERS["vp9"],
            quality_range=(0, 63),
            default_quality=16,
            has_audio=True,
        ),
    )
}


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
        path: Final name of the file, or of the folder of pictures. What stands there is replaced
            when the stream is whole.
        info: The source clip, whose size, clock, timecode and colour the stream takes. Pictures are
            numbered from its `first_frame_number`.
        audio_from: A file whose sound is copied into the stream, where the format holds sound.
        audio_start: Seconds of the clip at which a trimmed stream begins.
        quality: Within the format's `quality_range`, lower is better (for `png`, how hard to
            compress); its default unless given.

    Raises:
        OptionError: Such a stream cannot be; the message names what works.
        AlphaWriteError: The file cannot be made.
    """
    # The writers load PyAV and OpenCV, which whoever only asks for the names need not wait for.
    from .audio_copy import AudioCopy
    from .encodings import ENCODINGS
    from .exr_stream import ExrAlphaStream
    from .png_stream import PngAlphaStream
    from .video_stream import VideoAlphaStream

    path = Path(path)
    spec = check_format(format, info, quality=quality)
    check_extension(path, spec)
    quality = spec.default_quality if quality is None else quality
    if format == "png":
        return PngAlphaStream(path, info, quality)
    if format == "exr":
        return ExrAlphaStream(path, info)
    encoding, canvas_type = ENCODINGS[format](info, quality)
    color = replace(info.color, is_full_range=spec.is_full_range)
    canvas = canvas_type(info.width, info.height, encoding.pixel_format, color)
    audio = None
    if audio_from and spec.has_audio:
        audio = AudioCopy(Path(audio_from), info.origin_s, audio_start)
    return VideoAlphaStream(path, info, encoding, canvas, color, audio)


def find_format(name: str) -> FormatSpec:
    """Return a format's description.

    Raises:
        OptionError: No such format.
    """
    if name not in FORMATS:
        raise OptionError(f"no format {name!r}: choose one of {', '.join(FORMATS)}")
    return FORMATS[name]


def check_extension(path: Path, spec: FormatSpec) -> None:
    """Refuse a file name that does not fit a format.

    Raises:
        OptionError: It ends otherwise.
    """
    if path.suffix != spec.extension and not spec.is_folder:
        raise OptionError(f"{path}: format {spec.name} is written to {spec.extension} files")


def check_format(
    format: str, info: ClipInfo | None = None, *, quality: int | None = None
) -> FormatSpec:
    """Return the format's description, or refuse what cannot be.

    Args:
        format: A name in `FORMATS`.
        info: The clip to be written, where it is known already.
        quality: What the caller asks for.

    Raises:
        OptionError: No such format, or it cannot hold such a clip or quality.
    """
    spec = find_format(format)
    if quality is not None:
        if spec.quality_range is None:
            raise OptionError(f"format {format} has no quality to choose")
        low, high = spec.quality_range
        if not low <= quality <= high:
            raise OptionError(f"quality of {format} must be {low}..{high}, got {quality}")
    if format == "exr":
        require_extra("exr", "exr")
    if info is not None:
        _check_clip(spec, info)
    return spec


def _check_clip(spec: FormatSpec, info: ClipInfo) -> None:
    if max(info.width, info.height) > spec.max_side_px:
        raise OptionError(
            f"{spec.name} holds up to {spec.max_side_px} px a side, the clip has "
            f"{info.width}x{info.height}: choose prores4444, matte-ffv1 or png"
        )
    if spec.is_linear:
        from .linear_light import LINEARISABLE_TRANSFERS

        if info.color.transfer not in LINEARISABLE_TRANSFERS:
            raise OptionError(
                f"{spec.name} is linear light, and transfer {info.color.transfer} has no linear "
                "form here: choose prores4444 or png"
            )
