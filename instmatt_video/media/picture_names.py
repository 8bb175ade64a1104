"""Which pictures are a sequence, by their names: of a folder, a printf pattern or a glob.

Knows names and numbers; opens no picture.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path

from ..errors import VideoOpenError
from .plate import PLATE_SUFFIXES

IMAGE_SUFFIXES = PLATE_SUFFIXES | {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"}

NUMBER_FIELD = re.compile(r"%0?\d*d|#+")
"""What stands for a picture's number in a pattern."""
_NUMBER = re.compile(r"\d+")


def list_numbered_frames(folder: Path) -> list[Path]:
    """Return a folder's pictures in natural order.

    Raises:
        VideoOpenError: There are none, they are of several kinds or sequences, or a number is
            missing between them.
    """
    paths = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]
    if not paths:
        raise VideoOpenError(f"{folder}: no frames in the folder (looked for {_suffix_list()})")
    suffixes = sorted({path.suffix.lower() for path in paths})
    if len(suffixes) > 1:
        raise VideoOpenError(
            f"{folder}: frames of several kinds ({', '.join(suffixes)}); "
            f"name one of them with a pattern, as {folder / ('*' + suffixes[0])}"
        )
    paths.sort(key=natural_key)
    _refuse_several(folder, paths)
    return _without_gaps(paths)


def list_printf_frames(pattern: Path) -> list[Path]:
    """Return the files that `shot_%04d.png`, or `shot_####.png`, names, by number.

    Raises:
        VideoOpenError: There are none, or a number is missing between them.
    """
    before, field, after = re.split(f"({NUMBER_FIELD.pattern})", pattern.name, maxsplit=1)
    digits = field.count("#") or int(re.sub(r"\D", "", field) or 1)
    name = re.compile(re.escape(before) + rf"(\d{{{digits},}})" + re.escape(after))
    folder = pattern.parent
    matches = (
        [path for path in folder.iterdir() if name.fullmatch(path.name)] if folder.is_dir() else []
    )
    if not matches:
        raise VideoOpenError(f"{pattern}: no file matches the pattern")
    return _without_gaps(sorted(matches, key=natural_key))


def list_globbed_frames(pattern: str) -> list[Path]:
    """Return the files that a glob names, in natural order; numbers may be missing.

    Raises:
        VideoOpenError: There are none.
    """
    paths = [Path(name) for name in glob.glob(pattern)]
    if not paths:
        raise VideoOpenError(f"{pattern}: no file matches the pattern")
    return sorted(paths, key=natural_key)


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Return a sorting key under which `frame_9` comes before `frame_10`."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts]


def counters(paths: Sequence[Path]) -> list[re.Match[str] | None]:
    """Return the number in each picture's name that counts it, `None` where there is none.

    Of several it is the one of which there are most, as of `shot_0101_v2` and `shot_0102_v2`; of as
    many of each, the last.
    """
    numbers = [[*_NUMBER.finditer(path.stem)] for path in paths]
    shapes = [_NUMBER.sub("#", path.stem) for path in paths]
    values: dict[str, list[set[str]]] = {}
    for shape, matches in zip(shapes, numbers, strict=True):
        fields = values.setdefault(shape, [set() for _ in matches])
        for seen, match in zip(fields, matches, strict=True):
            seen.add(match[0])
    places = {
        shape: max(range(len(fields)), key=lambda k: (len(fields[k]), k))
        for shape, fields in values.items()
        if fields
    }
    return [
        matches[places[shape]] if matches else None
        for shape, matches in zip(shapes, numbers, strict=True)
    ]


def first_step(paths: Sequence[Path]) -> tuple[Path, int, int] | None:
    """Return the first picture that the next number does not follow, its number and what follows.

    `None` where none is, or where the pictures are no one numbered row.
    """
    rows = [*_numbered_rows(paths).values()]
    if len(rows) != 1 or len(rows[0]) != len(paths):
        return None
    numbers = [int(match[0]) for match in rows[0]]
    for before, (number, following) in zip(paths, pairwise(numbers), strict=False):
        if following != number + 1:
            return before, number, following
    return None


def _refuse_several(folder: Path, paths: Sequence[Path]) -> None:
    """Raise where two sequences lie in a folder, as of two eyes, or of a plate and its proxy."""
    rows = [row for row in _numbered_rows(paths).values() if len(row) > 1]
    for one, other in combinations(rows, 2):
        if {int(match[0]) for match in one} & {int(match[0]) for match in other}:
            first, second = (
                f"{m.string[: m.start()]}{'#' * len(m[0])}{m.string[m.end() :]}{paths[0].suffix}"
                for m in (one[0], other[0])
            )
            raise VideoOpenError(
                f"{folder}: several sequences, as {first} and {second}: name one of them with a "
                f"pattern, as {folder / first}"
            )


def _without_gaps(paths: list[Path]) -> list[Path]:
    """Return `paths`; raise when they are one numbered row with a number missing."""
    step = first_step(paths)
    if step is None:
        return paths
    before, number, following = step
    raise VideoOpenError(
        f"{before.parent}: frame {number + 1} is missing after {before.name}: put a copy of it "
        f"there, or do without, with the pattern {before.parent / ('*' + before.suffix)}"
        if following > number
        else f"{before}: frame number {number} occurs twice"
    )


def _numbered_rows(paths: Sequence[Path]) -> dict[tuple[str, str], list[re.Match[str]]]:
    """Return the numbers that count the pictures, by what stands before and behind them."""
    rows: dict[tuple[str, str], list[re.Match[str]]] = {}
    for match in counters(paths):
        if match is not None:
            around = match.string[: match.start()], match.string[match.end() :]
            rows.setdefault(around, []).append(match)
    return rows


def _suffix_list() -> str:
    return ", ".join(sorted(IMAGE_SUFFIXES))
