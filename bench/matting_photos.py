"""How far masks and mattes of people in real photos agree with their annotated outlines.

    python bench/matting_photos.py --photos ../shared/data/person_instances.tar \
        [--weights lite|FILE …]

People of at least 96 px whom the embedded detector finds. Outlines are coarse, so a band around
them counts nothing: limbs that are lost, and neighbours or walls that are taken, are measured, not
edges. Prints Markdown.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import cv2
import numpy as np
import torch

from instmatt_video.config import MattingConfig
from instmatt_video.detection.compact import CompactDetector
from instmatt_video.matting.matter import Matter
from instmatt_video.training.matting.detected_guidance import detect_masks
from instmatt_video.training.pictures.coco_photos import read_coco_photos
from instmatt_video.training.pictures.photo_windows import MIN_HEIGHT_PX, has_target, open_window
from instmatt_video.weights.loading import load_matting_network

MANY = 0.1
"""Share of a person from which a loss can be seen at a glance."""


def lost_and_taken(
    alphas: np.ndarray, truth: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of each person lost and wrongly added, `(n,)`, of their known pixels."""
    areas = (truth * known).sum((1, 2))
    lost = (truth * known * (1 - alphas)).sum((1, 2)) / areas
    taken = ((1 - truth) * known * alphas).sum((1, 2)) / areas
    return lost, taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True, help="COCO-format folder or tar pack")
    parser.add_argument("--subset", default="val")
    parser.add_argument("--pictures", type=int, help="look at so many photos alone")
    parser.add_argument("--weights", nargs="+", default=["lite"])
    parser.add_argument("--matte-size", type=int, default=MattingConfig().matte_size)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    detector = CompactDetector()
    matters = {
        name: Matter(load_matting_network(name), matte_size=args.matte_size)
        for name in args.weights
    }
    figures: dict[str, list[tuple[float, float]]] = {"the masks themselves": []}
    figures |= {name: [] for name in matters}
    photos = filter(has_target, read_coco_photos(args.photos, args.subset))
    for photo in itertools.islice(photos, args.pictures):
        height, width = photo.image.shape[:2]
        window = open_window(photo, np.s_[:, :], (width, height))
        if window is None:
            continue
        masks, is_found = detect_masks(detector, window.image, window.alphas)
        rows = np.flatnonzero(window.alphas.any(2).sum(1) >= MIN_HEIGHT_PX)
        rows = [r for r in rows if is_found[r] and (window.alphas[r] * window.known).any()]
        if not rows:
            continue
        answers = {"the masks themselves": (masks > 0.5).astype(np.float32)}
        for name, matter in matters.items():
            answers[name] = np.zeros_like(masks)
            answers[name][is_found] = matter.matte_masks(photo.image, masks[is_found])
        for name, alphas in answers.items():
            lost, taken = lost_and_taken(alphas[rows], window.alphas[rows], window.known)
            figures[name] += zip(lost, taken, strict=True)
    print("| mattes | people | lost, % | taken, % | people with over a tenth wrong, % |")
    print("|---|---|---|---|---|")
    for name, pairs in figures.items():
        lost, taken = 100 * np.array(pairs).T
        many = 100 * np.mean(lost + taken > 100 * MANY)
        print(f"| {name} | {len(pairs)} | {lost.mean():.2f} | {taken.mean():.2f} | {many:.1f} |")


if __name__ == "__main__":
    main()
