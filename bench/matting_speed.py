"""Time and memory of matting one picture, as a Markdown table beside the authors' release.

python bench/matting_speed.py --weights base --mode release
`--mode plain` is the release's way with nothing saved, for the time it would take on this machine.
Each case runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np

RELEASE_WALL_S = {
    (512, 512, 1): 1.77,
    (512, 512, 2): 4.06,
    (512, 512, 3): 5.87,
    (512, 512, 5): 11.06,
    (720, 1280, 1): 6.3,
    (720, 1280, 2): 11.7,
    (720, 1280, 3): 23.6,
    (720, 1280, 5): 42.6,
}
"""Seconds of the authors' code by height, width and people, on 2 cores without a GPU."""
RELEASE_PEAK_GB = {512: "0.97-2.3", 720: "1.5-3.9"}
"""Its peak memory from 1 to 5 people, by height."""


@dataclass(frozen=True)
class Measurement:
    """What one case took."""

    wall_s: float
    cpu_s: float
    """Of all threads; what a wall clock shows on a loaded machine says little."""
    peak_gb: float
    decided: float
    """Share of the picture that the finest head decided, mean of the people."""


def make_picture(height: int, width: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture `(H, W, 3)` and masks `(n, H, W)` of people who stand beside one another."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    image = np.stack([x / width, y / height, 0.5 + 0.5 * np.sin(x / 40)], 2)
    masks = np.zeros((count, height, width), np.uint8)
    for index in range(count):
        center = width * (index + 1) / (count + 1)
        half = 0.7 * min(width / (count + 1), height / 2)
        head = ((x - center) / (0.35 * half)) ** 2 + ((y - 0.22 * height) / (0.12 * height)) ** 2
        body = ((x - center) / (0.75 * half)) ** 2 + ((y - 0.72 * height) / (0.42 * height)) ** 2
        person = (head < 1) | (body < 1)
        masks[index] = person * np.uint8(255)
        image[person] = rng.random(3)
    noise = rng.normal(0, 0.03, image.shape)
    return np.clip((image + noise) * 255, 0, 255).astype(np.uint8), masks


def measure(arguments: argparse.Namespace) -> Measurement:
    import torch
    from plain_release import matte_plainly

    from instmatt_video.matting.release import matte_image_release
    from instmatt_video.models.checkpoint import load_matting_weights
    from instmatt_video.models.matting_network import normalise_image
    from instmatt_video.models.tri_mask import build_tri_masks
    from instmatt_video.weights.loading import load_matting_network, resolve_weights

    torch.set_num_threads(arguments.threads)
    if arguments.mode == "plain":
        network = load_matting_weights(resolve_weights(arguments.weights)).eval()
    else:
        network = load_matting_network(arguments.weights)
    height, width, count = arguments.case
    image, masks = make_picture(height, width, count)
    pixels = normalise_image(torch.from_numpy(image).permute(2, 0, 1) / 255)
    guidance = torch.from_numpy(masks) / 255

    def run() -> None:
        with torch.inference_mode():
            if arguments.mode == "release":
                matte_image_release(network, image, masks)
            elif arguments.mode == "plain":
                matte_plainly(network, pixels, guidance)
            else:
                network.matte_picture(pixels, guidance)

    walls, cpus = [], []
    for _ in range(1 + arguments.repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    with torch.inference_mode():
        size = (height - height % 32, width - width % 32)
        tri_masks = build_tri_masks(guidance[:, : size[0], : size[1]])
        cut = pixels[None, :, : size[0], : size[1]].expand(count, -1, -1, -1)
        if network.config.has_second_look:
            tri_masks = network.look_first(cut, tri_masks, torch.zeros(count))
        decided = network.predict_coarse(cut, tri_masks).region.float().mean().item()
    return Measurement(min(walls[1:]), min(cpus[1:]), peak, decided)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="lite", help="a name or a weights file")
    parser.add_argument("--mode", choices=("default", "release", "plain"), default="default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--height", type=int, help="only the cases of this height")
    parser.add_argument("--people", type=int, help="only the cases of so many people")
    parser.add_argument("--case", type=int, nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(asdict(measure(arguments))))
        return 0
    print(f"{arguments.weights}, {arguments.mode} mode, {arguments.threads} threads, ", end="")
    print(f"best of {arguments.repeats}; load average before: {os.getloadavg()[0]:.1f}\n")
    columns = "picture|people|wall s|CPU s|release s|faster|peak GB|release GB|decided"
    print(f"|{columns}|")
    print("|" + "---|" * (columns.count("|") + 1))
    for (height, width, count), release_s in RELEASE_WALL_S.items():
        if arguments.height not in (None, height) or arguments.people not in (None, count):
            continue
        command = [sys.executable, __file__, *sys.argv[1:], "--case"]
        output = subprocess.run(
            [*command, str(height), str(width), str(count)], check=True, stdout=subprocess.PIPE
        ).stdout
        case = Measurement(**json.loads(output))
        print(
            f"| {width}×{height} | {count} | {case.wall_s:.2f} | {case.cpu_s:.2f} | {release_s} "
            f"| {release_s / case.wall_s:.1f}× | {case.peak_gb:.2f} | {RELEASE_PEAK_GB[height]} "
            f"| {case.decided:.0%} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
