"""Colour policy: which matrix and range a clip has, and exact RGB <-> Y'CbCr by them.

Knows matrices, ranges and FFmpeg's names and numbers; knows no files. Conversion is a 3 × 4 matrix
in 16-bit integers: swscale is as good for 8 bits, but maps 16-bit white to 256/255 of its level.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from .frame import ColorTags

Image = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
Codes = npt.NDArray[np.uint16]

# Numbers of ISO/IEC 23091-2 (H.273), as FFmpeg names them.
PRIMARIES = {
    "bt709": 1,
    "bt470m": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "film": 8,
    "bt2020": 9,
    "smpte428": 10,
    "smpte431": 11,
    "smpte432": 12,
    "ebu3213": 22,
}
TRANSFERS = {
    "bt709": 1,
    "bt470m": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "linear": 8,
    "log100": 9,
    "log316": 10,
    "iec61966-2-4": 11,
    "bt1361e": 12,
    "iec61966-2-1": 13,
    "bt2020-10": 14,
    "bt2020-12": 15,
    "smpte2084": 16,
    "smpte428": 17,
    "arib-std-b67": 18,
}
MATRICES = {
    "bt709": 1,
    "fcc": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "bt2020nc": 9,
}

# Luma weights of red and blue; green's is what remains to 1. Source: H.273, table 4.
_LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
}

_FULL_RANGE = int(ColorRange.JPEG)
_VIDEO_RANGE = int(ColorRange.MPEG)


def tags_by_size(height: int) -> ColorTags:
    """Return the tags that a picture of `height` lines has by custom when it bears none."""
    if height == 576:
        return ColorTags("bt470bg", "bt709", "bt470bg")
    if height in (480, 486):
        return ColorTags("smpte170m", "smpte170m", "smpte170m")
    return ColorTags()


def resolve_tags(
    primaries: int, transfer: int, matrix: int, color_range: int, height: int, is_rgb: bool = False
) -> ColorTags:
    """Return a clip's tags, its gaps filled by the custom for its size.

    Args:
        primaries: H.273 number; one that is not in `PRIMARIES` counts as unknown.
        transfer: Likewise, `TRANSFERS`.
        matrix: Likewise, `MATRICES`. BT.2020 primaries without a matrix mean bt2020nc.
        color_range: FFmpeg's number: 2 is full range, anything else video range.
        height: Lines of the coded picture.
        is_rgb: The source stores RGB: its tags say how to write it, not how to read it.
    """
    custom = tags_by_size(height)
    names_p = {number: name for name, number in PRIMARIES.items()}
    names_t = {number: name for name, number in TRANSFERS.items()}
    names_m = {number: name for name, number in MATRICES.items()}
    primaries_name = names_p.get(primaries)
    custom_matrix = "bt2020nc" if primaries_name == "bt2020" else custom.matrix
    matrix_name = names_m.get(matrix, custom_matrix)
    if primaries_name is None:
        primaries_name = "bt2020" if matrix_name == "bt2020nc" else custom.primaries
    custom_transfer = "bt2020-10" if primaries_name == "bt2020" else custom.transfer
    return ColorTags(
        primaries=primaries_name,
        transfer=names_t.get(transfer, custom_transfer),
        matrix=matrix_name,
        is_full_range=color_range == _FULL_RANGE and not is_rgb,
    )


def tag_codec(context: CodecContext, color: ColorTags) -> None:
    """Set the tags on an encoder; the muxer writes them to the container."""
    assert isinstance(context, VideoCodecContext)
    context.color_primaries = PRIMARIES[color.primaries]
    context.color_trc = TRANSFERS[color.transfer]
    context.colorspace = MATRICES[color.matrix]
    context.color_range = _FULL_RANGE if color.is_full_range else _VIDEO_RANGE


def tag_frame(frame: VideoFrame, color: ColorTags) -> None:
    """Set the tags on a frame; ProRes writes them to each frame's header."""
    frame.color_primaries = PRIMARIES[color.primaries]
    frame.color_trc = TRANSFERS[color.transfer]
    frame.colorspace = MATRICES[color.matrix]
    frame.color_range = _FULL_RANGE if color.is_full_range else _VIDEO_RANGE


def tags_of_stream(stream: VideoStream) -> ColorTags:
    """Return the tags of a stream that is open for reading, its gaps filled."""
    context = stream.codec_context
    pixel_format = context.format
    return resolve_tags(
        context.color_primaries,
        context.color_trc,
        context.colorspace,
        # yuvj420p and its kin are full range by name.
        _FULL_RANGE if (context.pix_fmt or "").startswith("yuvj") else context.color_range,
        context.height,
        is_rgb=pixel_format is not None and pixel_format.is_rgb,
    )


@lru_cache(maxsize=64)
def _rgb_to_yuv_matrix(matrix: str, is_full_range: bool, bits: int) -> npt.NDArray[np.float64]:
    """Return `(3, 4)`: RGB in 0..1 to codes of `bits` bits, offsets in the last column."""
    red, blue = _LUMA_WEIGHTS[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    cb = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    cr = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    unit = 1 << (bits - 8)
    if is_full_range:
        y_gain = c_gain = float((1 << bits) - 1)
        y_offset = 0.0
    else:
        y_gain, c_gain, y_offset = 219.0 * unit, 224.0 * unit, 16.0 * unit
    rows = np.stack([luma * y_gain, cb * c_gain, cr * c_gain])
    return np.column_stack([rows, [y_offset, 128.0 * unit, 128.0 * unit]])


def rgb_to_yuv(image: Image, color: ColorTags, bits: int) -> Codes:
    """Return `(h, w, 3)` Y'CbCr codes of `bits` bits, rounded to nearest.

    Args:
        image: `(h, w, 3)` RGB; uint8 in 0..255 or uint16 in 0..65535.
        color: Matrix and range of the codes.
        bits: 8..16.
    """
    forward = _rgb_to_yuv_matrix(color.matrix, color.is_full_range, bits).copy()
    forward[:, :3] /= np.iinfo(image.dtype).max
    codes = cv2.transform(image.astype(np.uint16, copy=False), forward)
    # Full-range chroma of pure blue and red rounds to 2 ** bits.
    return np.asarray(np.minimum(codes, (1 << bits) - 1, out=codes), np.uint16)


def yuv_to_rgb(codes: Codes, color: ColorTags, bits: int) -> npt.NDArray[np.uint16]:
    """Return `(h, w, 3)` RGB in 0..65535 of Y'CbCr codes `(h, w, 3)` of `bits` bits."""
    forward = _rgb_to_yuv_matrix(color.matrix, color.is_full_range, bits)
    inverse = np.linalg.inv(forward[:, :3])
    backward = np.column_stack([inverse, -inverse @ forward[:, 3]]) * 65535.0
    return np.asarray(cv2.transform(codes, backward), np.uint16)


def plane_view(frame: VideoFrame, index: int) -> Image:
    """Return a writable `(h, w)` view of one plane of `frame`, uint8 or (above 8 bits) uint16."""
    plane = frame.planes[index]
    is_deep = any(component.bits > 8 for component in frame.format.components)
    dtype: type[np.uint8] | type[np.uint16] = np.uint16 if is_deep else np.uint8
    rows = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)
    return cast(Image, rows[:, : plane.width])


def paint_frame(frame: VideoFrame, image: npt.NDArray[np.uint8], color: ColorTags) -> None:
    """Fill a yuv420p frame with RGB, `(h, w, 3)` of even sides; each chroma is a mean of four."""
    codes = rgb_to_yuv(image, color, 8)
    half = cv2.resize(
        codes, (codes.shape[1] // 2, codes.shape[0] // 2), interpolation=cv2.INTER_AREA
    )
    plane_view(frame, 0)[:] = codes[..., 0]
    plane_view(frame, 1)[:] = half[..., 1]
    plane_view(frame, 2)[:] = half[..., 2]


# Without full chroma interpolation swscale's accurate rounding is two levels too dark.
_TO_RGB = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class RgbConverter:
    """Turns decoded frames into RGB arrays, uint8 for 8-bit sources and uint16 for deeper ones."""

    def __init__(self, color: ColorTags) -> None:
        self._color = color
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Image:
        """Return `(H, W, 3)` RGB of `frame`, full range."""
        bits = max(component.bits for component in frame.format.components)
        if frame.format.is_rgb or frame.format.name.startswith("pal"):
            target = "rgb24" if bits <= 8 else "rgb48le"
            return self._as_array(self._reformatter.reformat(frame, format=target))
        if bits <= 8:
            return self._as_array(
                self._reformatter.reformat(
                    frame,
                    format="rgb24",
                    src_colorspace=_swscale_matrix(self._color.matrix),
                    src_color_range=self._source_range(),
                    dst_color_range=_FULL_RANGE,
                    interpolation=_TO_RGB,
                )
            )
        # Same matrix and range on both sides: swscale only interpolates the chroma.
        depth = next(d for d in (10, 12, 14, 16) if bits <= d)
        full = self._reformatter.reformat(
            frame,
            format=f"yuv444p{depth}le",
            src_colorspace=_swscale_matrix(self._color.matrix),
            dst_colorspace=_swscale_matrix(self._color.matrix),
            src_color_range=self._source_range(),
            dst_color_range=self._source_range(),
        )
        planes = [plane_view(full, i) for i in range(3)]
        return yuv_to_rgb(np.asarray(cv2.merge(planes), np.uint16), self._color, depth)

    def _source_range(self) -> int:
        return _FULL_RANGE if self._color.is_full_range else _VIDEO_RANGE

    @staticmethod
    def _as_array(frame: VideoFrame) -> Image:
        array = frame.to_ndarray()
        assert array.dtype in (np.uint8, np.uint16)
        return cast(Image, array)


def _swscale_matrix(matrix: str) -> int:
    """Return swscale's number of a matrix: H.273's, but one number for both of BT.601's."""
    number = MATRICES[matrix]
    return MATRICES["bt470bg"] if number == MATRICES["smpte170m"] else number
