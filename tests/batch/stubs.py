"""Networks, clips and engines for tests of batches; workers of every kind can import them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from instmatt_video import MatteConfig
from instmatt_video.batch.clip_work import matte_clip
from instmatt_video.batch.job import ClipJob, Listener
from instmatt_video.config import OutputConfig, RunConfig
from instmatt_video.media.frame import ClipInfo
from instmatt_video.networks import Networks
from instmatt_video.progress import Progress
from tests.synthetic_clip import SIZE, BoxMatter, ColorDetector, picture, write_clip

LIGHT = MatteConfig(
    output=OutputConfig(format="matte-ffv1", has_preview=False, has_report=False),
    run=RunConfig(chunk_frames=8, is_resumed=True),
)
SHOT_FRAMES = 20
CUTS = (20, 40)


def write_shots(path: Path) -> Path:
    """Write a clip of three shots: the people of the synthetic clip before three painted walls."""
    rng = np.random.default_rng(5)
    tints = ((0, 0, 0), (30, 0, -40), (-20, 0, 25))
    walls = []
    for tint in tints:
        blocks = rng.integers(-50, 50, (6, 10, 1)).repeat(16, 0).repeat(16, 1)
        walls.append(128 + blocks + np.array(tint))

    def shot(index: int) -> np.ndarray:
        image = picture(index).astype(np.int16)
        is_wall = (image == 128).all(2, keepdims=True)
        return np.where(is_wall, walls[index // SHOT_FRAMES], image).astype(np.uint8)

    assert shot(0).shape == (SIZE[1], SIZE[0], 3)
    return write_clip(path, 3 * SHOT_FRAMES, picture=shot)


def job_of(clip: Path, out_dir: Path, config: MatteConfig = LIGHT) -> ClipJob:
    return ClipJob(str(clip), out_dir / clip.stem, config)


def chunks_of(job: ClipJob) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (job.folder / "alphas").glob("*.chunk")}


class DyingDetector(ColorDetector):
    """Takes its process with it at a frame, once: the marker remembers."""

    def __init__(self, dies_at: int, marker: Path) -> None:
        super().__init__()
        self.dies_at, self.marker = dies_at, marker

    def detect(self, images, frame_indices=None):  # type: ignore[no-untyped-def]
        if self.dies_at in frame_indices and not self.marker.exists():
            self.marker.touch()
            os._exit(3)
        return super().detect(images, frame_indices)


class WaitingDetector(ColorDetector):
    """Does not look at a frame before the marker is there."""

    def __init__(self, waits_at: int, marker: Path) -> None:
        super().__init__()
        self.waits_at, self.marker = waits_at, marker

    def detect(self, images, frame_indices=None):  # type: ignore[no-untyped-def]
        while self.waits_at in frame_indices and not self.marker.exists():
            time.sleep(0.05)
        return super().detect(images, frame_indices)


@dataclass(frozen=True)
class StubNetworks:
    """A `NetworkProvider`: flat-coloured people, box mattes; may kill its worker once, or wait."""

    dies_at: int | None = None
    waits_at: int | None = None
    marker: Path | None = None

    def __call__(self, config: MatteConfig, info: ClipInfo) -> Networks:
        detector = ColorDetector()
        if self.marker is not None and self.dies_at is not None:
            detector = DyingDetector(self.dies_at, self.marker)
        elif self.marker is not None and self.waits_at is not None:
            detector = WaitingDetector(self.waits_at, self.marker)
        return Networks(detector, "a stub", BoxMatter())  # type: ignore[arg-type]


class InlineEngine:
    """Works through clips here and now; an `Engine`."""

    def __init__(self, stops_at: int | None = None) -> None:
        self.stops_at = stops_at

    def run(self, jobs: Sequence[ClipJob], listener: Listener) -> None:
        for index, job in enumerate(jobs):
            listener.started(index)
            if index == self.stops_at:
                raise KeyboardInterrupt

            def report(progress: Progress, index: int = index) -> None:
                listener.progressed(index, progress)

            listener.finished(index, matte_clip(job, report, StubNetworks()))


def overwriting(config: MatteConfig = LIGHT) -> MatteConfig:
    return replace(config, run=replace(config.run, is_resumed=False, is_overwriting=True))
