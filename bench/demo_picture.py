"""The README's picture, from the output of `instmatt-video demo`.

instmatt-video demo --out-dir tracks/ && python bench/demo_picture.py tracks/demo assets/demo.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import av
import cv2
import numpy as np

FRAME = 20
SQUARE_PX = 12


def read_frame(path: Path, index: int, pixel_format: str) -> np.ndarray:
    with av.open(path) as container:
        for position, frame in enumerate(container.decode(video=0)):
            if position == index:
                return frame.to_ndarray(format=pixel_format)
    raise SystemExit(f"{path} has no frame {index}")


def over_checkerboard(rgba: np.ndarray) -> np.ndarray:
    height, width = rgba.shape[:2]
    squares = (np.indices((height, width)) // SQUARE_PX).sum(0) % 2
    board = np.where(squares[..., None], 215, 245)
    alpha = rgba[..., 3:] / 65535
    return (rgba[..., :3] / 257 * alpha + board * (1 - alpha)).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("picture", type=Path)
    args = parser.parse_args()
    cells = [read_frame(args.folder / "preview.mp4", FRAME, "rgb24")]
    for stream in sorted(args.folder.glob("person_*.mov")):
        cells.append(over_checkerboard(read_frame(stream, FRAME, "rgba64le")))
    height, width = cells[0].shape[:2]
    gap = np.full((height, 6, 3), 255, np.uint8)
    strip = [cells[0]]
    for cell in cells[1:]:
        strip += [gap, cv2.resize(cell, (width, height), interpolation=cv2.INTER_AREA)]
    cv2.imwrite(str(args.picture), cv2.cvtColor(np.hstack(strip), cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
