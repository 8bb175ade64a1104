"""`instmatt-video make-benchmark`: composite images as HIM2K's and clips as VIM's, with truth.

The paper's section 4 as a tool: 2 to 5 people over backgrounds without people (Eq. 13-15).
The same seed and folders give the same files.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ..console import make_console
from ..counting_bar import Count, counting_bar
from ..errors import OptionError, disk_errors
from ..printable import is_utf8, printable
from ..training.pictures.cutouts import Cutout, read_cutout
from ..training.pictures.packs import ImagePack
from ..training.pictures.scene import SceneConfig, compose_scene
from ..whole_file import write_whole
from .benchmark_clips import ClipFrame, plan_clip, to_bytes, write_clip

MAX_PEOPLE = 5
MAX_SIDE_PX = 8192
_IMAGES, _CLIPS = 0, 1
"""Streams of chance: neither kind depends on how many of the other there are."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """What to make."""

    num_images: int = 100
    num_clips: int = 4
    seed: int = 0
    image_size: tuple[int, int] = (1280, 720)
    """(width, height) in pixels."""
    clip_size: tuple[int, int] = (640, 360)
    num_frames: int = 75
    frame_rate: Fraction = Fraction(25)

    def __post_init__(self) -> None:
        for name in ("num_images", "num_clips", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")
        if self.num_frames < 2:
            raise ValueError(f"num_frames must be 2 or more, not {self.num_frames}")
        for name in ("image_size", "clip_size"):
            width, height = getattr(self, name)
            if not (32 <= width <= MAX_SIDE_PX and 32 <= height <= MAX_SIDE_PX):
                raise ValueError(
                    f"{name} must be 32x32 to {MAX_SIDE_PX}x{MAX_SIDE_PX}, not {width}x{height}"
                )
        if self.clip_size[0] % 2 or self.clip_size[1] % 2:
            raise ValueError(f"clip_size must be even for H.264, not {self.clip_size}")


@dataclass(frozen=True)
class _Pools:
    people: ImagePack
    backgrounds: ImagePack

    def draw_people(self, rng: np.random.Generator) -> list[Cutout]:
        """Return 2 to 5 different people."""
        most = min(MAX_PEOPLE, len(self.people))
        count = int(rng.integers(2, most + 1))
        chosen = rng.choice(len(self.people), size=count, replace=False)
        return [read_cutout(self.people, self.people.names[int(index)]) for index in chosen]

    def draw_background(self, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """Return a picture, `(h, w, 3)`."""
        name = self.backgrounds.names[int(rng.integers(len(self.backgrounds)))]
        picture = self.backgrounds.read(name)
        if picture.ndim == 2:
            picture = np.dstack([picture] * 3)
        return picture[..., :3]


def make_benchmark(
    foregrounds: Path,
    backgrounds: Path,
    out: Path,
    config: BenchmarkConfig,
    progress: Count | None = None,
) -> None:
    """Write a benchmark of images, clips and their truth.

    * `images/<nnnn>.png` and `alphas/<nnnn>/<nn>.png`: composites and their visible alphas;
    * `clips/<name>.mp4`, `video/<name>/pha/<nn>/<nnnn>.png` and `video/<name>/gt.txt`: clips with
      sound and a cut, the visible alpha of each person (black where absent), boxes as MOT text;
    * `benchmark.json`: what was made of what.

    Args:
        foregrounds: Folder or tar of RGBA cut-outs of people, straight colour; two or more.
        backgrounds: Folder or tar of pictures without people.
        out: A folder that is empty or not there yet.
        config: How much, how large, which seed.
        progress: Called after each image and clip.

    Raises:
        OptionError: `out` is not empty or its name not UTF-8, or a pack is missing or has too
            little.
        AlphaWriteError: A file cannot be written.
    """
    pools = _Pools(ImagePack(foregrounds), ImagePack(backgrounds))
    if len(pools.people) < 2:
        raise OptionError(f"{foregrounds}: a benchmark needs two people or more")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(f"{out} exists and is not an empty folder")
    if not is_utf8(out):  # FFmpeg could write no clip there
        raise OptionError(f"{printable(out)}: the name is not UTF-8: give another --out")
    _make_folder(out)
    total = config.num_images + config.num_clips
    record: dict[str, list[dict[str, object]]] = {"images": [], "clips": []}
    for k in range(config.num_images):
        rng = np.random.default_rng((config.seed, _IMAGES, k))
        record["images"].append(_make_image(pools, out, f"{k + 1:04d}", config, rng))
        if progress is not None:
            progress(k + 1, total)
    for k in range(config.num_clips):
        rng = np.random.default_rng((config.seed, _CLIPS, k))
        record["clips"].append(_make_clip(pools, out, f"clip_{k + 1:02d}", config, rng))
        if progress is not None:
            progress(config.num_images + k + 1, total)
    settings = {**asdict(config), "frame_rate": str(config.frame_rate)}
    text = json.dumps({"settings": settings, **record}, indent=2) + "\n"
    write_whole(out / "benchmark.json", text)


def _make_image(
    pools: _Pools, out: Path, name: str, config: BenchmarkConfig, rng: np.random.Generator
) -> dict[str, object]:
    people = pools.draw_people(rng)
    background = pools.draw_background(rng)
    made = compose_scene(people, background, config.image_size, SceneConfig(), rng)
    _write_png(out / "images" / f"{name}.png", to_bytes(made.image))
    for n, alpha in enumerate(made.alphas):
        _write_png(out / "alphas" / name / f"{n:02d}.png", to_bytes(alpha))
    return {"name": name, "num_people": len(made.alphas), "drawn": [p.name for p in people]}


def _make_clip(
    pools: _Pools, out: Path, name: str, config: BenchmarkConfig, rng: np.random.Generator
) -> dict[str, object]:
    people = pools.draw_people(rng)
    backgrounds = [pools.draw_background(rng) for _ in range(2)]
    plan = plan_clip(people, backgrounds, config.clip_size, config.num_frames, rng)
    boxes: list[str] = []
    folder = out / "video" / name

    def save_truth() -> Iterator[npt.NDArray[np.uint8]]:
        # One frame at a time: its truth is written, its picture handed on.
        for t, frame in enumerate(plan.draw()):
            for n, alpha in enumerate(frame.alphas):
                _write_png(folder / "pha" / f"{n:02d}" / f"{t:04d}.png", alpha)
            boxes.extend(_list_boxes(t, frame))
            yield frame.image

    clips = out / "clips"
    _make_folder(clips)
    write_clip(clips / f"{name}.mp4", save_truth(), plan, config.frame_rate)
    write_whole(folder / "gt.txt", "".join(boxes))
    return {"name": name, "people": [p.name for p in people], "cut_frame": plan.cut_frame}


def _list_boxes(index: int, frame: ClipFrame) -> list[str]:
    """Return MOTChallenge rows of who is seen: frame, id, left, top, width, height, 1, …."""
    rows = []
    for n, alpha in enumerate(frame.alphas):
        left, top, width, height = cv2.boundingRect((alpha > 127).astype(np.uint8))
        if width and height:
            rows.append(f"{index + 1},{n + 1},{left},{top},{width},{height},1,-1,-1,-1\n")
    return rows


def _write_png(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write a grey or RGB picture."""
    _make_folder(path.parent)
    _, data = cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)
    with disk_errors(path):
        path.write_bytes(data.tobytes())


def _make_folder(path: Path) -> None:
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser of `make-benchmark` its options."""
    default = BenchmarkConfig()
    parser.add_argument(
        "--foregrounds", type=Path, required=True, help="RGBA cut-outs: folder or tar"
    )
    parser.add_argument("--backgrounds", type=Path, required=True, help="pictures: folder or tar")
    parser.add_argument("--out", type=Path, required=True, help="a new or empty folder")
    parser.add_argument("--images", type=int, default=default.num_images, metavar="N")
    parser.add_argument("--clips", type=int, default=default.num_clips, metavar="M")
    parser.add_argument("--seed", type=int, default=default.seed)
    for name in ("image", "clip"):
        size = getattr(default, f"{name}_size")
        shown = f"{size[0]}x{size[1]}"
        parser.add_argument(f"--{name}-size", type=_size, default=size, help=f"pixels ({shown})")
    parser.add_argument("--frames", type=int, default=default.num_frames, help="of a clip")


def _size(text: str) -> tuple[int, int]:
    width, separator, height = text.partition("x")
    if not (separator and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1280x720")
    return int(width), int(height)


def run(args: argparse.Namespace) -> int:
    """Make the benchmark that was asked for; return the exit status.

    Raises:
        InstMattVideoError: It cannot be made; `cli.py` says so in one line.
    """
    try:
        config = BenchmarkConfig(
            num_images=args.images,
            num_clips=args.clips,
            seed=args.seed,
            image_size=args.image_size,
            clip_size=args.clip_size,
            num_frames=args.frames,
        )
    except ValueError as error:
        raise OptionError(str(error)) from error

    with counting_bar(make_console(), "images and clips") as count:
        make_benchmark(args.foregrounds, args.backgrounds, args.out, config, count)
    return 0
