"""Clips made in the test, so that every frame and its time are known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]


def disc_picture(index: int, width: int = 64, height: int = 48, deep: bool = False) -> Image:
    """Return frame `index`: its brightness names it, a red disc moves, the top left is green."""
    largest = 65535 if deep else 255
    level = (0.2 + 0.05 * (index % 12)) * largest
    picture = np.full((height, width, 3), level)
    centre = (min(8 + 3 * index, width - 1), height // 2)
    disc = np.zeros((height, width), np.uint8)
    cv2.circle(disc, centre, max(1, height // 6), 1, -1)
    picture[disc > 0] = (0.8 * largest, 0.1 * largest, 0.1 * largest)
    picture[: height // 4, : width // 4] = (0.1 * largest, 0.7 * largest, 0.1 * largest)
    return np.rint(picture).astype(np.uint16 if deep else np.uint8)


def write_video(
    path: Path,
    *,
    count: int = 8,
    width: int = 64,
    height: int = 48,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: Fraction = Fraction(25),
    time_base: Fraction | None = None,
    ticks: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    rotation_deg: int = 0,
    display_matrix: tuple[int, int, int, int] | None = None,
    sounds: Sequence[str] = (),
    timecode: str | None = None,
    pixel_aspect: Fraction | None = None,
    container_options: dict[str, str] | None = None,
) -> None:
    """Encode `disc_picture`s.

    `ticks` are presentation times in `time_base` (1 / rate); `sounds` are codecs, a track each;
    `display_matrix` is (a, b, c, d) of x' = a·x + c·y, y' = b·x + d·y.
    """
    with av.open(path, "w", options=container_options or {}) as container:
        if timecode:
            container.metadata["timecode"] = timecode
        quality = {"crf": "10"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=rate, options=quality | (options or {}))
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        time_base = time_base or 1 / rate
        stream.codec_context.time_base = stream.time_base = time_base
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        if display_matrix:
            a, b, c, d = (value << 16 for value in display_matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        tracks = [container.add_stream(name, rate=48000) for name in sounds]
        for index in range(count):
            picture = disc_picture(index, width, height)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame = frame.reformat(format=pixel_format, dst_colorspace="ITU709", dst_color_range=1)
            frame.pts = ticks[index] if ticks is not None else index
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        tone = np.sin(np.arange(int(48000 * count / rate)) * 0.05, dtype=np.float32)[None]
        for track in tracks:
            sound = av.AudioFrame.from_ndarray(tone, "fltp", "mono")
            sound.sample_rate, sound.pts, sound.time_base = 48000, 0, Fraction(1, 48000)
            container.mux([*track.encode(sound), *track.encode(None)])


def damage(path: Path, broken: range, kept_bytes: int = 0) -> Path:
    """Overwrite the packets number `broken` of a file of key frames with zeros.

    `kept_bytes` of each are left: some containers have its header there.
    """
    with av.open(path) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for position, size in packets[broken.start : broken.stop]:
        data[position + kept_bytes : position + size] = bytes(size - kept_bytes)
    path.write_bytes(data)
    return path


def forget_codec(path: Path) -> Path:
    """Rename a movie's last 16-bit sound to a codec that FFmpeg does not know; return the movie."""
    before, known, after = path.read_bytes().rpartition(b"sowt")
    assert known
    path.write_bytes(before + b"apac" + after)
    return path
