"""Frames from pictures on disk, one a file.

Knows picture files; knows no video.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ..errors import FrameDecodeError, VideoOpenError
from .chromaticities import primaries_of
from .color import Image
from .color_noise import noise_of_picture
from .dpx_header import DpxHeader
from .exr_header import ExrHeader
from .frame import ClipInfo, ColorTags, Frame
from .frame_source import HELD, FrameSource
from .image_size import read_image_size
from .jpeg_segments import is_whole_jpeg
from .picture_file import decode_frame, decode_pixels
from .picture_names import counters, first_step
from .plate import PLATE_SUFFIXES, Plate, read_plate, read_plate_header
from .tiff_tags import read_tiff_tags
from .timecode import fits_bits, shift_timecode
from .timetable import DEFAULT_FRAME_RATE
from .video_file import MAX_BAD_FRAMES_IN_A_ROW

_COLORS = frozenset("RGBYXUV")
"""Channels that FFmpeg takes for a picture's; depth alone (Z) is none."""
_SAMPLES_PER_PIXEL = 277
"""A tag of TIFF."""
_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"


class ImageSequenceSource(FrameSource):
    """Pictures of one size, shown at a constant rate.

    `Frame.index` counts the pictures from 0, those that could not be decoded included.
    """

    def __init__(
        self, name: str, paths: Sequence[Path], frame_rate: Fraction | None = None
    ) -> None:
        super().__init__()
        self._paths = list(paths)
        index, header = self._first_header()
        exr = header if isinstance(header, ExrHeader) else None
        if exr is not None:
            _check_exr(self._paths[index], exr)
        if isinstance(header, DpxHeader) and header.is_logarithmic:
            self._warn(
                f"{self._paths[index].name}: its codes are logarithms; they are passed on as they "
                "are, and marked as sRGB: for right colours, of exr above all, convert them first"
            )
        if frame_rate is None and header is not None:
            frame_rate = header.frame_rate
        if frame_rate is None:
            frame_rate = DEFAULT_FRAME_RATE
            self._warn(
                f"{name}: pictures have no frame rate; {frame_rate} frames/s is taken (--fps)"
            )
        step = first_step(self._paths)
        if step is not None:  # only a glob may have one
            self._warn(
                f"{step[0].name}: the next picture is {step[2]}; pictures are counted on without "
                "a gap, so the frames and pictures that come out have other numbers from there on"
            )
        width, height = self._common_size()
        number = counters(self._paths)[0]
        self._stamps = _stamps_of(self._paths)
        self.checksum = _checksum_of_stamps(self._stamps)
        self.info = ClipInfo(
            name=name,
            path=self._paths[0].parent,
            width=width,
            height=height,
            frame_rate=frame_rate,
            time_base=1 / frame_rate,
            frame_count=len(self._paths),
            duration_s=len(self._paths) / frame_rate,
            bit_depth=8 * self._first_decodable().dtype.itemsize,
            # Pictures are sRGB, whatever their size; EXR's light is made so.
            color=ColorTags(self._primaries(exr), transfer="iec61966-2-1"),
            pixel_aspect=Fraction(1) if header is None else header.pixel_aspect,
            timecode=None if header is None else self._timecode(header.timecode, index, frame_rate),
            first_frame_number=int(number[0]) if number else 1,
            first_time=Fraction(0),
            color_noise=noise_of_picture(self._paths[0].suffix),
        )

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the pictures from index `start` on."""
        if start < 0:
            raise ValueError(f"start must be >= 0, got {start}")
        before: Plate | None = None
        missing: list[int] = []
        for index in range(self._readable_at_or_before(start), len(self._paths)):
            picture = read_picture(self._paths[index])
            if picture is None:
                missing.append(index)
                self._warn(f"{self._paths[index]}: cannot be decoded; {HELD}")
                if len(missing) > MAX_BAD_FRAMES_IN_A_ROW:
                    raise FrameDecodeError(
                        f"{self._paths[index]}: more than {MAX_BAD_FRAMES_IN_A_ROW} frames in a "
                        "row cannot be decoded"
                    )
                continue
            self._check_size(self._paths[index], picture.image.shape[1], picture.image.shape[0])
            yield from self._held(missing, start, before or picture)
            if index >= start:
                yield Frame(index, index / self.info.frame_rate, *picture)
            before, missing = picture, []
        if before is not None:
            yield from self._held(missing, start, before)

    def _has_changed(self, first: int, stop: int | None) -> bool:
        asked = slice(first, stop)  # on a network disk each file takes its time
        return _stamps_of(self._paths[asked]) != self._stamps[asked]

    def _readable_at_or_before(self, index: int) -> int:
        """Return the place of the picture that stands at an index; the first where none does."""
        while 0 < index < len(self._paths) and read_image(self._paths[index]) is None:
            index -= 1
        return index

    def _held(self, missing: Sequence[int], start: int, picture: Plate) -> Iterator[Frame]:
        for index in missing:
            if index >= start:
                yield Frame(index, index / self.info.frame_rate, *picture, is_held=True)

    def _first_header(self) -> tuple[int, ExrHeader | DpxHeader | None]:
        """Return the first header that can be read, and its picture's index: one may be torn."""
        for index, path in enumerate(self._paths[: MAX_BAD_FRAMES_IN_A_ROW + 1]):
            header = read_plate_header(path) if path.suffix.lower() in PLATE_SUFFIXES else None
            if header is not None:
                return index, header
        return 0, None

    def _timecode(self, timecode: str | None, index: int, frame_rate: Fraction) -> str | None:
        """Return the timecode of the first picture from a later one's, if it counts frames here."""
        if timecode is None:
            return None
        if not fits_bits(timecode, frame_rate):
            self._warn(f"timecode left out: {timecode} counts no frames at {frame_rate} frames/s")
            return None
        return shift_timecode(timecode, -index, frame_rate)

    def _primaries(self, header: ExrHeader | None) -> str:
        """Return the FFmpeg name of the primaries; those without one are left as they are."""
        if header is None or header.chromaticities is None:
            return "bt709"
        primaries = primaries_of(header.chromaticities)
        if primaries is None:
            self._warn(
                f"{self._paths[0].name}: its primaries have no name in video; colours are passed "
                "on unchanged, and marked as BT.709"
            )
        return primaries or "bt709"

    def _common_size(self) -> tuple[int, int]:
        """Return the (width, height) of the first readable picture; all must share it."""
        size: tuple[int, int] | None = None
        for path in self._paths:
            found = read_image_size(path)
            if found is None:
                continue
            if size is None:
                size = found
                first = path
            elif found != size:
                raise VideoOpenError(
                    f"{path}: {found[0]}x{found[1]}, but {first.name} is {size[0]}x{size[1]}; "
                    "all frames must have one size"
                )
        if size is None:
            raise VideoOpenError(f"{self._paths[0]}: cannot be read as a picture")
        return size

    def _first_decodable(self) -> Image:
        for path in self._paths[: MAX_BAD_FRAMES_IN_A_ROW + 1]:
            image = read_image(path)
            if image is not None:
                return image
        raise VideoOpenError(f"{self._paths[0]}: cannot be decoded, nor can those that follow")

    def _check_size(self, path: Path, width: int, height: int) -> None:
        if (width, height) != (self.info.width, self.info.height):
            raise VideoOpenError(
                f"{path}: {width}x{height}, but the clip is {self.info.width}x{self.info.height}"
            )


def checksum_of_frames(paths: Sequence[Path]) -> str:
    """Return a checksum of the files' names, sizes and times, not of what they hold."""
    return _checksum_of_stamps(_stamps_of(paths))


def read_image(path: Path) -> Image | None:
    """Return `(H, W, 3)` RGB, uint8 or uint16, or `None` where the file holds no whole picture.

    Raises:
        VideoOpenError: As `read_picture`.
    """
    picture = read_picture(path)
    return None if picture is None else picture.image


def read_picture(path: Path) -> Plate | None:
    """Return the same with the light that plates alone hold beside it.

    Raises:
        VideoOpenError: Its values are floats, or have more than 16 bits.
    """
    if path.suffix.lower() in PLATE_SUFFIXES:
        return read_plate(path)
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if path.suffix.lower() in (".jpg", ".jpeg") and not is_whole_jpeg(data):
        return None  # cut off: the decoder would fill the rest with grey and say nothing
    if path.suffix.lower() == ".png" and _PNG_END not in data:
        return None
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    image = decode_pixels(data, flags)
    if image is None:
        return None
    if path.suffix.lower() in (".tif", ".tiff") and image.dtype == np.uint8:
        straight = _straight_colors(data)
        if straight is not None and straight.shape == image.shape:
            return Plate(straight)
    if image.dtype not in (np.uint8, np.uint16):
        raise VideoOpenError(
            f"{path}: its values are {image.dtype}, which is not supported: write 16 bits, or EXR"
        )
    return Plate(np.ascontiguousarray(image[..., ::-1]))


def _straight_colors(tiff: bytes) -> Image | None:
    """Return the RGB of a TIFF with alpha, whatever that is; `None` where it has none."""
    if read_tiff_tags(io.BytesIO(tiff)).get(_SAMPLES_PER_PIXEL) in (1, 3):
        return None  # grey or colours alone: it need not be decoded once more
    frame = decode_frame(tiff)
    if frame is None or not any(part.is_alpha for part in frame.format.components):
        return None
    return np.ascontiguousarray(frame.to_ndarray(format="rgba")[..., :3], np.uint8)


def _stamps_of(paths: Sequence[Path]) -> list[str]:
    """Return a line for each file with its name, size and time."""
    lines = []
    for path in paths:
        try:
            status = path.stat()
            lines.append(f"{path.name} {status.st_size} {status.st_mtime_ns}\n")
        except OSError:
            lines.append(f"{path.name} cannot be read\n")
    return lines


def _checksum_of_stamps(stamps: Sequence[str]) -> str:
    return hashlib.sha256("".join(stamps).encode()).hexdigest()


def _check_exr(path: Path, header: ExrHeader) -> None:
    """Refuse pictures that FFmpeg paints in the wrong place, or does not find.

    Raises:
        VideoOpenError: The display window does not begin at 0, 0, or only layers hold colours.
    """
    left, top = header.origin
    if header.origin != (0, 0):
        raise VideoOpenError(
            f"{path}: its display window begins at {left}, {top}: write the pictures with one "
            "that begins at 0, 0"
        )
    if header.channels and not _COLORS & {name.upper() for name in header.channels}:
        raise VideoOpenError(
            f"{path}: has no channels R, G and B, only {', '.join(header.channels)}: write the "
            "pictures without a layer's name"
        )
