"""Frames that layers are painted on before they are encoded.

Knows planes and sample codes; knows no containers. A canvas is made once and painted over: only the
crop is converted, only the last crop is wiped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from .color import plane_view, rgb_to_yuv, tag_frame
from .frame import ColorTags
from .layer import Layer, quantise_alpha

Slices = tuple[slice, slice]


class Canvas(ABC):
    """A picture in an encoder's pixel format that shows one layer, or nothing."""

    def __init__(self, width: int, height: int, pixel_format: str, color: ColorTags) -> None:
        self.frame = VideoFrame(width, height, pixel_format)
        tag_frame(self.frame, color)
        self._color = color
        self._bits = max(component.bits for component in self.frame.format.components)
        self._planes = [plane_view(self.frame, i) for i in range(len(self.frame.planes))]
        self._blank = self._blank_codes()
        self._painted: list[Slices] | None = None
        for plane, code in zip(self._planes, self._blank, strict=True):
            plane[:] = code

    def paint(self, layer: Layer) -> None:
        """Show `layer` alone; it lies inside the frame."""
        self.clear()
        codes = self._layer_codes(layer)
        self._painted = []
        for plane, (rectangle, values) in zip(self._planes, codes, strict=True):
            plane[rectangle] = values
            self._painted.append(rectangle)

    def clear(self) -> None:
        """Show nothing."""
        if self._painted is None:
            return
        for plane, rectangle, code in zip(self._planes, self._painted, self._blank, strict=True):
            plane[rectangle] = code
        self._painted = None

    @abstractmethod
    def _blank_codes(self) -> list[int]:
        """Return each plane's code for black and transparent."""

    @abstractmethod
    def _layer_codes(self, layer: Layer) -> list[tuple[Slices, npt.NDArray[np.uint16]]]:
        """Return each plane's rectangle and codes."""


class ColorCanvas(Canvas):
    """Y'CbCr in video range with an alpha plane, chroma whole or halved both ways."""

    def _blank_codes(self) -> list[int]:
        unit = 1 << (self._bits - 8)
        return [16 * unit, 128 * unit, 128 * unit, 0]

    def _layer_codes(self, layer: Layer) -> list[tuple[Slices, npt.NDArray[np.uint16]]]:
        if layer.foreground is None:
            raise ValueError("a format with colour needs the layer's foreground")
        top, left = layer.top, layer.left
        whole = layer.area.slices
        codes = rgb_to_yuv(layer.foreground, self._color, self._bits)
        alpha = quantise_alpha(layer.alpha, (1 << self._bits) - 1)
        if self._planes[1].shape == self._planes[0].shape:
            chroma_area, chroma = whole, codes
        else:
            chroma_area, chroma = _halve(codes, top, left)
        return [
            (whole, codes[..., 0]),
            (chroma_area, chroma[..., 1]),
            (chroma_area, chroma[..., 2]),
            (whole, alpha),
        ]


class MatteCanvas(Canvas):
    """Alpha as luma, black 16 and white 235 (of 8 bits), chroma neutral."""

    def _blank_codes(self) -> list[int]:
        unit = 1 << (self._bits - 8)
        return [16 * unit] + [128 * unit] * (len(self._planes) - 1)

    def _layer_codes(self, layer: Layer) -> list[tuple[Slices, npt.NDArray[np.uint16]]]:
        unit = 1 << (self._bits - 8)
        luma = quantise_alpha(layer.alpha, 219 * unit) + np.uint16(16 * unit)
        nothing = (slice(0, 0), slice(0, 0))
        neutral = [(nothing, np.zeros((0, 0), np.uint16)) for _ in self._planes[1:]]
        return [(layer.area.slices, luma), *neutral]


class GrayCanvas(Canvas):
    """Alpha as the only plane, full range."""

    def _blank_codes(self) -> list[int]:
        return [0]

    def _layer_codes(self, layer: Layer) -> list[tuple[Slices, npt.NDArray[np.uint16]]]:
        return [(layer.area.slices, quantise_alpha(layer.alpha, (1 << self._bits) - 1))]


def _halve(
    codes: npt.NDArray[np.uint16], top: int, left: int
) -> tuple[Slices, npt.NDArray[np.uint16]]:
    """Return where in a half-size plane codes at (`top`, `left`) lie, and their 2 × 2 means.

    Cells that the crop covers only in part take the colour of the part that it covers.
    """
    h, w = codes.shape[:2]
    padding = ((top % 2, (top + h) % 2), (left % 2, (left + w) % 2), (0, 0))
    even = np.pad(codes, padding, mode="edge")
    half = cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA)
    first_row, first_column = top // 2, left // 2
    area = (
        slice(first_row, first_row + half.shape[0]),
        slice(first_column, first_column + half.shape[1]),
    )
    return area, np.asarray(half, np.uint16)
