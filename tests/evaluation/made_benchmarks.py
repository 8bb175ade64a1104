"""Small benchmarks on disk, whose truth is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

HEIGHT, WIDTH, NUM_FRAMES = 36, 64, 5

Clip = npt.NDArray[np.uint8]


def write_matte(path: Path, alpha: npt.NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), alpha)


def disc(x: float, y: float, radius_px: float = 8) -> npt.NDArray[np.uint8]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    alpha = (radius_px - np.hypot(columns - x, rows - y) + 0.5).clip(0, 1)
    return np.round(255 * alpha).astype(np.uint8)


def write_images(root: Path, images: dict[str, list[npt.NDArray[np.generic]]]) -> Path:
    for name, alphas in images.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for k, alpha in enumerate(alphas):
            write_matte(root / name / f"{k:02d}.png", alpha)
    return root


def make_images() -> dict[str, list[npt.NDArray[np.uint8]]]:
    """Three images of one to three discs."""
    return {
        "street": [disc(12, 18), disc(40, 16)],
        "room": [disc(30, 15, 11)],
        "stage": [disc(10, 12), disc(32, 20), disc(54, 14, 6)],
    }


def make_clip() -> Clip:
    """Two discs that move apart, `(2, T, H, W)`."""
    left = [disc(20 - t, 18) for t in range(NUM_FRAMES)]
    right = [disc(38 + 2 * t, 16, 7) for t in range(NUM_FRAMES)]
    return np.stack([np.stack(left), np.stack(right)])
