"""Where a new shot begins, from small copies of the frames. Knows pixels; knows no people."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

SMALL_WIDTH = 96
# Least and most lines of the small frames, however flat or tall the clip.
MIN_LINES, MAX_LINES = 8, 384
# Blur of the structure image in small pixels: texture and compression noise are no structure.
STRUCTURE_BLUR = 1.5
# Blur of what counts as the light in small pixels, and the share by which every part's reflectance
# must vary to be worth comparing: less is noise.
LIGHT_BLUR = 6.0
MIN_VARIATION = 0.03
# Added to grey, so that noise in the dark is no contrast.
DARK = 8.0
LIGHTNESS_BINS, COLOR_BINS = 8, 12
# Chroma within this much of neutral in Lab (8-bit scale) is told apart.
COLOR_RANGE = 64
# A frame with less detail (standard deviation of grey, 0..255), or with more of its pixels black or
# white, is a fade or a flash and shows no scene.
MIN_DETAIL = 6.0
MAX_CLIPPED_SHARE = 0.65
# Measured on steady, moving and brightened footage: structure stays below 0.2 through flashes and
# lamps, and below 0.1 from frame to frame through fast movement, while unrelated scenes differ by
# 0.25 and more.
MIN_STRUCTURE = 0.2
MIN_COLOR = 0.15
MIN_DIFFERENCE = 0.75
# A change of view within one place keeps its colours; it stands out from calm frames before it
# instead.
MIN_SPIKE_STRUCTURE = 0.3
SPIKE_RATIO = 8.0
CALM_FRAMES = 8
MEMORY_FRAMES = 2 * CALM_FRAMES + 1
"""Frames that showed a scene, the last ones of which decide about the next: calm ones, and those by
which a cut before them was told."""
CALM_FLOOR = 0.02
# A bar is as dark as this, and varies by no more levels; fewer lines between bars are no picture.
BAR_LEVEL, FLAT_LEVELS = 24, 6
MIN_SEEN = 8


class _Look(NamedTuple):
    """What tells scenes apart."""

    structure: npt.NDArray[np.float32]
    """Blurred grey, `(h, w)`."""
    reflectance: npt.NDArray[np.float32]
    """Blurred grey without the light that falls on it, `(h, w)`."""
    histogram: npt.NDArray[np.float32]
    """Roots of the shares of lightness and colour, at unit length."""


class _View:
    """What is remembered of a frame.

    Args:
        small: RGB, `(h, w, 3)`.
        inside: First and last + 1 row, and column, of what no bars cover.
    """

    def __init__(self, small: npt.NDArray[np.uint8], inside: tuple[int, int, int, int]) -> None:
        self.small, self.inside = small, inside
        self._looks: dict[tuple[int, int, int, int], _Look] = {}

    def look(self, part: tuple[int, int, int, int]) -> _Look:
        """Return what tells scenes apart in a part of the frame."""
        if part not in self._looks:
            top, bottom, left, right = part
            self._looks = {part: _look(self.small[top:bottom, left:right])}
        return self._looks[part]


class CutDetector:
    """Tells, frame by frame, whether a new shot begins.

    Two differences are taken to the last frame that showed a scene. Structure: 1 - correlation of
    blurred grey after the best shift, so neither brightness nor a pan counts; or that of its
    reflectance where this is smaller, so neither does a lamp. Colour: 1 - Bhattacharyya coefficient
    of the histograms of chroma and normalised lightness, so movement hardly counts. A cut changes
    both; a flash changes colour only, fast movement structure only. White and black frames are
    passed over, and so are the bars of a picture of another shape: all its scenes have them.

    Source:
        Land and McCann 1971 (Retinex): reflectance as the logarithm less its smooth part.
    """

    def __init__(self) -> None:
        self.shows_scene = False
        """Whether the last frame did; one that is white or black does not."""
        self._last: _View | None = None
        self._recent: deque[float] = deque(maxlen=CALM_FRAMES)

    def update(self, image: npt.NDArray[np.uint8]) -> bool:
        """Return whether this frame begins a new shot; never true for the first.

        Args:
            image: RGB `(H, W, 3)`, of any size; all frames of one size.
        """
        view = _look_at(image)
        self.shows_scene = view is not None
        if view is None:
            return False
        last, self._last = self._last, view
        if last is None:
            return False
        part = _common_part(last, view)
        before, now = last.look(part), view.look(part)
        structure = min(
            structure_difference(before.structure, now.structure),
            structure_difference(before.reflectance, now.reflectance),
        )
        color = 1.0 - float(before.histogram @ now.histogram)
        is_other_scene = (
            structure > MIN_STRUCTURE and color > MIN_COLOR and structure + color > MIN_DIFFERENCE
        )
        is_calm = len(self._recent) == CALM_FRAMES
        usual = max(CALM_FLOOR, max(self._recent, default=0.0))
        is_spike = is_calm and structure > max(MIN_SPIKE_STRUCTURE, SPIKE_RATIO * usual)
        if is_other_scene or is_spike:
            self._recent.clear()
            return True
        self._recent.append(structure)
        return False


def structure_difference(
    previous: npt.NDArray[np.float32], current: npt.NDArray[np.float32]
) -> float:
    """Return 1 - correlation of two grey images, 0..2, at rest or at their best shift."""
    window = cv2.createHanningWindow(previous.shape[::-1], cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(previous - previous.mean(), current - current.mean(), window)
    height, width = previous.shape
    best = _correlation(previous, current)
    x, y = round(dx), round(dy)
    if (x or y) and abs(x) <= width // 3 and abs(y) <= height // 3:
        shifted = _correlation(
            previous[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)],
            current[max(0, y) : height - max(0, -y), max(0, x) : width - max(0, -x)],
        )
        best = max(best, shifted)
    return 1.0 - best


def _correlation(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0.0 else 1.0


def _look_at(image: npt.NDArray[np.uint8]) -> _View | None:
    """Return a frame's view, or `None` where it shows no scene."""
    height, width = image.shape[:2]
    lines = min(MAX_LINES, max(MIN_LINES, round(height * SMALL_WIDTH / width)))
    size = (SMALL_WIDTH, lines)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    inside = (*_without_bars(grey, axis=1), *_without_bars(grey, axis=0))
    seen = grey[inside[0] : inside[1], inside[2] : inside[3]]
    is_clipped = (seen >= 250) | (seen <= 4)
    if float(seen.std()) < MIN_DETAIL or float(is_clipped.mean()) > MAX_CLIPPED_SHARE:
        return None
    return _View(small, inside)


def _without_bars(grey: npt.NDArray[np.uint8], axis: int) -> tuple[int, int]:
    """Return the first and last + 1 line across `axis` that is no flat black bar's."""
    is_seen = np.ptp(grey, axis=axis) > FLAT_LEVELS
    is_seen |= grey.max(axis=axis) > BAR_LEVEL
    lines = np.flatnonzero(is_seen)
    return (int(lines[0]), int(lines[-1]) + 1) if len(lines) else (0, len(is_seen))


def _common_part(a: _View, b: _View) -> tuple[int, int, int, int]:
    """Return rows and columns outside the bars that two frames have both; few lines are none."""
    height, width = a.small.shape[:2]
    top, left = min(a.inside[0], b.inside[0]), min(a.inside[2], b.inside[2])
    bottom, right = max(a.inside[1], b.inside[1]), max(a.inside[3], b.inside[3])
    # Where a bar ends the pixels are part of both.
    top, left = top + (top > 0), left + (left > 0)
    bottom, right = bottom - (bottom < height), right - (right < width)
    if bottom - top < MIN_SEEN or right - left < MIN_SEEN:
        return 0, height, 0, width
    return top, bottom, left, right


def _look(small: npt.NDArray[np.uint8]) -> _Look:
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    lightness = lab[..., 0].astype(np.float32)
    # Mean and spread of lightness belong to the exposure, not to the scene.
    lightness = (lightness - lightness.mean()) / max(float(lightness.std()), MIN_DETAIL)
    lab[..., 0] = np.clip(lightness * 40.0 + 128.0, 0.0, 255.0).astype(np.uint8)
    counts = cv2.calcHist(
        [lab],
        [0, 1, 2],
        None,
        [LIGHTNESS_BINS, COLOR_BINS, COLOR_BINS],
        [0, 256, 128 - COLOR_RANGE, 128 + COLOR_RANGE, 128 - COLOR_RANGE, 128 + COLOR_RANGE],
    )
    # Neighbouring bins share, so that a small change of colour is a small change of the histogram.
    counts = cv2.GaussianBlur(counts.reshape(LIGHTNESS_BINS, -1), (1, 3), 0)
    root = np.sqrt(counts.reshape(-1))
    structure = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), STRUCTURE_BLUR)
    histogram = root / max(float(np.linalg.norm(root)), 1e-9)
    return _Look(structure, _reflectance(structure), histogram)


def _reflectance(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return local contrast, as strong in the shade as in the light."""
    log = np.log(grey + DARK)
    detail = log - cv2.GaussianBlur(log, (0, 0), LIGHT_BLUR)
    strength = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), LIGHT_BLUR))
    return np.asarray(detail / (strength + MIN_VARIATION), np.float32)
