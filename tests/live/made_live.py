"""Sources, networks and matted frames for tests of live mattes, with known truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.errors import FrameDecodeError
from instmatt_video.live.live_matter import LiveFrame, LivePerson
from instmatt_video.live.work_level import WorkLevel
from instmatt_video.media.frame import ClipInfo, Frame
from instmatt_video.media.frame_source import FrameSource
from instmatt_video.media.video_writer import VideoWriter
from instmatt_video.networks import Networks
from tests.synthetic_clip import COLORS, SIZE, WALL, BoxMatter, ColorDetector

BOXES = ((20, 24, 44, 72), (112, 30, 136, 78))
"""Two people, xyxy; they stand, while a lamp above them changes its light."""
LAMP = np.s_[0:12, 70:90]
PLAIN = WorkLevel(1, 160, False, False)


def standing_people(index: int) -> np.ndarray:
    image = np.full((SIZE[1], SIZE[0], 3), WALL, np.uint8)
    for color, (left, top, right, bottom) in zip(COLORS, BOXES, strict=False):
        image[top:bottom, left:right] = color
    image[LAMP] = 100 + 8 * (index % 6)  # more, and frames left out would make a cut of it
    return image


def write_standing_clip(path: Path, frames: int = 50) -> Path:
    with VideoWriter(path, *SIZE, Fraction(25), quality=4) as writer:
        for index in range(frames):
            writer.write(Fraction(index, 25), standing_people(index))
    return path


class MadeSource(FrameSource):
    """Frames whose every pixel is their number; then the end, or a lost connection."""

    def __init__(self, numbers: Sequence[int], is_lost: bool = False, size: int = 16) -> None:
        super().__init__()
        self.numbers, self.is_lost = numbers, is_lost
        self.is_closed = False
        rate = Fraction(10)
        self.info = ClipInfo("made", None, size, size, rate, 1 / rate, frame_count=len(numbers))

    def frames(self, start: int = 0) -> Iterator[Frame]:
        size = self.info.width
        for index, number in enumerate(self.numbers):
            yield Frame(index, Fraction(index, 10), np.full((size, size, 3), number, np.uint8))
        if self.is_lost:
            raise FrameDecodeError("made: reading stopped: the cable is out")

    def close(self) -> None:
        self.is_closed = True


class SettableMatter(BoxMatter):
    """Mattes by boxes; remembers what each frame was to cost."""

    matte_size, has_refinement, has_solved_edges, has_second_look = 320, True, True, True

    def __init__(self) -> None:
        self.asked: list[tuple[int, bool, bool, bool]] = []

    def matte(self, image: np.ndarray, people: Any) -> list[AlphaFrame]:
        self.asked.append(
            (self.matte_size, self.has_refinement, self.has_solved_edges, self.has_second_look)
        )
        return super().matte(image, people)


def made_networks(*_: object) -> Networks:
    matter: Any = SettableMatter()
    return Networks(ColorDetector(), "Colours are looked for.", matter)


def live_frame(image: np.ndarray, people: Sequence[LivePerson], index: int = 0) -> LiveFrame:
    return LiveFrame(Frame(index, Fraction(index, 10), image), 0.0, tuple(people), PLAIN, 0.0)


def person(number: int, left: int, top: int, alpha: np.ndarray) -> LivePerson:
    return LivePerson(number, AlphaFrame(left, top, np.asarray(alpha, np.float32)))
