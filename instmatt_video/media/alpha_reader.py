"""The alpha of a finished stream, whatever its format.

Knows where each of our formats keeps alpha: an alpha plane, a luma matte, or pictures in a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from ..errors import VideoOpenError
from .alpha_decoder import alpha_decoder
from .color import plane_view
from .layer import FloatImage
from .picture_file import read_pixels
from .video_file import first_video_stream, open_container


class AlphaReader:
    """Alpha of one video file, frame by frame or at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._container = open_container(path)
        self._stream = first_video_stream(self._container, path)
        if self._stream.time_base is None:
            raise VideoOpenError(f"{path}: its video stream has no clock")
        self.time_base: Fraction = self._stream.time_base
        self.pixel_format: str | None = None
        """Of the frame read last."""
        self._decoder = self._stream.codec_context
        name = alpha_decoder(self._stream)
        if name is not None:
            decoder = CodecContext.create(name, "r")
            assert isinstance(decoder, VideoCodecContext)
            decoder.extradata = self._stream.codec_context.extradata
            self._decoder = decoder

    def packet_times(self) -> list[Fraction]:
        """Return every frame's time in seconds, ascending, without decoding."""
        ticks = [
            packet.pts
            for packet in self._container.demux(self._stream)
            if packet.size and packet.pts is not None
        ]
        self._rewind(None)
        return [tick * self.time_base for tick in sorted(ticks)]

    def read_at(self, time: Fraction) -> FloatImage | None:
        """Return the `(H, W)` alpha of the frame shown at `time` seconds, or `None`."""
        self._rewind(time)
        # Half a tick of slack: Matroska rounds times to milliseconds.
        for frame in self._frames():
            if (
                frame.pts is not None
                and abs(frame.pts * self.time_base - time) <= self.time_base / 2
            ):
                return self._alpha(frame)
        return None

    def __iter__(self) -> Iterator[FloatImage]:
        self._rewind(None)
        for frame in self._frames():
            yield self._alpha(frame)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._container.close()

    def _rewind(self, time: Fraction | None) -> None:
        tick = self._stream.start_time or 0 if time is None else int(time / self.time_base)
        self._container.seek(tick, stream=self._stream)
        self._decoder.flush_buffers()

    def _frames(self) -> Iterator[VideoFrame]:
        for packet in self._container.demux(self._stream):
            yield from self._decoder.decode(packet if packet.size else None)

    def _alpha(self, frame: VideoFrame) -> FloatImage:
        self.pixel_format = frame.format.name
        return alpha_of_frame(frame)


def alpha_of_frame(frame: VideoFrame) -> FloatImage:
    """Return the `(H, W)` alpha that a decoded frame holds, 0..1.

    An alpha plane where there is one; else the luma is the matte, in the range that the frame is
    tagged with.
    """
    bits = max(component.bits for component in frame.format.components)
    has_alpha = len(frame.planes) == 4
    codes = plane_view(frame, 3 if has_alpha else 0).astype(np.float32)
    is_full_range = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("gray")
    if has_alpha or is_full_range:
        codes /= np.float32((1 << bits) - 1)
        return codes
    unit = 1 << (bits - 8)
    codes -= np.float32(16 * unit)
    codes /= np.float32(219 * unit)
    return np.clip(codes, 0.0, 1.0, out=codes)


def read_alpha(path: str | Path) -> Iterator[FloatImage]:
    """Yield the `(H, W)` alpha of every frame of a finished stream, 0..1.

    Args:
        path: A file of any of our formats, or a folder of RGBA pictures.

    Raises:
        VideoOpenError: It cannot be read, or a picture has no alpha.
    """
    path = Path(path)
    if path.is_dir():
        yield from _read_folder(path)
        return
    with AlphaReader(path) as reader:
        yield from reader


def _read_folder(folder: Path) -> Iterator[FloatImage]:
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".exr"))
    if not paths:
        raise VideoOpenError(f"{folder}: no RGBA pictures in it")
    for path in paths:
        yield read_alpha_picture(path)


def read_alpha_picture(path: Path) -> FloatImage:
    """Return the `(H, W)` alpha of one RGBA picture, 0..1."""
    if path.suffix.lower() == ".exr":
        from .exr_stream import read_exr_alpha

        return read_exr_alpha(path)
    image = read_pixels(path, cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise VideoOpenError(f"{path}: no picture with alpha")
    alpha: FloatImage = image[..., 3].astype(np.float32)
    alpha /= np.float32(np.iinfo(image.dtype).max)
    return alpha
