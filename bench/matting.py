"""IMQ of a matting network on held-out composites, beside classical matting from the same masks.

    python bench/matting.py --data DATA.toml [--weights lite|FILE] [--pictures 200] [--peers 40]
                            [--gamma 2 | --gain 0.3] [--near-and-far] [--photo-people]

DATA.toml is the training's own (`MattingData`); the people and backgrounds used here are those of
`instmatt_video/training/splits`, which training never sees. `--gamma` and `--gain` show them as
film of a dark place: with deep shadows or less light, a camera's noise and a codec's;
`--near-and-far` makes others, in which the tallest is three times as tall as the smallest in half
of them. `--photo-people` composes people of whole figure and every day, whom `instmatt-video train
cutouts` has cut out of photos, from the pack that it left. Prints Markdown.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from instmatt_video.config import MattingConfig
from instmatt_video.detection.compact import CompactDetector
from instmatt_video.detection.detector import Detector
from instmatt_video.eval.imq import ImqAccumulator
from instmatt_video.matting.edge_refinement import linear_model
from instmatt_video.matting.matter import Matter
from instmatt_video.media.color_noise import CLEAN, FINE
from instmatt_video.training.config_file import read_config, resolve
from instmatt_video.training.matting.detected_guidance import detect_masks
from instmatt_video.training.matting.validation import (
    BENCHMARK_SCENES,
    ValidationPicture,
    make_validation,
)
from instmatt_video.training.pictures.cutouts import CutoutLibrary
from instmatt_video.training.pictures.data import MattingData
from instmatt_video.training.pictures.degradation import compress
from instmatt_video.training.pictures.dimming import ToneCurve, dim_levels
from instmatt_video.training.pictures.held_out import read_split
from instmatt_video.training.pictures.packs import ImagePack
from instmatt_video.training.pictures.scene import SceneConfig
from instmatt_video.weights.loading import load_matting_network

TRIMAP_SHARE = 0.04
"""Width of the unknown band on each side of a mask's edge, as a share of the box's longer side."""
NOISE_LEVELS = 2.0
"""Standard deviation, of 255, of the noise in pictures that are shown as film."""
JPEG_QUALITY = 80
NEAR_AND_FAR = replace(BENCHMARK_SCENES, height_range=(0.12, 0.9), min_area=0.003)
SNAP = 0.02
"""Peers' alpha below this is 0, and above 1 - this is 1: IMQ punishes dust."""


def held_out_pictures(
    data_path: Path,
    count: int,
    side_px: int,
    detector: Detector | None = None,
    scenes: SceneConfig = BENCHMARK_SCENES,
    split: str = "matting_val_cutouts",
) -> list[ValidationPicture]:
    data = read_config(data_path, MattingData)
    pack = ImagePack(resolve(data.cutouts, data_path), data.cutouts_under)
    backgrounds = ImagePack(resolve(data.backgrounds, data_path))
    people = [n for n in read_split(split) if n in set(pack.names)]
    places = [n for n in read_split("matting_val_backgrounds") if n in set(backgrounds.names)]
    library = CutoutLibrary(pack, people)
    return make_validation(library, backgrounds, places, count, side_px, detector, scenes)


def as_film(
    picture: ValidationPicture, curve: ToneCurve, detector: Detector | None, seed: int
) -> ValidationPicture:
    """Return the picture under a tone curve, noisy and coded; a detector makes its masks anew."""
    dim = dim_levels(picture.pixels, curve)
    noise = np.random.default_rng(seed).normal(0, NOISE_LEVELS, dim.shape)
    pixels = compress((dim + noise + 0.5).clip(0, 255).astype(np.uint8), JPEG_QUALITY)
    masks = picture.masks
    if detector is not None:
        seen = pixels / np.float32(255), picture.alphas / np.float32(255)
        masks = torch.from_numpy(detect_masks(detector, *seen)[0])
    return replace(picture, pixels=pixels, masks=masks)


def guided_filter(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    model = linear_model(mask.astype(np.float32), image.astype(np.float32))
    return (model[..., :3] * image).sum(2) + model[..., 3]


def from_trimap(method: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    def estimate(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return np.zeros_like(mask)
        side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
        radius = max(1, round(TRIMAP_SHARE * side))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
        hard = (mask > 0.5).astype(np.uint8)
        trimap = np.full(mask.shape, 0.5)
        trimap[cv2.erode(hard, kernel, borderValue=1) == 1] = 1
        trimap[cv2.dilate(hard, kernel) == 0] = 0
        if not (trimap == 1).any() or not (trimap == 0).any():
            return hard.astype(np.float64)
        # The band and some surroundings are enough for an affinity matrix.
        margin = 2 * radius
        part = np.s_[
            max(0, rows[0] - margin) : rows[-1] + margin,
            max(0, columns[0] - margin) : columns[-1] + margin,
        ]
        alpha = np.zeros(mask.shape)
        alpha[part] = method(image[part].astype(np.float64), trimap[part])
        return alpha

    return estimate


def peers() -> dict[str, Callable[..., np.ndarray]]:
    from pymatting import estimate_alpha_cf, estimate_alpha_knn

    return {
        "masks": lambda image, mask: (mask > 0.5).astype(np.float64),
        "guided filter": lambda image, mask: guided_filter(image, (mask > 0.5) * 1.0),
        "KNN matting": from_trimap(estimate_alpha_knn),
        "closed-form matting": from_trimap(estimate_alpha_cf),
    }


def peer_mattes(job: tuple[ValidationPicture, str]) -> np.ndarray:
    picture, name = job
    cv2.setNumThreads(1)
    image = picture.pixels / 255
    alphas = np.stack([peers()[name](image, mask) for mask in picture.masks.numpy()])
    alphas = np.where(alphas < SNAP, 0, np.where(alphas > 1 - SNAP, 1, alphas))
    return np.asarray(np.clip(alphas, 0, 1) * 255 + 0.5, np.uint8)


def row(name: str, accumulator: ImqAccumulator, count: int, seconds: float) -> str:
    result = accumulator.result()
    scores = (getattr(result.imq, metric) for metric in ("mad", "mse", "grad", "conn"))
    cells = " | ".join(f"{100 * score:.1f}" for score in scores)
    return f"| {name} | {count} | {cells} | {result.rq:.3f} | {seconds:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default="lite")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--peers", type=int, default=40, help="pictures for slow peers")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--matte-size", type=int, default=MattingConfig().matte_size)
    parser.add_argument(
        "--guidance",
        choices=("simulated", "detected"),
        default="simulated",
        help="masks with a detector's faults, or those of the embedded detector itself",
    )
    parser.add_argument("--gamma", type=float, default=1.0, help="deeper shadows, from 1")
    parser.add_argument("--gain", type=float, default=1.0, help="less light, 0..1")
    parser.add_argument("--near-and-far", action="store_true", help="people of all sizes")
    parser.add_argument("--photo-people", action="store_true", help="cut out of photos")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-refinement", action="store_true")
    parser.add_argument("--no-second-look", action="store_true")
    parser.add_argument("--no-solved-edges", action="store_true")
    args = parser.parse_args()
    detector = CompactDetector() if args.guidance == "detected" else None
    curve = ToneCurve(args.gain, args.gamma)
    is_dim = curve != ToneCurve(1.0, 1.0)
    scenes = NEAR_AND_FAR if args.near_and_far else BENCHMARK_SCENES
    split = "matting_val_photo_people" if args.photo_people else "matting_val_cutouts"
    pictures = held_out_pictures(
        args.data, args.pictures, args.side, None if is_dim else detector, scenes, split
    )
    if is_dim:
        pictures = [as_film(p, curve, detector, seed) for seed, p in enumerate(pictures)]
    people = sum(len(p.alphas) for p in pictures)
    masked = sum(bool(mask.any()) for p in pictures for mask in p.masks)
    print(
        f"{len(pictures)} composites of {args.side} px, {people} people, {masked} with a mask\n",
        flush=True,
    )
    print("| method | pictures | mad | mse | grad | conn | RQ | s a picture |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    matter = Matter(
        load_matting_network(args.weights),
        matte_size=args.matte_size,
        has_refinement=not args.no_refinement,
        has_second_look=not args.no_second_look,
        has_solved_edges=not args.no_solved_edges,
        color_noise=FINE if is_dim else CLEAN,
    )
    torch.set_num_threads(args.threads)
    counts = sorted({min(args.peers, args.pictures), args.pictures} - {0})
    mattes = []
    started = time.perf_counter()
    for picture in pictures:
        alphas = matter.matte_masks(picture.pixels, picture.masks.numpy())
        mattes.append((alphas * 255 + 0.5).astype(np.uint8))
    seconds = (time.perf_counter() - started) / len(pictures)
    for count in counts:
        accumulator = ImqAccumulator()
        for matte, picture in zip(mattes[:count], pictures, strict=False):
            accumulator.add(matte, picture.alphas)
        print(row(f"ours ({args.weights})", accumulator, count, seconds), flush=True)
    for name in peers() if args.peers else ():
        count = len(pictures) if name in ("masks", "guided filter") else args.peers
        accumulator, started = ImqAccumulator(), time.perf_counter()
        # Spawned: a fork would inherit the locks of torch's threads.
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            jobs = [(picture, name) for picture in pictures[:count]]
            for done, picture in zip(pool.map(peer_mattes, jobs), pictures, strict=False):
                accumulator.add(done, picture.alphas)
        elapsed = (time.perf_counter() - started) / count
        print(row(name, accumulator, count, elapsed), flush=True)


if __name__ == "__main__":
    main()
