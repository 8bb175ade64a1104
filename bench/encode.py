"""Cost and fidelity of the alpha-stream formats at 1080p.

    python bench/encode.py [--frames 24] [--video FILE]

Prints Markdown tables: each format, the quantisers of ProRes 4444, and a person visible in 10 % of
the frames against one visible throughout. One thread writes; times are CPU seconds of the process,
so that other work on the machine does not count. The picture is a made one (a soft figure before
texture) unless a video is named.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.media.formats import FORMATS, open_alpha_stream
from instmatt_video.media.frame import ClipInfo
from instmatt_video.media.frame_source import FrameSource
from instmatt_video.media.layer import Layer, quantise_alpha
from instmatt_video.media.source import open_source

WIDTH, HEIGHT = 1920, 1080
PERSON_WIDTH, PERSON_HEIGHT = 480, 900
VISIBLE_FRAMES = 20
"""Of a clip ten times as long: 8 s."""
VISITS = 5


@dataclass(frozen=True)
class Cost:
    """What one stream took."""

    write_ms: float
    """CPU milliseconds per frame, conversion to encoder's samples and muxing included."""
    close_ms: float
    """CPU milliseconds of verification and renaming, for the whole stream."""
    megabytes: float
    """Per frame."""


def made_pictures(count: int) -> list[npt.NDArray[np.uint8]]:
    """Return textured 1080p pictures: noise of several scales, as skin, cloth and foliage have."""
    rng = np.random.default_rng(0)
    picture = np.full((HEIGHT, WIDTH, 3), 110.0, np.float32)
    for cells, strength in ((12, 45), (60, 25), (300, 10), (1920, 4)):
        noise = rng.normal(0, strength, (cells * 9 // 16, cells, 3)).astype(np.float32)
        picture += cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    whole = np.clip(picture, 0, 255).astype(np.uint8)
    return [np.roll(whole, 7 * k, axis=1) for k in range(count)]


def video_pictures(source: FrameSource, count: int) -> list[npt.NDArray[np.uint8]]:
    """Return the first pictures of a clip, scaled to 1080p."""
    pictures = []
    for frame, _ in zip(source, range(count), strict=False):
        deep = frame.image.dtype == np.uint16
        image = (frame.image >> 8).astype(np.uint8) if deep else frame.image
        pictures.append(np.asarray(cv2.resize(image, (WIDTH, HEIGHT)), np.uint8))
    return pictures


def made_layers(pictures: list[npt.NDArray[np.uint8]]) -> list[Layer]:
    """Return a soft-edged walking figure cut out of each picture, about a fifth of the frame."""
    y, x = np.mgrid[:PERSON_HEIGHT, :PERSON_WIDTH].astype(np.float32)
    distance = np.hypot((x - PERSON_WIDTH / 2) / 0.45, (y - PERSON_HEIGHT / 2) / 0.92)
    hair = 6 * np.sin(x * 0.7) * np.sin(y * 0.45)
    alpha = np.clip((PERSON_HEIGHT / 2 - distance + hair) / 16 + 0.5, 0, 1).astype(np.float32)
    layers = []
    for k, picture in enumerate(pictures):
        left, top = 100 + 12 * k, 120
        crop = picture[top : top + PERSON_HEIGHT, left : left + PERSON_WIDTH]
        layers.append(Layer(left, top, alpha, np.ascontiguousarray(crop)))
    return layers


def write(
    format: str, layers: list[Layer | None], folder: Path, quality: int | None = None
) -> tuple[Path, Cost]:
    """Write one stream and return where it is and what it took."""
    info = ClipInfo("bench", None, WIDTH, HEIGHT, Fraction(25), Fraction(1, 25))
    path = folder / f"{format}_{quality}_{len(layers)}{FORMATS[format].extension}"
    stream = open_alpha_stream(format, path, info, quality=quality)
    start = time.process_time()
    for k, layer in enumerate(layers):
        stream.write(Fraction(k, 25), layer)
    written = time.process_time()
    stream.close()
    closed = time.process_time()
    files = list(path.iterdir()) if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files)
    count = len(layers)
    cost = Cost(1e3 * (written - start) / count, 1e3 * (closed - written), size / count / 1e6)
    return path, cost


def alpha_error(path: Path, layers: list[Layer], levels: int) -> tuple[float, int]:
    """Return mean and largest error in steps of `levels`, where a person is or was written."""
    means, largest = [], 0
    for found, layer in zip(read_alpha(path), layers, strict=True):
        expected = np.zeros((HEIGHT, WIDTH), np.int64)
        h, w = layer.alpha.shape
        area = (slice(layer.top, layer.top + h), slice(layer.left, layer.left + w))
        expected[area] = quantise_alpha(layer.alpha, levels)
        steps = np.abs(quantise_alpha(found, levels) - expected)
        visible = (expected > 0) | (found > 0)
        means.append(float(steps[visible].mean()))
        largest = max(largest, int(steps.max()))
    return float(np.mean(means)), largest


def colour_psnr(path: Path, layers: list[Layer]) -> float:
    """Return PSNR in dB of the colour inside the crops, in 8-bit RGB."""
    squared = []
    for frame, layer in zip(open_source(path), layers, strict=True):
        h, w = layer.alpha.shape
        crop = frame.image[layer.top : layer.top + h, layer.left : layer.left + w] / 257.0
        assert layer.foreground is not None
        squared.append(float(np.mean((crop - layer.foreground) ** 2)))
    return float(10 * np.log10(255**2 / np.mean(squared)))


def compare_formats(layers: list[Layer], folder: Path) -> None:
    print("| format | write ms/frame | verify ms/stream | MB/frame | alpha error, mean / largest |")
    print("|---|---|---|---|---|")
    for spec in FORMATS.values():
        path, cost = write(spec.name, list(layers), folder)
        levels = (1 << spec.bit_depth) - 1
        mean, largest = alpha_error(path, layers, levels)
        print(
            f"| {spec.name} | {cost.write_ms:.0f} | {cost.close_ms:.0f} | {cost.megabytes:.2f} "
            f"| {mean:.3f} / {largest} of {levels} |"
        )


def compare_quantisers(layers: list[Layer], folder: Path) -> None:
    print("\n| ProRes 4444 q | write ms/frame | MB/frame | colour PSNR dB | alpha exact |")
    print("|---|---|---|---|---|")
    for quality in (1, 2, 3, 4, 6, 9, 14):
        path, cost = write("prores4444", list(layers), folder, quality)
        _, largest = alpha_error(path, layers, 1023)
        print(
            f"| {quality} | {cost.write_ms:.0f} | {cost.megabytes:.2f} "
            f"| {colour_psnr(path, layers):.1f} | {'yes' if largest == 0 else 'NO'} |"
        )


def compare_presence(layers: list[Layer], folder: Path) -> None:
    """Print what a person costs who is seen in 10 % of the frames, in one visit and in several."""
    print(f"\n| format | always visible, ms/frame | 10 % in one visit | in {VISITS} visits |")
    print("|---|---|---|---|")
    count = 10 * len(layers)
    always: list[Layer | None] = [layers[k % len(layers)] for k in range(count)]
    once: list[Layer | None] = [*layers, *[None] * (count - len(layers))]
    length = len(layers) // VISITS
    often: list[Layer | None] = []
    for start in range(0, VISITS * length, length):
        often += [*layers[start : start + length], *[None] * (9 * length)]
    for spec in FORMATS.values():
        full, *sparse = (ms_a_frame(spec.name, plan, folder) for plan in (always, once, often))
        ratios = " | ".join(f"{ms / full:.2f}" for ms in sparse)
        print(f"| {spec.name} | {full:.1f} | {ratios} |", flush=True)


def ms_a_frame(format: str, layers: list[Layer | None], folder: Path) -> float:
    """Return CPU milliseconds per frame, verification included: it is part of the cost."""
    _, cost = write(format, layers, folder)
    return cost.write_ms + cost.close_ms / len(layers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=24, help="frames per stream (24)")
    parser.add_argument("--video", type=Path, help="take the picture from this clip")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.video:
        pictures = video_pictures(open_source(options.video), options.frames)
    else:
        pictures = made_pictures(options.frames)
    layers = made_layers(pictures)
    with tempfile.TemporaryDirectory() as folder:
        compare_formats(layers, Path(folder))
        compare_quantisers(layers, Path(folder))
        compare_presence(layers[:VISIBLE_FRAMES], Path(folder))


if __name__ == "__main__":
    main()
