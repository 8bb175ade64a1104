"""What the streams of the made clip must show, and what they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from instmatt_video.media.alpha_reader import read_alpha
from tests.review.conftest import FRAMES
from tests.synthetic_clip import SIZE, boxes_at

ONE, TWO, THREE = "person_01_01.mkv", "person_02_02.mkv", "person_03_03.mkv"


def alphas(path: Path) -> np.ndarray:
    return np.stack(list(read_alpha(path)))


def truth(*people: tuple[int, range]) -> np.ndarray:
    """Return the mattes of people of the made clip, each in some frames, from 0."""
    found = np.zeros((FRAMES, SIZE[1], SIZE[0]), np.float32)
    for person, frames in people:
        for frame in frames:
            if person in boxes_at(frame):
                left, top, right, bottom = boxes_at(frame)[person]
                found[frame, top:bottom, left:right] = 1
    return found


def close(one: np.ndarray, two: np.ndarray) -> bool:
    return bool(np.abs(one - two).mean(axis=(1, 2)).max() < 0.002)


def streams(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.mkv"))}
