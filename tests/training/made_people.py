"""Drawn people with soft edges, and packs of them on disk; and pictures with their truth."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np


def person(seed: int = 0, height: int = 96, width: int = 48, is_half: bool = False) -> np.ndarray:
    """Return RGBA of an ellipse with a soft edge; a half figure is cut off by the lower edge."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    middle = height if is_half else (height - 1) / 2
    reach = 0.9 * height if is_half else 0.45 * height
    radius = np.hypot((x - (width - 1) / 2) / (0.42 * width), (y - middle) / reach)
    alpha = np.clip(0.5 + (1 - radius) * 6, 0, 1)
    color = rng.integers(30, 226, 3) * np.ones((height, width, 1))
    color += 25 * np.sin(y / (3 + seed % 4))[..., None]
    return np.dstack((np.clip(color, 0, 255), 255 * alpha)).astype(np.uint8)


def place(seed: int = 0, height: int = 120, width: int = 160) -> np.ndarray:
    """Return RGB of a made background."""
    rng = np.random.default_rng(1000 + seed)
    coarse = rng.integers(40, 216, (5, 6, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def write_rgb(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    order = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    assert cv2.imwrite(str(path), cv2.cvtColor(image, order))


def write_packs(folder: Path, people: int = 6, places: int = 3) -> None:
    """Write `cutouts/rgba/*.png`, `cutouts/index.csv` and `backgrounds/*.png`."""
    rows = ["file,long_hair"]
    for k in range(people):
        name = f"person_{k}.png"
        write_rgb(folder / "cutouts" / "rgba" / name, person(k, is_half=k % 3 == 2))
        rows.append(f"{name},{int(k == 1)}")
    (folder / "cutouts" / "index.csv").write_text("\n".join(rows) + "\n")
    for k in range(places):
        write_rgb(folder / "backgrounds" / f"place_{k}.png", place(k))


def write_matted_picture(folder: Path, name: str, seed: int = 0) -> None:
    """Write `images/NAME.png`, `alphas/NAME/<nn>.png` and `fg/NAME/<nn>.png` of two people.

    The alphas are what is seen of each; one stands in front of the other.
    """
    picture = place(seed).astype(np.float64)
    height, width = picture.shape[:2]
    colors, alphas = [], []
    for index, left in enumerate((30, 62)):
        drawn = np.zeros((height, width, 4))
        drawn[20:116, left : left + 48] = person(2 * seed + index)
        colors.append(drawn[..., :3])
        alphas = [alpha * (1 - drawn[..., 3] / 255) for alpha in alphas]
        alphas.append(drawn[..., 3] / 255)
        picture += (drawn[..., :3] - picture) * alphas[-1][..., None]
    write_rgb(folder / "images" / f"{name}.png", np.uint8(picture + 0.5))
    for index, (color, alpha) in enumerate(zip(colors, alphas, strict=True)):
        write_rgb(folder / "fg" / name / f"{index:02d}.png", np.uint8(color))
        path = folder / "alphas" / name / f"{index:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.uint16(alpha * 65535 + 0.5))


def write_coco_pack(folder: Path) -> Path:
    """Write `images/{a,b,c}.png` of 100x80, the last for validation, and their annotations.

    Somebody is marked in the first, from (10, 20) to (30, 60), and a crowd from (50, 10) to
    (90, 40).
    """
    for name in "abc":
        write_rgb(folder / "images" / f"{name}.png", np.full((80, 100, 3), (200, 20, 10), np.uint8))
    size = {"width": 100, "height": 80}
    images = [
        {"id": 1, "file_name": "a.png", "subset": "train", "license": 4, **size},
        {"id": 2, "file_name": "b.png", "subset": "train", "license": 1, "labels": "some", **size},
        {"id": 3, "file_name": "c.png", "subset": "val", "license": 4, **size},
    ]
    square = [10, 20, 30, 20, 30, 60, 10, 60]
    annotations = [
        {"image_id": 1, "iscrowd": 0, "bbox": [10, 20, 20, 40], "segmentation": [square]},
        {"image_id": 1, "iscrowd": 1, "bbox": [50, 10, 40, 30]},
    ]
    document = {"images": images, "annotations": annotations, "categories": []}
    (folder / "instances_person.json").write_text(json.dumps(document))
    return folder
