"""Frames, and MaGGIe's people, are paired in order: it is told where names say otherwise.

Knows names; reads no files.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from .clip_layouts import last_numbers
from .clip_readers import Clip, ClipFiles

logger = logging.getLogger(__name__)

_Names: TypeAlias = tuple[str, str]
"""Of the prediction and of the truth."""


def warn_of_frames(clips: Iterable[tuple[str, Clip, Clip]]) -> None:
    """Warn where frames that are paired bear other numbers.

    Numbers may be one apart in the whole clip: some count from 0, others from 1.

    Args:
        clips: (name, prediction, truth) of each clip.
    """
    _warn("frames", [(p.folder, _first_odd_frame(p, g)) for _, p, g in clips])


def warn_of_people(clips: Iterable[tuple[str, Clip, Clip]]) -> None:
    """Warn where people that are paired in order have other names.

    Args:
        clips: (name, prediction, truth) of each clip.
    """
    _warn("people", [(p.folder, _first_odd_person(p, g)) for _, p, g in clips])


def _first_odd_frame(prediction: Clip, target: Clip) -> _Names | None:
    names = list(zip(_frame_names(prediction), _frame_names(target), strict=False))
    numbers = [last_numbers(pair) for pair in names]
    if not names or not all(p and g for p, g in numbers):
        return None
    shifts = [int(p) - int(g) for p, g in numbers]
    start = shifts[0] if abs(shifts[0]) <= 1 else 0
    return next((pair for pair, s in zip(names, shifts, strict=True) if s != start), None)


def _frame_names(clip: Clip) -> tuple[str, ...]:
    """Return the names of a clip's frames; none of streams, and of nobody, who fits every clip."""
    return clip.frame_names if isinstance(clip, ClipFiles) and clip.instances else ()


def _first_odd_person(prediction: Clip, target: Clip) -> _Names | None:
    both = zip(prediction.instances, target.instances, strict=False)
    return next(((p, g) for p, g in both if _key(p) != _key(g)), None)


def _key(name: str) -> int | str:
    """Return the last number in a name, else the name: 0, 00 and person_00 are one."""
    (number,) = last_numbers([name])
    return int(number) if number else name


def _warn(things: str, found: Sequence[tuple[Path, _Names | None]]) -> None:
    odd = [(folder, names) for folder, names in found if names is not None]
    if odd:
        folder, (predicted, true) = odd[0]
        logger.warning(
            "%s of %d clips are paired in order, not by name; in %s %s with %s of the truth",
            things,
            len(odd),
            folder,
            predicted,
            true,
        )
