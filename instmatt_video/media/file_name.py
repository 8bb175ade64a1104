"""Output names from a template.

Knows names; touches no disk.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from string import Formatter

from ..errors import OptionError

TEMPLATE_FIELDS = ("clip", "track", "name", "ext")

MAX_NAME_BYTES = 240
"""Longest name of a file or folder; file systems take 255, and a file in the making bears more."""

_CONTROL = re.compile(r"[\x00-\x1f]")
_UNSAFE = re.compile(r'[/\\\x00-\x1f<>:"|?*]')
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|(?:com|lpt)[1-9¹²³])(?= *(?:\.|$))")
"""Names of Windows' devices, whatever extension follows.

Source:
    Microsoft, "Naming Files, Paths, and Namespaces".
"""


def render_filename(template: str, *, clip: str, track: int, name: str, ext: str) -> str:
    """Return the relative path of one track's output.

    Args:
        template: As `{clip}/{track:02d}_{name}.{ext}`; fields are those of `TEMPLATE_FIELDS`.
        clip: Name of the clip.
        track: Track number, from 1.
        name: Name of the person.
        ext: Extension, with or without its dot; empty for a folder of pictures.

    Returns:
        A path with forward slashes. What no file system takes in a name is replaced by `_`, and
        one is put behind a name that Windows keeps for a device.

    Raises:
        OptionError: The template has other fields, leads out of the output folder, or gives a name
            that file systems do not take.
    """
    values = {"clip": _safe(clip), "track": track, "name": _safe(name), "ext": ext.lstrip(".")}
    try:
        for _, field, form, _ in Formatter().parse(template):
            if field is not None:
                _check_field(field, form or "")
        rendered = template.format(**values)
    except ValueError as error:
        raise OptionError(f"file name template {template!r}: {error}") from error
    parts = PurePosixPath(rendered.replace("\\", "/")).parts
    path = PurePosixPath(*(_RESERVED.sub(r"\1_", part) for part in parts))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", rendered):
        raise OptionError(f"file name template {template!r} leads out of the output folder")
    last = path.name.rstrip(".")
    if not last or last.startswith(".") or _CONTROL.search(rendered):
        raise OptionError(f"file name template {template!r} gives no visible name: {rendered!r}")
    longest = max(len(os.fsencode(part)) for part in path.parts)
    if longest > MAX_NAME_BYTES:
        raise OptionError(
            f"file name template {template!r} gives a name of {longest} bytes, "
            f"and file systems take {MAX_NAME_BYTES}: {rendered[:20]!r}…"
        )
    return str(path.with_name(last))


def _check_field(field: str, form: str) -> None:
    """Raise where there is no such field, or its form may make it longer than any name."""
    if field not in TEMPLATE_FIELDS:
        raise ValueError(f"no field {field!r}, there are {', '.join(TEMPLATE_FIELDS)}")
    if "{" in form or any(int(number) > MAX_NAME_BYTES for number in re.findall(r"\d+", form)):
        raise ValueError(f"{form!r} is no width of a name")


def render_filenames(
    template: str, *, clip: str, tracks: Iterable[tuple[int, str]], ext: str
) -> dict[int, str]:
    """Return the relative path of every track's output, by track number.

    Args:
        template: See `render_filename`.
        clip: Name of the clip.
        tracks: Track numbers and names.
        ext: Extension.

    Raises:
        OptionError: Two tracks would get one name (as `name_key` counts), or as `render_filename`.
    """
    names: dict[int, str] = {}
    taken: dict[str, int] = {}
    for track, name in tracks:
        rendered = render_filename(template, clip=clip, track=track, name=name, ext=ext)
        other = taken.setdefault(name_key(rendered), track)
        if other != track:
            raise OptionError(
                f"file name template {template!r} gives tracks {other} and {track} the same name "
                f"{rendered!r}: use {{track}} in it"
            )
        names[track] = rendered
    return names


def name_key(name: str) -> str:
    """Return what is equal for names that some file systems take for one.

    Neither upper and lower case nor the Unicode forms of a letter (é, or e and an accent) count.
    """
    return unicodedata.normalize("NFC", name).casefold()


def _safe(value: str) -> str:
    return _UNSAFE.sub("_", value).strip() or "_"
