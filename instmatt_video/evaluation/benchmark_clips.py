"""Clips of people who move, cross, enter and leave, with their true alphas; two shots and sound.

Knows cut-outs and a background; knows nothing of the benchmark that the clip belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from ..errors import AlphaWriteError
from ..media.color import paint_frame, tag_codec, tag_frame
from ..media.file_url import file_url
from ..media.frame import ColorTags
from ..media.made_sound import SAMPLE_RATE_HZ, add_sound_stream, encode_sound
from ..training.pictures.composites import Layer, composite
from ..training.pictures.cutouts import Cutout
from ..training.pictures.scene import SceneConfig, place_background, place_cutout

FloatArray = npt.NDArray[np.float32]

_CUT_AT = 0.62
"""Share of the clip after which the second shot begins."""
_PATHS = ((0.25, 0.75), (1.35, 0.3), (0.5, 0.55), (0.8, 0.2), (-0.35, 0.6))
"""Where people go in the first shot, as shares of the width: 0 and 1 cross, 1 and 4 enter."""
_PATHS_AFTER = ((0.7, -0.4), (0.3, 0.6))
"""In the second shot the first person is back and leaves, another crosses."""
_COLOR = ColorTags()
"""BT.709, whatever the size; without tags some sizes would be read as BT.601."""
_SCENE = SceneConfig(height_range=(0.6, 1.1), has_augmentation=False)


@dataclass(frozen=True)
class ClipFrame:
    """One frame and the truth about it."""

    image: npt.NDArray[np.uint8]
    """RGB, `(H, W, 3)`."""
    alphas: npt.NDArray[np.uint8]
    """Visible alphas, `(N, H, W)`; all 0 for who is not there."""


@dataclass(frozen=True)
class _Walker:
    """A person on their way through a shot."""

    person: int
    cutout: Cutout
    matrix: FloatArray
    centre_px: float
    """Where the matrix alone would put them."""
    path: tuple[float, float]
    phase: float
    gain: float
    sway: float = 0.07
    """How far they lean to either side, as a share of their height."""

    def lay(self, time: float, size: tuple[int, int]) -> Layer:
        """Return the person at a time, 0..1, of the shot."""
        width, height = size
        start, end = self.path
        matrix = self.matrix.copy()
        matrix[0, 2] += width * (start + (end - start) * time) - self.centre_px
        # They lean to and fro, about the lower edge: no two frames are shifted copies.
        lean = self.sway * np.sin(2 * np.pi * (2 * time + self.phase))
        matrix[0] -= lean * matrix[1]
        matrix[0, 2] += lean * height
        layer = self.cutout.lay(matrix, size)
        return Layer(
            np.minimum(layer.premultiplied * self.gain, layer.alpha[..., None]), layer.alpha
        )


@dataclass(frozen=True)
class ClipPlan:
    """A clip that is decided but not drawn."""

    size: tuple[int, int]
    """(width, height) in pixels."""
    num_frames: int
    num_people: int
    shots: tuple[tuple[FloatArray, tuple[_Walker, ...]], ...]
    """Background and people, from back to front, of the two shots."""

    @property
    def cut_frame(self) -> int:
        """The first frame of the second shot, from 0."""
        return min(self.num_frames, max(1, round(_CUT_AT * self.num_frames)))

    def draw(self) -> Iterator[ClipFrame]:
        """Yield the frames."""
        lengths = (self.cut_frame, self.num_frames - self.cut_frame)
        for (background, walkers), length in zip(self.shots, lengths, strict=True):
            for frame in range(length):
                time = frame / max(length - 1, 1)
                made = composite(background, [walker.lay(time, self.size) for walker in walkers])
                alphas = np.zeros((self.num_people, *background.shape[:2]), np.uint8)
                for walker, alpha in zip(walkers, made.alphas, strict=True):
                    alphas[walker.person] = to_bytes(alpha)
                yield ClipFrame(to_bytes(made.image), alphas)


def to_bytes(image: FloatArray) -> npt.NDArray[np.uint8]:
    """Return values of 0..1 in 8 bits, rounded to nearest."""
    return np.round(255 * image.clip(0, 1)).astype(np.uint8)


def plan_clip(
    cutouts: Sequence[Cutout],
    backgrounds: Sequence[npt.NDArray[np.uint8]],
    size: tuple[int, int],
    num_frames: int,
    rng: np.random.Generator,
) -> ClipPlan:
    """Return who goes where in two shots.

    Args:
        cutouts: Two people or more. With three or more the last one appears after the cut alone.
        backgrounds: One for each of the two shots, `(h, w, 3)`.
        size: (width, height) in pixels.
        num_frames: Of the whole clip.
        rng: Source of chance.
    """
    people = list(range(len(cutouts)))
    newcomer = people[-1]
    first = people[:-1] if len(people) > 2 else people
    shots = []
    for background, members, paths in (
        (backgrounds[0], first, _PATHS),
        (backgrounds[1], [0, newcomer], _PATHS_AFTER),
    ):
        walkers = [
            _start_walker(person, cutouts[person], path, size, rng)
            for person, path in zip(members, paths, strict=False)
        ]
        order = rng.permutation(len(walkers))
        scene = place_background(background, size, _SCENE, rng)
        shots.append((scene, tuple(walkers[k] for k in order)))
    return ClipPlan(size, num_frames, len(people), tuple(shots))


def _start_walker(
    person: int,
    cutout: Cutout,
    path: tuple[float, float],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> _Walker:
    matrix, (centre, _) = place_cutout(cutout, (), size, _SCENE, rng)
    return _Walker(
        person=person,
        cutout=cutout,
        matrix=matrix,
        centre_px=centre,
        path=path,
        phase=float(rng.random()),
        gain=float(np.exp(rng.normal(0, 0.12))),
    )


def make_sound(num_frames: int, frame_rate: Fraction, cut_frame: int) -> FloatArray:
    """Return stereo sound `(2, samples)`, -1..1: a hum that wanders, and a click at the cut."""
    time_s = np.arange(int(num_frames / frame_rate * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    place = 0.5 + 0.4 * np.sin(2 * np.pi * time_s / 3)
    sound = 0.15 * np.sin(2 * np.pi * 220 * time_s) * np.sqrt(np.stack([1 - place, place]))
    click = int(cut_frame / frame_rate * SAMPLE_RATE_HZ)
    sound[:, click : click + 96] += 0.5
    return sound.astype(np.float32)


def write_clip(
    path: Path, images: Iterable[npt.NDArray[np.uint8]], plan: ClipPlan, frame_rate: Fraction
) -> None:
    """Write frames as H.264, BT.709, with sound; the same bytes on every machine.

    Args:
        path: An `.mp4` file.
        images: The plan's frames, RGB `(H, W, 3)`.
        plan: Tells size, length and cut.
        frame_rate: Frames per second.

    Raises:
        AlphaWriteError: The file cannot be written.
    """
    try:
        with av.open(file_url(path), "w", format="mp4") as container:
            # One thread: how many there are decides what x264 writes.
            options = {"crf": "12", "preset": "fast", "threads": "1"}
            video = container.add_stream("libx264", rate=frame_rate, options=options)
            video.width, video.height = plan.size
            video.pix_fmt = "yuv420p"
            tag_codec(video.codec_context, _COLOR)
            audio = add_sound_stream(container)
            for image in images:
                container.mux(video.encode(_to_video_frame(image)))
            container.mux(video.encode(None))
            sound = make_sound(plan.num_frames, frame_rate, plan.cut_frame)
            encode_sound(container, audio, sound)
    except (av.FFmpegError, OSError) as error:
        raise AlphaWriteError(f"{path}: cannot be written: {error}") from error


def _to_video_frame(image: npt.NDArray[np.uint8]) -> VideoFrame:
    frame = VideoFrame(image.shape[1], image.shape[0], "yuv420p")
    tag_frame(frame, _COLOR)
    paint_frame(frame, image, _COLOR)
    return frame
