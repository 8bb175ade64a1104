"""Alpha streams as half-float EXR: linear light, premultiplied, as compositors expect.

Needs the OpenEXR package, the extra `exr`; it is imported where it is used.
"""

from __future__ import annotations

import errno
import struct
import tempfile
from pathlib import Path

import numpy as np

from ..errors import VideoOpenError, full_disk_error
from ..extras import require_extra
from .chromaticities import CHROMATICITIES
from .folder_stream import FolderAlphaStream
from .frame import ClipInfo
from .layer import FloatImage, Layer
from .linear_light import to_linear
from .timecode import bits_of_timecode, fits_bits, shift_timecode

_TIMECODE = b"timeCode\0timecode\0\x08\0\0\0"
"""What stands before a timecode in a header: name, type and size."""


class ExrAlphaStream(FolderAlphaStream):
    """A folder of EXR pictures."""

    suffix = ".exr"
    alpha_tolerance = 2.0**-12  # half a step of a half float just below 1

    def __init__(self, path: Path, info: ClipInfo) -> None:
        super().__init__(path, info)
        self._canvas = np.zeros((info.height, info.width, 4), np.float16)
        fits = not info.is_variable_rate and fits_bits(info.timecode or "", info.frame_rate)
        self._timecode = info.timecode if fits else None

    def _encode(self, layer: Layer | None) -> bytes:
        import OpenEXR

        self._canvas[:] = 0
        if layer is not None:
            if layer.foreground is None:
                raise ValueError("a format with colour needs the layer's foreground")
            crop = self._canvas[layer.area.slices]
            alpha = np.clip(layer.alpha, 0.0, 1.0)[..., None]
            light = to_linear(layer.foreground, self.info.color.transfer)
            crop[..., :3] = (light if layer.excess is None else light + layer.excess) * alpha
            crop[..., 3:] = alpha
        header = {
            "compression": OpenEXR.ZIP_COMPRESSION,
            "type": OpenEXR.scanlineimage,
            "pixelAspectRatio": float(self.info.pixel_aspect),
            "chromaticities": CHROMATICITIES[self.info.color.primaries],
        }
        if not self.info.is_variable_rate:
            header["framesPerSecond"] = self.info.frame_rate.limit_denominator(10_000)
        if self._timecode is not None:
            header["timeCode"] = OpenEXR.TimeCode()
        # OpenEXR writes to names only.
        with tempfile.TemporaryDirectory(dir=self.partial_path) as folder:
            path = Path(folder) / "picture.exr"
            try:
                OpenEXR.File(header, {"RGBA": self._canvas}).write(str(path))
            except RuntimeError as error:
                raise full_disk_error(str(error)) or OSError(errno.EIO, str(error)) from error
            return path.read_bytes()

    def _at_place(self, picture: bytes, index: int) -> bytes:
        """Return a picture file with the timecode of its frame."""
        if self._timecode is None:
            return picture
        timecode = shift_timecode(self._timecode, index, self.info.frame_rate)
        head, name, tail = picture.partition(_TIMECODE)
        return head + name + struct.pack("<I", bits_of_timecode(timecode)) + tail[4:]


def read_exr_alpha(path: Path) -> FloatImage:
    """Return the `(H, W)` alpha of an RGBA EXR picture, 0..1.

    Raises:
        OptionError: The OpenEXR package is absent.
        VideoOpenError: The picture has no alpha.
    """
    require_extra("exr", "exr")
    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = file.channels()
        if "A" not in channels:
            raise VideoOpenError(f"{path}: no picture with alpha")
        alpha: FloatImage = np.asarray(channels["A"].pixels, np.float32)
        return alpha
