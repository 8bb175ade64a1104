"""Frames as they are now: a thread reads the source, and only the newest frame is kept.

A file plays at its own pace; a camera or stream that drops is opened again, ever more patiently.
Knows sources and time; knows nothing of people.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..errors import FrameDecodeError, VideoOpenError
from ..media.frame import ClipInfo, Frame, as_eight_bit
from ..media.frame_source import FrameSource
from ..media.source import is_stream, open_source
from ..resizing import area_resize
from .newest import Newest

logger = logging.getLogger(__name__)

TIME_BASE = Fraction(1, 1000)
"""Frames bear the time of their capture, in whole milliseconds since the first."""
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 8.0
_LATE_S = 0.5
"""A file whose frames come later than this has its pace counted from now on: it never hurries."""


@dataclass(frozen=True)
class Captured:
    """A frame and when it came."""

    frame: Frame
    """Eight bits; its index counts captured frames, its time is that of the capture."""
    captured_s: float
    """By the capture's clock."""


def reconnect_delays() -> Iterator[float]:
    """Yield how long to wait before each attempt to reconnect, in seconds: doubled, and bounded."""
    delay_s = FIRST_DELAY_S
    while True:
        yield delay_s
        delay_s = min(2 * delay_s, LONGEST_DELAY_S)


def fit_size(width: int, height: int, max_side_px: int) -> tuple[int, int]:
    """Return a size of the same shape whose longer side is at most `max_side_px`, both even."""
    scale = min(1.0, max_side_px / max(width, height))
    if scale == 1.0:
        return width, height
    return (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))


class Capture:
    """Reads a source in a thread of its own.

    Args:
        spec: Whatever `open_source` takes.
        is_looped: A file begins again at its end.
        max_side_px: Larger pictures are scaled down as they come.
        open_spec: Opens the source, again after a drop.
        clock: Seconds, of any origin.
        wait: Sleeps so many seconds unless the event is set; returns whether it is.

    Raises:
        VideoOpenError: Nothing there can be read. Only the first opening fails for good.
    """

    def __init__(
        self,
        spec: str,
        *,
        is_looped: bool = False,
        max_side_px: int = 1280,
        open_spec: Callable[[str], FrameSource] = open_source,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._spec, self._is_looped, self._open, self._clock = spec, is_looped, open_spec, clock
        self._wait_for = wait
        self._source: FrameSource = open_spec(spec)
        self._is_kept_alive = is_stream(spec) and spec != "-"
        info = self._source.info
        self._size = fit_size(info.width, info.height, max_side_px)
        self.info: ClipInfo = replace(
            info,
            width=self._size[0],
            height=self._size[1],
            time_base=TIME_BASE,
            is_variable_rate=True,
            frame_count=None,
            duration_s=None,
            bit_depth=8,
            has_audio=False,
            timecode=None,
        )
        """The clip as its frames are captured."""
        self.newest: Newest[Captured] = Newest()
        self.trouble = ""
        """What keeps frames from coming, for a person to read; empty while they come."""
        self._stop = threading.Event()
        self._started_s: float | None = None
        self._count = 0
        self._last_tick = -1
        self._thread = threading.Thread(target=self._work, name="capture", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading; a source that is stuck is left to its own time limit."""
        self._stop.set()
        self._source.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)
        else:
            self._source.close()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._read()
                except FrameDecodeError as error:
                    if not self._is_kept_alive:
                        raise
                    self.trouble = str(error)
                if self._stop.is_set() or not (self._is_looped or self._is_kept_alive):
                    break
                if self._is_kept_alive:
                    self._reconnect()
            self.newest.close()
        except BaseException as error:  # handed to whoever takes the frames
            self.newest.close(error)
        finally:
            self._source.close()

    def _read(self) -> None:
        """Hand on every frame until the source ends."""
        is_paced = not self._is_kept_alive
        began_s, first_time, ends = self._clock(), None, Fraction(0)
        for frame in self._source.frames():
            if first_time is None:
                first_time = frame.time
            if is_paced:
                early_s = began_s + float(frame.time - first_time) - self._clock()
                if early_s < -_LATE_S:
                    began_s -= early_s
                elif early_s > 0:
                    self._wait_for(self._stop, early_s)
            if self._stop.is_set():
                return
            self.trouble = ""
            self._hand_on(frame)
            ends = frame.time - first_time + 1 / self.info.frame_rate
        if self._is_looped and is_paced:  # the last frame lasts as long as others
            self._wait_for(self._stop, max(0.0, began_s + float(ends) - self._clock()))

    def _hand_on(self, frame: Frame) -> None:
        now_s = self._clock()
        if self._started_s is None:
            self._started_s = now_s
        self._last_tick = max(self._last_tick + 1, round((now_s - self._started_s) / TIME_BASE))
        image = _resized(as_eight_bit(frame.image), self._size)
        stamped = Frame(self._count, self._last_tick * TIME_BASE, image)
        self._count += 1
        self.newest.put(Captured(stamped, now_s))

    def _reconnect(self) -> None:
        """Open the source again, with growing patience, until it is there or all is stopped."""
        self._source.close()
        reason = self.trouble or f"{self._spec}: the stream ended"
        for attempt, delay_s in enumerate(reconnect_delays(), start=1):
            self.trouble = f"{reason}; reconnecting, attempt {attempt}"
            logger.warning("%s", self.trouble)
            if self._wait_for(self._stop, delay_s):
                return
            try:
                self._source = self._open(self._spec)
            except (VideoOpenError, FrameDecodeError) as error:  # there, but gone again at once
                reason = str(error)
                continue
            return


def _resized(image: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return the picture at a size; one that has it already is not copied."""
    if image.shape[1::-1] == size:
        return image
    return np.asarray(area_resize(image, size[::-1]), np.uint8)
