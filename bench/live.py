"""Live mattes: frames a second, capture to showing, and processor time a frame by stage.

python bench/live.py --clips ../shared/data/video --out DIR
Makes 640x360 clips of one and two people with the `ffmpeg` binary. The first table is a real
session (a file at its own pace, an output that takes every picture) by the clock; the second,
processor time of one thread at each step of work, holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from instmatt_video.config import MattingConfig
from instmatt_video.detection.detector import Detector, create_detector
from instmatt_video.live.backgrounds import Backgrounds
from instmatt_video.live.capture import Capture, Captured
from instmatt_video.live.live_matter import LiveFrame, LiveMatter
from instmatt_video.live.meter import Figures
from instmatt_video.live.session import LiveSession
from instmatt_video.live.view_choice import ViewChoice, ViewControl
from instmatt_video.live.views import draw_view
from instmatt_video.live.work_level import MODEST_STEP, STEPS, PaceKeeper, WorkLevel, work_levels
from instmatt_video.matting.matter import Matter
from instmatt_video.media.source import open_source
from instmatt_video.people.finder import PeopleFinder

_SIDES = "fillborders=left={0}:right={0}:mode=smear"
FILTERS = {
    "one person, whole": f"crop=320:720:960:0,scale=160:360,pad=640:360:240:0,{_SIDES.format(240)}",
    "one person, close": "crop=368:207:912:140,scale=640:360",
    "two people": f"crop=656:720:290:0,scale=328:360,pad=640:360:156:0,{_SIDES.format(156)}",
}
"""What is cut out of the first 30 frames of dancers_studio.mp4, played there and back."""
WARM_UP_S = 4.0


def make_clip(source: Path, picture_filter: str, path: Path) -> Path:
    graph = (
        f"[0]trim=end_frame=30,setpts=PTS-STARTPTS,{picture_filter},split[a][b];"
        "[b]reverse[c];[a][c]concat=n=2:v=1,setsar=1"
    )
    words = ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-filter_complex", graph]
    subprocess.run([*words, "-pix_fmt", "yuv420p", "-crf", "12", str(path)], check=True)
    return path


@dataclass
class Screen:
    """An output that takes every picture, as a window does, and remembers when."""

    times: list[tuple[float, float]] = field(default_factory=list)
    steps: list[WorkLevel] = field(default_factory=list)
    people: list[int] = field(default_factory=list)

    def show(self, picture: np.ndarray, live: LiveFrame, figures: Figures) -> None:
        """Take a picture."""
        np.ascontiguousarray(picture[..., ::-1])
        self.times.append((live.captured_s, time.monotonic()))
        self.steps.append(live.level)
        self.people.append(len(live.people))

    def is_open(self) -> bool:
        """Return `True`."""
        return True

    def close(self) -> None:
        """Hold nothing."""


def quick_detector() -> Detector:
    """Return the detector as `live` has it."""
    return create_detector("compact", finds_small_people=False).detector


def measure_session(clip: Path, view: str, seconds: float, matter: Matter) -> str:
    capture = Capture(str(clip), is_looped=True)
    backgrounds = Backgrounds(["blur"], capture.info.width, capture.info.height)
    control = ViewControl(ViewChoice(view, "blur"), backgrounds.names)
    pace = PaceKeeper(work_levels(), 1 / 12, MODEST_STEP)
    live = LiveMatter(PeopleFinder(quick_detector()), matter, pace)
    screen = Screen()
    cpu_s = time.process_time()
    LiveSession(capture, live, control, backgrounds, [screen]).run(max_seconds=seconds + WARM_UP_S)
    cpu_s = time.process_time() - cpu_s
    started_s = screen.times[0][1] + WARM_UP_S
    counted = [pair for pair in screen.times if pair[1] >= started_s]
    if len(counted) < 2:
        return "too slow to measure"
    latencies_ms = 1000 * np.array([shown - captured for captured, shown in counted])
    fps = (len(counted) - 1) / (counted[-1][1] - counted[0][1])
    return (
        f"{fps:.1f} | {np.median(latencies_ms):.0f} | {np.quantile(latencies_ms, 0.95):.0f} | "
        f"{np.median(screen.people):.0f} | {STEPS.index(screen.steps[-1]) + 1} "
        f"({screen.steps[-1]}) | {1000 * cpu_s / len(screen.times):.0f}"
    )


class TimedFinder(PeopleFinder):
    """Counts its thread's processor time."""

    spent_s = 0.0

    def find(self, frame):  # type: ignore[no-untyped-def]
        """Return what is found."""
        began_s = time.thread_time()
        found = super().find(frame)
        self.spent_s += time.thread_time() - began_s
        return found


class TimedMatter(Matter):
    """Counts its thread's processor time."""

    spent_s = 0.0

    def matte(self, image, people):  # type: ignore[no-untyped-def]
        """Return what is matted."""
        began_s = time.thread_time()
        alphas = super().matte(image, people)
        self.spent_s += time.thread_time() - began_s
        return alphas


def measure_step(frames: list[Captured], step: WorkLevel, matter: TimedMatter) -> str:
    """Return processor milliseconds a frame of each stage, in one thread."""
    finder = TimedFinder(quick_detector())
    live = LiveMatter(finder, matter, PaceKeeper([step], 1.0))
    first, rest = frames[:8], frames[8:]  # everybody is confirmed by then
    for captured in first:
        live.process(captured)
    finder.spent_s = matter.spent_s = 0.0
    began_s = time.thread_time()
    shown = [live.process(captured) for captured in rest]
    all_s = time.thread_time() - began_s
    height, width = rest[0].frame.image.shape[:2]
    backgrounds, drawn_s = Backgrounds(["blur"], width, height), []
    for view in ("tinted", "cutout"):
        began_s = time.thread_time()
        for frame in shown:
            is_cut_out = view == "cutout"
            behind = backgrounds.picture("blur", frame) if is_cut_out else None
            draw_view(frame, ViewChoice(view, "blur"), behind)
        drawn_s.append(time.thread_time() - began_s)
    rest_s = all_s - finder.spent_s - matter.spent_s
    parts = (finder.spent_s, matter.spent_s, rest_s, *drawn_s, all_s + drawn_s[1])
    ms = [1000 * part / len(rest) for part in parts]
    return f"{step} | " + " | ".join(f"{value:.0f}" for value in ms) + f" | {1000 / ms[-1]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="holds dancers_studio.mp4")
    parser.add_argument("--out", type=Path, required=True, help="gets the made clips")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each session")
    parser.add_argument("--no-sessions", action="store_true", help="processor time only")
    parser.add_argument("--steps", type=int, nargs="*", default=range(1, len(STEPS) + 1))
    parser.add_argument("--frames", type=int, default=32, help="of each step")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    source = args.clips / "dancers_studio.mp4"
    clips = {
        name: make_clip(source, text, args.out / f"{name.replace(', ', '_').replace(' ', '_')}.mp4")
        for name, text in FILTERS.items()
    }
    config = MattingConfig(device="cpu")
    if not args.no_sessions:
        print("| clip | view | frames/s | latency ms | 95 % | people | last step | CPU ms |")
        print("|---|---|---|---|---|---|---|---|")
        matter = Matter.from_config(config)
        for name, clip in clips.items():
            for view in ("tinted", "cutout"):
                row = measure_session(clip, view, args.seconds, matter)
                print(f"| {name} | {view} | {row} |", flush=True)
        print()
    torch.set_num_threads(1)
    timed = TimedMatter.from_config(config)
    print(
        "| clip | step | find | matte | rest | tint | cut out | all (cut-out) | frames/s a core |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for name, clip in clips.items():
        with open_source(str(clip)) as opened:
            frames = [Captured(frame, 0.0) for frame in opened][::2][: args.frames]
        for number in args.steps:
            print(f"| {name} | {measure_step(frames, STEPS[number - 1], timed)} |", flush=True)


if __name__ == "__main__":
    main()
