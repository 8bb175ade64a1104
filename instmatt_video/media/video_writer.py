"""A small H.264 video of RGB pictures, for previews.

Knows players' needs (8 bits, even sides); verifies nothing.
"""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.codec.codec import UnknownCodecError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import AlphaWriteError
from .av_errors import describe_av_error
from .color import paint_frame, tag_codec, tag_frame
from .file_url import file_url
from .frame import ColorTags
from .whole_output import WholeOutput


class VideoWriter(WholeOutput):
    """Writes RGB pictures to an MP4 that plays everywhere.

    Pictures larger than `max_side_px` are scaled down; an odd row or column is repeated once. The
    file gets its name when the writer is left without an exception.

    Args:
        path: Final name.
        width: Pixels of the pictures that will come.
        height: Likewise.
        frame_rate: Nominal frames per second.
        time_base: Seconds per tick of the times that will come; one frame unless given.
        quality: x264's crf, 0..51, lower is better.
        max_side_px: Of the video.
        pixel_aspect: Width of a pixel over its height.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        frame_rate: Fraction,
        time_base: Fraction | None = None,
        *,
        quality: int = 20,
        max_side_px: int = 1920,
        pixel_aspect: Fraction = Fraction(1),
    ) -> None:
        self.path = Path(path)
        scale = min(1.0, max_side_px / max(width, height))
        self._size = (max(1, round(width * scale)), max(1, round(height * scale)))
        self._time_base = time_base or 1 / frame_rate
        self.partial_path = self.path.with_name(f".{self.path.name}.partial")
        self._color = ColorTags()
        padded_width, padded_height = (side + side % 2 for side in self._size)
        self._frame = VideoFrame(padded_width, padded_height, "yuv420p")
        tag_frame(self._frame, self._color)
        try:
            self.partial_path.touch()
            self._container = av.open(file_url(self.partial_path), "w", format="mp4")
        except (av.FFmpegError, OSError) as error:
            raise self._named(error) from error
        try:
            self._stream: VideoStream = self._container.add_stream(
                "libx264",
                rate=frame_rate,
                options={"crf": str(quality), "preset": "veryfast"},
            )
        except UnknownCodecError as error:
            self.abort()
            raise self._named(error) from error
        self._stream.width, self._stream.height = padded_width, padded_height
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = self._time_base
        self._stream.codec_context.sample_aspect_ratio = pixel_aspect
        tag_codec(self._stream.codec_context, self._color)

    def write(self, time: Fraction, image: npt.NDArray[np.uint8]) -> None:
        """Append a picture, `(height, width, 3)` RGB, shown from `time` seconds on.

        Raises:
            AlphaWriteError: The disk is full or the encoder failed.
        """
        if (image.shape[1], image.shape[0]) != self._size:
            resized = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
            image = np.asarray(resized, np.uint8)
        height, width = image.shape[:2]
        padded = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        paint_frame(self._frame, padded, self._color)
        self._frame.pts = round(time / self._time_base)
        self._frame.time_base = self._time_base
        try:
            self._container.mux(self._stream.encode(self._frame))
        except (av.FFmpegError, OSError) as error:
            raise self._named(error) from error

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            AlphaWriteError: The disk is full or the encoder failed; nothing is left.
        """
        self.finish()
        self.publish()

    def finish(self) -> None:
        """Finish the file, which has no name yet."""
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            self.abort()
            raise self._named(error) from error

    def publish(self) -> None:
        """Give the finished file its name.

        Raises:
            AlphaWriteError: The name cannot be given; nothing is left.
        """
        try:
            os.replace(self.partial_path, self.path)
        except OSError as error:
            self.abort()
            raise self._named(error) from error

    def abort(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.close()
        with contextlib.suppress(OSError):
            self.partial_path.unlink(missing_ok=True)

    def _named(self, error: Exception) -> AlphaWriteError:
        return AlphaWriteError(f"{self.path}: cannot be written: {describe_av_error(error)}")
