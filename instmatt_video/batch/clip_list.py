"""Lists of clips with options of their own: CSV with a header, or one JSON object a line.

Knows text and columns; knows nothing of what an option does.
"""

from __future__ import annotations

import argparse
import csv
import difflib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import OptionError

LIST_SUFFIXES = frozenset({".csv", ".jsonl"})
CLIP_COLUMN = "clip"
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})


@dataclass(frozen=True)
class ListColumn:
    """What a column of a list sets."""

    setting: str
    """As `matting.matte_size`."""
    parse: Callable[[str], Any]
    """Text to value."""
    takes_lists: bool = False
    """Whether JSON may give several values."""


@dataclass(frozen=True)
class ListRow:
    """One clip of a list."""

    clip: str
    options: dict[str, Any]
    """By setting."""
    place: str
    """File and line, as `shots.csv:7`."""


def columns_of(
    actions: Mapping[str, argparse.Action], settings: Mapping[tuple[str, str], Any]
) -> dict[str, ListColumn]:
    """Return what a list may set, by column: the flags without their dashes, and every setting.

    Args:
        actions: The command line's options, by flag.
        settings: The default of every (section, field).
    """
    columns = {}
    for (section, name), default in settings.items():
        setting = f"{section}.{name}" if section else name
        columns[setting] = ListColumn(
            setting, _parser_of_setting(default), isinstance(default, tuple)
        )
    for flag, action in actions.items():
        known = columns.get(action.dest)
        if known is not None or action.dest == "out_dir":
            takes_lists = known is not None and known.takes_lists
            columns[flag.lstrip("-")] = ListColumn(
                action.dest, _parser_of_flag(action), takes_lists
            )
    return columns


def read_clip_list(path: Path, columns: Mapping[str, ListColumn]) -> list[ListRow]:
    """Return the clips of a list; an empty cell or `null` is an option that is not given.

    Args:
        path: A `.csv` with a header, commas or semicolons between cells, or a `.jsonl`; both need
            `clip`.
        columns: What may be set, by column.

    Raises:
        OptionError: Something in it cannot be understood; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: the list cannot be read: {error}") from error
    read = _read_csv if path.suffix.lower() == ".csv" else _read_jsonl
    try:
        rows = [_row(f"{path}:{line}", cells, columns) for line, cells in read(path, text, columns)]
    except csv.Error as error:
        raise OptionError(f"{path} is no CSV: {error}") from error
    if not rows:
        raise OptionError(f"{path}: the list names no clip")
    return rows


def _read_csv(
    path: Path, text: str, columns: Mapping[str, ListColumn]
) -> Iterator[tuple[int, dict[str, Any]]]:
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head and "," not in head else ","  # as spreadsheets of many countries
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    header = [name.strip() for name in next(reader, [])]
    if CLIP_COLUMN not in header:
        raise OptionError(f"{path}:1: the first line must name the columns, one of them `clip`")
    for name in header:
        _check_known(f"{path}:1", name, columns)
        if header.count(name) > 1:
            raise OptionError(f"{path}:1: there are two columns {name!r}")
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(header):
            raise OptionError(
                f"{path}:{reader.line_num}: {len(cells)} cells for {len(header)} columns"
            )
        given = zip(header, cells, strict=False)
        yield reader.line_num, {name: cell.strip() for name, cell in given if cell.strip()}


def _read_jsonl(
    path: Path, text: str, columns: Mapping[str, ListColumn]
) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError) as error:
            words = error.msg if isinstance(error, json.JSONDecodeError) else error
            raise OptionError(f"{path}:{number}: no JSON: {words}") from error
        if not isinstance(cells, dict):
            raise OptionError(f"{path}:{number}: must be an object with `clip`")
        for name in cells:
            _check_known(f"{path}:{number}", name, columns)
        yield number, {name: value for name, value in cells.items() if value is not None}


def _check_known(place: str, name: str, columns: Mapping[str, ListColumn]) -> None:
    if name != CLIP_COLUMN and name.lstrip("-") not in columns:
        near = difflib.get_close_matches(name.lstrip("-"), columns, n=1)
        hint = f"; is {near[0]!r} meant?" if near else ""
        raise OptionError(f"{place}: there is no option {name!r}{hint}")


def _row(place: str, cells: dict[str, Any], columns: Mapping[str, ListColumn]) -> ListRow:
    clip = cells.pop(CLIP_COLUMN, None)
    if not isinstance(clip, str) or not clip:
        raise OptionError(f"{place}: no `clip` is named")
    options: dict[str, Any] = {}
    for name, value in cells.items():
        column = columns[name.lstrip("-")]
        if column.setting in options:
            raise OptionError(f"{place}: {column.setting} is given twice")
        try:
            # JSON brings lists as they are, and numbers and truths as their text.
            is_list = isinstance(value, list) and column.takes_lists
            parsed = value if is_list else column.parse(_text(value))
        except (ValueError, argparse.ArgumentTypeError) as error:
            raise OptionError(f"{place}: {name}: {error}") from error
        if parsed is not None:
            options[column.setting] = parsed
    return ListRow(clip, options, place)


def _text(value: object) -> str:
    if isinstance(value, list | dict):
        raise ValueError("there can be one value only")
    return value if isinstance(value, str) else json.dumps(value)


def _parser_of_setting(default: Any) -> Callable[[str], Any]:
    """Return how the text of a setting is read; what it must be is checked with all settings."""
    return (lambda text: text.split(",")) if isinstance(default, tuple) else str


def _parser_of_flag(action: argparse.Action) -> Callable[[str], Any]:
    if action.nargs == 0:
        # What a flag turns on for all clips a list turns off for one.
        off = not action.const if isinstance(action.const, bool) else None
        return lambda text: action.const if _truth(text) else off
    if action.type in (int, float):
        return partial(_number, action.type)
    return action.type if callable(action.type) else str


def _number(kind: Callable[[str], Any], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{text!r} is no {'whole ' if kind is int else ''}number") from None


def _truth(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError(f"{text!r} is neither true nor false")
