"""Alpha streams as 16-bit RGBA PNG, straight alpha."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from .folder_stream import FolderAlphaStream
from .frame import ClipInfo
from .layer import Layer, quantise_alpha


class PngAlphaStream(FolderAlphaStream):
    """A folder of PNG pictures."""

    suffix = ".png"
    alpha_tolerance = 1 / 65535

    def __init__(self, path: Path, info: ClipInfo, compression: int) -> None:
        super().__init__(path, info)
        self._compression = compression
        self._canvas = np.zeros((info.height, info.width, 4), np.uint16)  # BGRA, as OpenCV stores

    def _encode(self, layer: Layer | None) -> bytes:
        self._canvas[:] = 0
        if layer is not None:
            if layer.foreground is None:
                raise ValueError("a format with colour needs the layer's foreground")
            h, w = layer.alpha.shape
            crop = self._canvas[layer.top : layer.top + h, layer.left : layer.left + w]
            crop[..., :3] = layer.foreground[..., ::-1]
            if layer.foreground.dtype == np.uint8:
                crop[..., :3] *= 257  # 255 to 65535
            crop[..., 3] = quantise_alpha(layer.alpha, 65535)
        _, data = cv2.imencode(
            ".png", self._canvas, [cv2.IMWRITE_PNG_COMPRESSION, self._compression]
        )
        return data.tobytes()
