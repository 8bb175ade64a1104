"""The contract of every alpha stream: exact frames, and a name only for a whole file.

Knows times, names and verification; each container's writing lies in a file of its own.
"""

from __future__ import annotations

import errno
import logging
from abc import abstractmethod
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.codec import UnknownCodecError

from ..errors import AlphaWriteError
from .av_errors import describe_av_error
from .frame import ClipInfo
from .layer import FloatImage, Layer
from .whole_output import WholeOutput

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Probe:
    """A written frame that verification reads back."""

    index: int
    tick: int
    layer: Layer | None
    """`None`: the person is absent there."""


class AlphaStream(WholeOutput):
    """One person's alpha stream, written frame by frame.

    A context manager: leaving it closes, verifies and publishes the stream; leaving it by an
    exception removes what was written. Each method may be called from any one thread.

    Args:
        path: Final name, a file or a folder. Until `close` has verified the stream it is written
            beside it under a name that begins with a dot and ends in `.partial`.
        info: The source clip: size, clock, colour.
    """

    def __init__(self, path: Path, info: ClipInfo) -> None:
        self.path = path
        self.info = info
        self.warnings: list[str] = []
        self._ticks = array("q")
        self._is_open = True
        self._is_whole = False
        """Finished and verified, and without its name."""
        self._busiest: Probe | None = None
        self._busiest_coverage = 0.0
        self._absent: Probe | None = None
        self.partial_path = path.with_name(f".{path.name}.partial")

    @property
    def frame_count(self) -> int:
        """Frames written so far."""
        return len(self._ticks)

    def warn(self, message: str) -> None:
        """Tell the user something of the stream, and note it."""
        self.warnings.append(message)
        _log.warning("%s: %s", self.path, message)

    def write(self, time: Fraction, layer: Layer | None) -> None:
        """Append a frame.

        Args:
            time: Seconds; a whole number of the clip's `time_base`, later than the frame before.
            layer: The person, or `None` where absent: alpha 0 everywhere.

        Raises:
            ValueError: The time is off the clip's clock, or not later than the last; a format with
                colour gets a layer without; the stream is closed.
            AlphaWriteError: The disk is full or the encoder failed.
        """
        if not self._is_open:
            raise ValueError(f"{self.path}: the stream is closed")
        tick = time / self.info.time_base
        if tick.denominator != 1:
            raise ValueError(f"time {time} s is no multiple of the time base {self.info.time_base}")
        if tick < 0:
            raise ValueError(f"time {time} s is before 0, which no container holds")
        if self._ticks and tick <= self._ticks[-1]:
            raise ValueError(f"time {time} s does not follow the frame before")
        clipped = None if layer is None else layer.clipped(self.info.width, self.info.height)
        if clipped is not None and not clipped.alpha.any():
            clipped = None
        with self._named_errors():
            self._write(int(tick), clipped)
        self._remember(Probe(len(self._ticks), int(tick), clipped))
        self._ticks.append(int(tick))

    def close(self) -> None:
        """Finish, verify and publish the stream; a second call does nothing.

        Raises:
            AlphaWriteError: The stream could not be finished, or does not read back as it was
                written. Nothing is left under the final name.
        """
        self.finish()
        self.publish()

    def finish(self) -> None:
        """Finish and verify the stream, which has no name yet; a second call does nothing.

        Raises:
            AlphaWriteError: As `close`.
        """
        if not self._is_open:
            return
        self._is_open = False
        with self._discarded_on_error():
            self._finish()
            self.verify()
        self._is_whole = True

    def publish(self, path: Path | None = None) -> None:
        """Give the finished stream its final name; a second call does nothing.

        Args:
            path: Another name, beside the final one.

        Raises:
            AlphaWriteError: The name cannot be given.
        """
        if not self._is_whole:
            return
        self._is_whole, self.path = False, path or self.path
        with self._discarded_on_error():
            self._publish()

    def abort(self) -> None:
        """Remove what was written, unless it has its name; a second call does nothing."""
        if self._is_open or self._is_whole:
            self._is_open = self._is_whole = False
            self._discard()

    @abstractmethod
    def verify(self) -> None:
        """Read the finished stream back and compare it with what was written.

        Raises:
            AlphaWriteError: They differ.
        """

    @abstractmethod
    def _write(self, tick: int, layer: Layer | None) -> None:
        """Append a frame; `layer` lies inside the frame and is not empty."""

    @abstractmethod
    def _finish(self) -> None:
        """Write what is pending and close the files."""

    @abstractmethod
    def _publish(self) -> None:
        """Give the finished stream its final name."""

    @abstractmethod
    def _discard(self) -> None:
        """Close and remove the unfinished stream, without raising."""

    def _warn_of_pixel_aspect(self, files: str) -> None:
        """Warn where pixels are not square; for kinds of files that cannot say so."""
        if self.info.pixel_aspect != 1:
            self.warn(
                f"pixels are {self.info.pixel_aspect} as wide as high, which {files} do not say: "
                "set it where you use them, or choose prores4444"
            )

    def _remember(self, probe: Probe) -> None:
        """Keep the first absent frame and one of the fullest ones for verification."""
        if probe.layer is None:
            self._absent = self._absent or probe
            return
        coverage = float(probe.layer.alpha.sum(dtype=np.float64))
        # A copy only for a clear gain: people grow slowly as they walk up to the camera.
        if self._busiest is None or coverage > 1.25 * self._busiest_coverage:
            layer = Layer(probe.layer.left, probe.layer.top, probe.layer.alpha.copy())
            self._busiest = Probe(probe.index, probe.tick, layer)
            self._busiest_coverage = coverage

    def _probes(self) -> list[Probe]:
        return [probe for probe in (self._busiest, self._absent) if probe is not None]

    def _check_probe(self, probe: Probe, found: FloatImage, tolerance: float) -> None:
        """Raise where the mean error of the alpha `found` at `probe` exceeds `tolerance`, 0..1."""
        if found.shape != (self.info.height, self.info.width):
            raise AlphaWriteError(
                f"{self.path}: frame {probe.index} reads back as {found.shape[1]}x"
                f"{found.shape[0]}, not {self.info.width}x{self.info.height}"
            )
        expected = np.zeros_like(found)
        if probe.layer is not None:
            expected[probe.layer.area.slices] = np.clip(probe.layer.alpha, 0.0, 1.0)
        visible = (expected > 0) | (found > 0)
        if not visible.any():
            return
        error = float(np.abs(found - expected)[visible].mean())
        if error > tolerance:
            raise AlphaWriteError(
                f"{self.path}: the alpha of frame {probe.index} reads back wrong, by {error:.4f} "
                f"on average where the person is (allowed {tolerance:.4f})"
            )

    @contextmanager
    def _discarded_on_error(self) -> Iterator[None]:
        try:
            with self._named_errors():
                yield
        except BaseException:
            self._discard()
            raise

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Turn what FFmpeg or the disk say into an `AlphaWriteError` that names the stream."""
        try:
            yield
        except (av.FFmpegError, UnknownCodecError, OSError) as error:
            number = getattr(error, "errno", None)
            if number in (errno.ENOSPC, errno.EDQUOT):
                message = f"{self.path}: the disk is full"
            else:
                message = f"{self.path}: cannot be written: {describe_av_error(error)}"
            raise AlphaWriteError(message) from error
