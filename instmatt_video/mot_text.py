"""MOTChallenge text: who is where, a line for each person and frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import VideoOpenError
from .whole_file import write_whole

FloatArray = npt.NDArray[np.float64]

# Columns of our rows: frame and identity from 1, box xyxy in pixels, score.
FRAME, IDENTITY, SCORE = 0, 1, 6
BOX = slice(2, 6)
MAX_FRAME = 10_000_000
"""Four days of video: whatever counts further counts no frames."""
MAX_PX = 1e9
"""Nothing lies farther out, or is larger."""


def read_mot(path: Path) -> FloatArray:
    """Return MOTChallenge text as rows `(n, 7)`: frame, identity, box xyxy, score, by frame.

    Boxes without area are left out. A file without lines gives no rows.

    Raises:
        VideoOpenError: The file is missing, or a line is not seven numbers or more.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        raise VideoOpenError(f"cannot read detections from {path}: {words}") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = [float(field) for field in line.split(",")[:7]]
        except ValueError as error:
            raise VideoOpenError(f"{path}, line {number}: {error}") from error
        if not _is_detection(row):
            raise VideoOpenError(
                f"{path}, line {number}: expected frame (1 to {MAX_FRAME}), id, left, top, width, "
                f"height, score; got {line!r}"
            )
        rows.append(row)
    table = np.array(rows, np.float64).reshape(-1, 7)
    table[:, 4:6] += table[:, 2:4]
    table = table[(table[:, 2:4] < table[:, 4:6]).all(axis=1)]
    return table[np.argsort(table[:, FRAME], kind="stable")]


def _is_detection(row: Sequence[float]) -> bool:
    return (
        len(row) == 7
        and bool(np.isfinite(row).all())
        and 1 <= row[FRAME] <= MAX_FRAME
        and max(map(abs, row[BOX])) <= MAX_PX
    )


def write_mot(path: Path, rows: FloatArray) -> None:
    """Write rows `(n, 7)` as `read_mot` returns them; the file gets its name when it is whole.

    Raises:
        AlphaWriteError: The file cannot be written.
    """
    lines = [
        mot_line(int(row[FRAME]), int(row[IDENTITY]), row[BOX], row[SCORE]) for row in rows.tolist()
    ]
    write_whole(path, "".join(lines))


def mot_line(frame: int, identity: int, box: Sequence[float], score: float) -> str:
    """Return a line: frame, id, left, top, width, height, score, -1, -1, -1.

    Args:
        frame: From 1.
        identity: From 1.
        box: xyxy in pixels.
        score: 0..1.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    return (
        f"{frame},{identity},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:.4f},-1,-1,-1\n"
    )
