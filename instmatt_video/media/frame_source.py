"""What every source of frames offers, a file, a sequence of pictures or a camera."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Self, cast

import cv2

from ..errors import VideoOpenError
from .color import Image
from .frame import ClipInfo, Frame
from .timecode import counts_frames_at

_log = logging.getLogger(__name__)

HELD = "a neighbouring picture stands in"
"""What becomes of a frame that cannot be decoded."""


class FrameSource(ABC):
    """Frames of one clip, in order; one that cannot be read keeps its place (`Frame.is_held`).

    Iterating reads from the first frame. `frames(start)` begins at an index and gives what reading
    from the beginning would have given there. What was odd about the input stands in `warnings`,
    one line each; each also goes to the log when it is noticed.
    """

    info: ClipInfo
    checksum: str | None = None
    """Of what an image sequence is made of: another one of the same name differs."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    @abstractmethod
    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the frames from index `start` on.

        Raises:
            FrameDecodeError: More than 8 frames in a row cannot be decoded; all before them came.
        """

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def refuse_changed(self, first: int = 0, stop: int | None = None) -> None:
        """Raise where the files are no longer those that were opened, as far as the disk tells.

        Args:
            first: Frame from which on they matter.
            stop: One more than the last such frame; `None`: all that follow.

        Raises:
            VideoOpenError: They have changed, or are gone: mattes and pictures would not match.
        """
        if self._has_changed(first, stop):
            raise VideoOpenError(
                f"{self.info.path} has changed while it was read: put the former one back and use "
                "--resume, or run it again with --overwrite"
            )

    def _has_changed(self, first: int, stop: int | None) -> bool:
        return False

    def stop(self) -> None:  # noqa: B027 - only live sources keep anybody waiting
        """Let the frames end soon for a thread that waits for them; called from any other."""

    def close(self) -> None:  # noqa: B027 - only live sources hold anything between frames
        """Let go of files and devices; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _fitted(self, image: Image) -> Image:
        """Return a picture at the clip's size: a recorded broadcast may change its own midway."""
        width, height = self.info.width, self.info.height
        if image.shape[:2] == (height, width):
            return image
        self._warn(
            f"some frames are {image.shape[1]}x{image.shape[0]}, and scaled to {width}x{height}"
        )
        scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        return cast(Image, scaled)

    def _tell_of_rate(self, own: Fraction | None, asked: Fraction | None) -> None:
        """Warn where a clip's own rate, if it has one, gives way to the one that was asked for."""
        if own is not None and asked not in (None, own):
            self._warn(f"its own {own} frames/s are replaced by {asked}, as asked (--fps)")

    def _usable(self, timecode: str | None, frame_rate: Fraction) -> str | None:
        """Return the timecode of the first picture, if it can count the clip's frames."""
        if not timecode:
            return None
        if counts_frames_at(timecode, frame_rate):
            return timecode
        self._warn(f"timecode left out: {timecode} counts no frames at {frame_rate} frames/s")
        return None

    def _warn(self, message: str) -> None:
        if message not in self.warnings:
            self.warnings.append(message)
            _log.warning("%s", message)
