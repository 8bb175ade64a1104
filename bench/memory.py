"""Peak memory of the main job: a long clip against a short one, and 1080p.

    python bench/memory.py --video dancers_studio.mp4

Makes clips by playing the one that is named forth and back (a jump to its start could be taken for
a cut), mattes each in a process of its own with default settings, and prints the peak resident
memory of each process as a Markdown table. The frame rate of the made clips sets how long this
takes; memory depends on the number of frames, if on anything.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from instmatt_video.media.frame import as_eight_bit
from instmatt_video.media.source import open_source
from instmatt_video.media.video_writer import VideoWriter


@dataclass(frozen=True)
class Case:
    """A clip to be made."""

    title: str
    width: int
    height: int
    frame_count: int


def make_clip(path: Path, original: Path, case: Case, frame_rate: Fraction) -> None:
    """Write the original's frames, scaled, forth and back until there are enough."""
    size = (case.width, case.height)
    pictures = [
        np.asarray(cv2.resize(as_eight_bit(frame.image), size), np.uint8)
        for frame, _ in zip(open_source(original), range(case.frame_count), strict=False)
    ]
    to_and_fro = itertools.cycle(pictures + pictures[-2:0:-1])
    with VideoWriter(path, *size, frame_rate, quality=10, max_side_px=max(size)) as writer:
        for index, picture in zip(range(case.frame_count), to_and_fro, strict=False):
            writer.write(index / frame_rate, picture)


def peak_memory(clip: Path, folder: Path) -> int:
    """Return the peak resident memory of matting a clip, in bytes."""
    words = [str(clip), "--out-dir", str(folder), "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "instmatt_video.cli", *words])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"matting {clip} ended with status {process.returncode}")
    return usage.ru_maxrss * 1024  # the kernel counts KiB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, required=True, help="a clip of some people")
    parser.add_argument("--rate", type=Fraction, default=Fraction(25), help="frames a second (25)")
    parser.add_argument("--large-frames", type=int, default=24, help="frames of the 1080p clip")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    cases = [
        Case(f"{seconds} s at {options.rate} frames/s", 640, 360, int(seconds * options.rate))
        for seconds in (10, 60)
    ]
    cases.append(Case("1080p", 1920, 1080, options.large_frames))
    print("| clip | frames | peak memory GB | against the first |")
    print("|---|---|---|---|")
    first = 0
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "clip.mp4"
            make_clip(clip, options.video, case, options.rate)
            peak = peak_memory(clip, Path(folder) / "out")
        first = first or peak
        print(
            f"| {case.title}, {case.width}x{case.height} | {case.frame_count} | {peak / 1e9:.2f} "
            f"| {peak / first:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
