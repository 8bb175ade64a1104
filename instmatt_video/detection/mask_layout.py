"""Which frame and which person each file in a folder of masks is of, as its name tells."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import MaskReadError
from ..media.picture_names import natural_key


@dataclass(frozen=True)
class MaskFiles:
    """The files of a folder of masks; hidden ones are left out."""

    by_number: dict[int, list[Path]]
    """By the number in the frame's name."""
    is_labelled: bool
    """`<frame>.png`: each file holds labels of everybody."""
    people: tuple[str, ...] = ()
    """Folders that hold one person each, `<person>/<frame>.png`; empty in other layouts."""


def find_masks(folder: Path) -> MaskFiles:
    """Return the masks in a folder, in any of three layouts.

    Raises:
        MaskReadError: There are none, or their names do not tell frames and people.
    """
    flat = _list(folder, "*.png")
    if flat:
        return MaskFiles(_by_frame([(path.stem, "", path) for path in flat]), is_labelled=True)
    parts = {part.name: _list(part, "*.png") for part in _list(folder, "*/")}
    folders = [name for name, paths in parts.items() if paths]
    nested = [path for paths in parts.values() for path in paths]
    if not nested:
        raise MaskReadError(
            f"{folder}: holds no masks as <frame>.png, <frame>/<person>.png or <person>/<frame>.png"
        )
    is_by_person = _are_people(folders, sorted({path.stem for path in nested}))
    if is_by_person is None:
        raise MaskReadError(
            f"{folder}: the names do not tell people from frames, as "
            f"{nested[0].relative_to(folder)}: number frames with more digits"
        )
    if is_by_person:
        named = [(path.stem, path.parent.name, path) for path in nested]
        return MaskFiles(_by_frame(named), is_labelled=False, people=tuple(folders))
    named = [(path.parent.name, path.stem, path) for path in nested]
    return MaskFiles(_by_frame(named), is_labelled=False)


def _list(folder: Path, pattern: str) -> list[Path]:
    """Return what is not hidden, in natural order; a Mac leaves `._0001.png` beside `0001.png`."""
    return sorted((p for p in folder.glob(pattern) if p.name[0] != "."), key=natural_key)


def _are_people(folders: Sequence[str], files: Sequence[str]) -> bool | None:
    """Return whether folders are people, and files frames; `None` where nothing tells."""
    outer, inner = ({_count_digits(name) for name in names} for names in (folders, files))
    if (0 in outer) != (0 in inner):
        return 0 in outer  # frames have numbers; people may have names
    if max(outer) < min(inner) or max(inner) < min(outer):
        return max(outer) < min(inner)  # frames are numbered with more digits
    # People are few and frames are many.
    return None if len(folders) == len(files) else len(folders) < len(files)


def _count_digits(name: str) -> int:
    """Return of how many digits the last number in a name is; 0 without one."""
    return len((re.findall(r"\d+", name) or [""])[-1])


def _by_frame(named: Iterable[tuple[str, str, Path]]) -> dict[int, list[Path]]:
    """Return files by the number of their frame.

    Args:
        named: Names of frame and person, and the file.
    """
    files: dict[int, list[Path]] = defaultdict(list)
    known: dict[tuple[int, str], Path] = {}
    for frame, person, path in named:
        digits = re.findall(r"\d+", frame)
        if not digits:
            raise MaskReadError(f"{path}: its name holds no frame number")
        number = int(digits[-1])
        other = known.setdefault((number, person), path)
        if other != path:
            raise MaskReadError(f"{path}: {other.name} is of frame {number}, too")
        files[number].append(path)
    return dict(files)
