"""A made clip whose truth is known: flat-coloured people walk before a grey wall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.detection.detections import Detections

COLORS = np.array([(200, 40, 40), (40, 190, 40), (60, 60, 220)], np.int16)
WALL = 128
SIZE = (160, 96)
PERSON = (24, 48)


def boxes_at(frame: int) -> dict[int, tuple[int, int, int, int]]:
    """Person 0 walks right all the time, 1 left from frame 6 to 19, 2 stands from frame 24."""
    width, height = PERSON
    people = {0: (8 + 2 * frame, 20)}
    if 6 <= frame < 20:
        people[1] = (130 - 2 * frame, 40)
    if frame >= 24:
        people[2] = (20, 30)
    return {k: (x, y, x + width, y + height) for k, (x, y) in people.items()}


def picture(frame: int) -> np.ndarray:
    image = np.full((SIZE[1], SIZE[0], 3), WALL, np.uint8)
    for person, (left, top, right, bottom) in sorted(boxes_at(frame).items(), reverse=True):
        image[top:bottom, max(0, left) : right] = COLORS[person]
    return image


def write_clip(
    path: Path,
    frames: int = 40,
    has_audio: bool = False,
    picture: Callable[[int], np.ndarray] = picture,
    pixel_aspect: Fraction = Fraction(1),
) -> Path:
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "4", "preset": "fast"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv444p"
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        sound = container.add_stream("aac", rate=16000, layout="mono") if has_audio else None
        for index in range(frames):
            picture_frame = av.VideoFrame.from_ndarray(picture(index), format="rgb24")
            picture_frame.pts = index
            picture_frame.time_base = Fraction(1, 25)
            for packet in stream.encode(picture_frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
        if sound is not None:
            samples = (0.1 * np.sin(np.arange(16000 * frames // 25) / 20)).astype(np.float32)
            for start in range(0, len(samples), 1024):
                piece = av.AudioFrame.from_ndarray(
                    samples[None, start : start + 1024], format="fltp", layout="mono"
                )
                piece.sample_rate, piece.pts = 16000, start
                for packet in sound.encode(piece):
                    container.mux(packet)
            for packet in sound.encode():
                container.mux(packet)
    return path


def write_frames(folder: Path, count: int, template: str = "%04d.png", first: int = 0) -> Path:
    """Write `picture`s as an image sequence; return its folder."""
    folder.mkdir(parents=True)
    for index in range(count):
        image = picture(index)[..., ::-1].copy()
        assert cv2.imwrite(str(folder / (template % (first + index))), image)
    return folder


class ColorDetector:
    """Finds the flat-coloured people exactly."""

    name = "color"
    confident_score = 0.5
    has_exact_masks = True

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at = fails_at
        self.looks: list[int] = []

    def looks_at(self, frame_index: int) -> bool:
        return True

    def detect(
        self, images: Sequence[np.ndarray], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        assert frame_indices is not None
        self.looks.extend(frame_indices)
        if self.fails_at in frame_indices:
            raise RuntimeError("pulled the plug")
        return [self._look(image) for image in images]

    def _look(self, image: np.ndarray) -> Detections:
        boxes = []
        for color in COLORS:
            near = (np.abs(image.astype(np.int16) - color) < 40).all(2)
            rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
            if len(rows) > 8 and len(columns) > 4:
                boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        n = len(boxes)
        return Detections(
            np.array(boxes, np.float32).reshape(n, 4),
            np.full(n, 0.9, np.float32),
            np.ones((n, 28, 28), np.float32),
        )


class BoxMatter:
    """Mattes each person by their box: alpha is 1 inside."""

    device, precision = "cpu", "none"

    def matte(self, image: np.ndarray, people: Detections) -> list[AlphaFrame]:
        frames = []
        for box in people.boxes:
            left, top, right, bottom = (round(float(v)) for v in box)
            left, top = max(0, left), max(0, top)
            right, bottom = min(image.shape[1], right), min(image.shape[0], bottom)
            shape = (max(0, bottom - top), max(0, right - left))
            frames.append(AlphaFrame(left, top, np.ones(shape, np.float32)))
        return frames
