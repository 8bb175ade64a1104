"""A clip's alphas, read frame by frame: `(N, H, W)` for each frame, each person in one row.

Knows the files that it reads; knows not how a clip's folder is laid out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from instmatt_video.eval.alpha import Alpha

from ..errors import EvaluationError, VideoOpenError
from ..media.matte_file import read_mattes


@dataclass(frozen=True)
class ClipFiles:
    """One clip of people, in image files: paths by frame and instance."""

    folder: Path
    instances: tuple[str, ...]
    frames: tuple[tuple[Path, ...], ...]
    """`frames[t][n]` is instance n in frame t."""
    frame_names: tuple[str, ...]

    def read_frames(self) -> Iterator[Alpha]:
        """Yield each frame's alphas, `(N, H, W)`.

        Raises:
            MatteReadError: A file cannot be read or has another size; it is named.
        """
        size: tuple[int, int] | None = None
        for paths in self.frames:
            alphas = read_mattes(list(paths), size)
            if paths:
                size = (alphas.shape[1], alphas.shape[2])
            yield alphas


@dataclass(frozen=True)
class StreamFile:
    """One person's alpha stream."""

    path: Path
    first_frame: int = 0
    """The clip's frame, from 0, that a trimmed stream begins with."""


@dataclass(frozen=True)
class ClipStreams:
    """One clip of people, in a stream each."""

    folder: Path
    instances: tuple[str, ...]
    streams: tuple[StreamFile, ...]
    num_frames: int | None = None
    """Of the clip, where streams are trimmed to the span of their person; else their own."""

    def read_frames(self) -> Iterator[Alpha]:
        """Yield each frame's alphas, `(N, H, W)` float32; a trimmed person is 0 where not streamed.

        Without streams nothing tells the frames, and there are none.

        Raises:
            EvaluationError: A stream cannot be read, or two differ in size or length.
        """
        if not self.streams:
            return
        readers = [_StreamReader(stream) for stream in self.streams]
        for reader in readers:
            if reader.size != readers[0].size:
                raise EvaluationError(
                    f"{reader.path} is {reader.size[1]}x{reader.size[0]}, "
                    f"{readers[0].path} {readers[0].size[1]}x{readers[0].size[0]}"
                )
        frame = 0
        while not self._is_over(readers, frame):
            yield np.stack([reader.read(frame) for reader in readers])
            frame += 1

    def _is_over(self, readers: list[_StreamReader], frame: int) -> bool:
        going = [reader for reader in readers if not reader.is_over]
        if self.num_frames is None:
            if going and len(going) < len(readers):
                ended = next(reader for reader in readers if reader.is_over)
                raise EvaluationError(f"{ended.path} has {frame} frames, {going[0].path} has more")
            return not going
        if frame == self.num_frames and going:
            raise EvaluationError(f"{going[0].path} goes on after frame {frame}, the clip's last")
        return frame == self.num_frames


class _StreamReader:
    """A stream's alphas by the clip's frame numbers, one frame ahead."""

    def __init__(self, stream: StreamFile) -> None:
        from ..media.alpha_reader import read_alpha

        self.path = stream.path
        self._first_frame = stream.first_frame
        self._alphas = read_alpha(stream.path)
        self._next = self._advance()
        if self._next is None:
            raise EvaluationError(f"{stream.path} has no frames")
        self.size: tuple[int, ...] = self._next.shape

    @property
    def is_over(self) -> bool:
        return self._next is None

    def read(self, frame: int) -> Alpha:
        """Return the frame's alpha, zeros before the stream's first and after its last."""
        if frame < self._first_frame or self._next is None:
            return np.zeros(self.size, dtype=np.float32)
        alpha, self._next = self._next, self._advance()
        return alpha

    def _advance(self) -> Alpha | None:
        try:
            return next(self._alphas, None)
        except (VideoOpenError, OSError) as error:
            raise EvaluationError(f"cannot read the stream {self.path}: {error}") from error


Clip: TypeAlias = ClipFiles | ClipStreams
