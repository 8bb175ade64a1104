"""What stands behind the people of a cut-out: a colour, the blurred picture, an image, a video.

Knows pictures; knows no windows.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from ..color_names import COLORS, parse_color
from ..errors import FrameDecodeError, OptionError, VideoOpenError
from ..media.frame import as_eight_bit
from ..media.picture_names import IMAGE_SUFFIXES
from ..media.source import open_still
from ..resizing import area_resize
from .capture import Capture
from .live_matter import LiveFrame
from .views import total_alpha

Picture = npt.NDArray[np.uint8]

logger = logging.getLogger(__name__)

_FIRST_PICTURE_S = 1.0
"""How long a video's first picture is waited for: until then there is none to show."""
_BLUR_SCALE = 8
_BLUR_SIGMA_PX = 2.5  # of the shrunk picture


class Background(Protocol):
    """Gives the picture behind the people."""

    def picture(self, live: LiveFrame) -> Picture:
        """Return it at the frame's size, `(H, W, 3)` RGB; not to be written into."""
        ...

    def close(self) -> None:
        """Let go of files; a second call does nothing."""
        ...


def open_background(spec: str, width: int, height: int) -> Background:
    """Return the background that a user's word means.

    Args:
        spec: `blur`, a colour, or the file of an image or a video.
        width: Of the live picture, in pixels.
        height: Of the live picture, in pixels.

    Raises:
        OptionError: It is none of these.
    """
    if spec == "blur":
        return BlurredBackground()
    color = parse_color(spec)
    if color is not None:
        return PlainBackground(np.full((height, width, 3), color, np.uint8))
    if not Path(spec).is_file():
        raise OptionError(
            f"background {spec!r} is no file and no colour: use blur, #rrggbb, "
            f"{', '.join(COLORS)}, an image or a video"
        )
    try:
        if Path(spec).suffix.lower() in IMAGE_SUFFIXES:
            with open_still(spec) as source:
                image = next(iter(source)).image
            return PlainBackground(cover(as_eight_bit(image), width, height))
        return VideoBackground(spec, width, height)
    except VideoOpenError as error:
        raise OptionError(f"background: {error}") from error


def cover(image: Picture, width: int, height: int) -> Picture:
    """Return the middle of an image, scaled so that it fills a frame without distortion."""
    h, w = image.shape[:2]
    scale = max(width / w, height / h)
    crop_w, crop_h = min(w, round(width / scale)), min(h, round(height / scale))
    left, top = (w - crop_w) // 2, (h - crop_h) // 2
    part = image[top : top + crop_h, left : left + crop_w]
    return np.asarray(area_resize(part, (height, width)), np.uint8)


class PlainBackground:
    """One picture for all frames."""

    def __init__(self, image: Picture) -> None:
        self._image = image

    def picture(self, live: LiveFrame) -> Picture:
        """Return it."""
        return self._image

    def close(self) -> None:
        """Hold nothing."""


class BlurredBackground:
    """The picture itself out of focus, without the people: they leave no halo around themselves."""

    def picture(self, live: LiveFrame) -> Picture:
        """Return the blurred frame."""
        image = as_eight_bit(live.frame.image)
        height, width = image.shape[:2]
        size = (max(1, width // _BLUR_SCALE), max(1, height // _BLUR_SCALE))
        outside = 1 - total_alpha(live.people, image.shape)
        weight = cv2.resize(outside, size, interpolation=cv2.INTER_AREA)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        # Deep inside a person no background is near: there everything around counts a little.
        weight = np.maximum(weight, 1e-3)
        blurred = _blurred(small * weight[..., None]) / _blurred(weight)[..., None]
        large = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.convertScaleAbs(large), np.uint8)

    def close(self) -> None:
        """Hold nothing."""


def _blurred(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), _BLUR_SIGMA_PX), np.float32)


class VideoBackground:
    """A video that plays at its own pace, again and again, from when it is first shown.

    One that breaks keeps its last picture: what is shown behind people does not end a session.

    Raises:
        VideoOpenError: It cannot be read.
    """

    def __init__(self, path: str, width: int, height: int) -> None:
        self._size = (width, height)
        self._capture = Capture(path, is_looped=True, max_side_px=max(width, height))
        self._picture: Picture = np.zeros((height, width, 3), np.uint8)
        self._is_started = self._is_broken = False

    def picture(self, live: LiveFrame) -> Picture:
        """Return the video's newest frame."""
        patience_s = 0.0
        if not self._is_started:
            self._capture.start()
            self._is_started, patience_s = True, _FIRST_PICTURE_S
        try:
            newest = self._capture.newest.take(patience_s)
        except (FrameDecodeError, VideoOpenError) as error:
            newest = None
            if not self._is_broken:
                logger.warning("background: %s; its last picture stays", error)
            self._is_broken = True
        if newest is not None:
            self._picture = cover(as_eight_bit(newest.frame.image), *self._size)
        return self._picture

    def close(self) -> None:
        """Stop the video."""
        self._capture.stop()


class Backgrounds:
    """The backgrounds of a session, all opened before it begins: a mistake is told at once.

    Args:
        specs: What may be chosen beside `blur` and colours.
        width: Of the live picture, in pixels.
        height: Of the live picture, in pixels.

    Raises:
        OptionError: One of them cannot be used; all are tried at once.
    """

    def __init__(self, specs: Sequence[str], width: int, height: int) -> None:
        self._size = (width, height)
        self._open: dict[str, Background] = {}
        self.names = tuple(dict.fromkeys((*specs, "blur", "green", "black")))
        try:
            for name in self.names:
                self._open[name] = open_background(name, width, height)
        except OptionError:
            self.close()
            raise

    def knows(self, name: str) -> bool:
        """Return whether a name may be shown: one that was given, or a colour."""
        return name in self.names or parse_color(name) is not None

    def picture(self, name: str, live: LiveFrame) -> Picture:
        """Return a background's picture for a frame.

        Raises:
            ValueError: The name is not known.
        """
        if name in self._open:
            return self._open[name].picture(live)
        color = parse_color(name)
        if color is None:
            raise ValueError(f"background must be a colour or one of {', '.join(self.names)}")
        # Colours of a colour wheel are many and cost nothing to make: they are not kept.
        return np.full((*self._size[::-1], 3), color, np.uint8)

    def close(self) -> None:
        """Let go of all files."""
        for background in self._open.values():
            background.close()
