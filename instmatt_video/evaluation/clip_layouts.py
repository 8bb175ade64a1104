"""Clips of people on disk, found by how their folders are laid out, but not read.

Layouts of a clip's folder:

* `vim`: `<instance>/<frame>.png`, below `pha/` where that is there (VIM).
* `maggie`: `<frame>/<instance>.png` (MaGGIe).
* `streams`: our own output: a video or a folder of RGBA pictures for each person, and
  `manifest.json` beside them, or files alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from ..errors import EvaluationError, VideoOpenError
from ..manifest import FILE_NAME, load_manifest
from ..media.matte_file import list_folders, list_mattes, require_folder
from ..settings import config_of
from .clip_readers import Clip, ClipFiles, ClipStreams, StreamFile
from .strangers import warn_of_strangers

Layout: TypeAlias = Literal["auto", "vim", "maggie", "streams"]
LAYOUTS: tuple[str, ...] = get_args(Layout)

_STREAM_SUFFIXES = frozenset({".mov", ".mkv", ".mp4", ".webm"})
_NO_STREAMS = frozenset({"preview", "rest"})
"""Stems of videos in our output that are nobody's alpha."""
_FRAME_DIGITS = 4
"""People are numbered with fewer."""


def open_clip(folder: Path, layout: Layout = "auto") -> Clip:
    """Return a clip's files, found but not read.

    Args:
        folder: The clip's own.
        layout: One of `LAYOUTS`; `auto` looks. An empty folder is a clip of nobody.

    Raises:
        MatteReadError: The folder is missing.
        EvaluationError: It holds other files alone, the layout cannot be told, or an instance
            lacks a frame; what is missing is named.
    """
    require_folder(folder, "a clip")
    inner = folder / "pha" if (folder / "pha").is_dir() else folder
    if layout == "auto":
        layout = _guess_layout(folder, inner)
    if layout == "streams":
        return _find_streams(folder)
    outer = [(path, list_mattes(path)) for path in list_folders(inner)]
    if not outer:
        return ClipFiles(folder, (), (), ())
    rows = _align(outer)
    folders, files = (path.name for path, _ in outer), (path.stem for path in rows[0])
    if layout == "vim":
        return ClipFiles(folder, tuple(folders), tuple(zip(*rows, strict=True)), tuple(files))
    return ClipFiles(folder, tuple(files), tuple(map(tuple, rows)), tuple(folders))


def _guess_layout(folder: Path, inner: Path) -> Layout:
    if (folder / FILE_NAME).is_file() or _list_stream_files(folder):
        return "streams"
    if inner != folder:
        return "vim"
    folders = list_folders(folder)
    files = [path.stem for part in folders for path in list_mattes(part)]
    if not files:
        if _holds_files(folder):
            raise EvaluationError(f"{folder}: no alphas, neither images in folders nor streams")
        return "maggie"  # frames, if any, without people
    on_folders, on_files = last_numbers(part.name for part in folders), last_numbers(files)
    if _are_of_people(on_folders, on_files):
        return "vim"
    if _are_of_people(on_files, on_folders):
        return "maggie"
    raise EvaluationError(
        f"{folder}: the names do not tell people from frames, as {folders[0].name}/{files[0]}: say "
        "which are which (--layout, --gt-layout: vim is <person>/<frame>, maggie <frame>/<person>)"
    )


def last_numbers(names: Iterable[str]) -> list[str]:
    """Return the last number in each name as it stands there; an empty text where none is."""
    return [(re.findall(r"\d+", name) or [""])[-1] for name in names]


def _are_of_people(numbers: list[str], others: list[str]) -> bool:
    """Return whether numbers are of people, and the others of frames.

    Frames are numbered with more digits than people, who may have names. The least is taken, as
    without leading zeros the most would tell how many there are. Numbers that bear none may as well
    be those of frames beside people such as person_01, unless the others are too long for people's.
    """
    width, other_width = min(map(len, numbers)), min(map(len, others))
    bears_zeros = any(re.match(r"0\d", number) for number in numbers)
    is_told = not width or bears_zeros or other_width >= _FRAME_DIGITS
    return width < other_width and is_told


def _holds_files(folder: Path) -> bool:
    """Return whether there are files in a folder, however deep; hidden ones do not count."""
    return any(path.is_file() and path.name[0] != "." for path in folder.rglob("*"))


def _align(outer: list[tuple[Path, list[Path]]]) -> list[list[Path]]:
    """Return the files of each folder, which must have the same names in all."""
    expected = [path.name for path in max((files for _, files in outer), key=len)]
    for folder, files in outer:
        missing = set(expected) - {path.name for path in files}
        if missing:
            raise EvaluationError(f"missing {folder / min(missing)}: other folders have that file")
        if len(files) != len(expected):
            extra = {path.name for path in files} - set(expected)
            raise EvaluationError(f"{folder / min(extra)}: other folders lack that file")
    return [files for _, files in outer]


def _list_stream_files(folder: Path) -> list[Path]:
    from ..media.picture_names import natural_key

    files = (
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _STREAM_SUFFIXES and path.stem not in _NO_STREAMS
    )
    return sorted(files, key=natural_key)


def _find_streams(folder: Path) -> ClipStreams:
    if not (folder / FILE_NAME).is_file():
        files = _list_stream_files(folder)
        names = tuple(path.stem for path in files)
        return ClipStreams(folder, names, tuple(StreamFile(path) for path in files))
    try:
        manifest = load_manifest(folder)
    except VideoOpenError as error:
        raise EvaluationError(str(error)) from error
    is_trimmed = config_of(manifest.settings).output.is_trimmed
    streams = []
    for track in manifest.tracks:
        if track.file is None:
            continue
        path = folder / track.file
        if not path.exists():
            raise EvaluationError(f"missing {path}: {folder / FILE_NAME} names it")
        begins_at = track.first_frame - manifest.source.first_frame_number
        streams.append(StreamFile(path, begins_at if is_trimmed else 0))
    return ClipStreams(
        folder,
        tuple(stream.path.stem for stream in streams),
        tuple(streams),
        manifest.source.frame_count if is_trimmed else None,
    )


def find_clips(
    predictions: Path,
    targets: Path,
    layout: Layout = "auto",
    target_layout: Layout = "auto",
) -> list[tuple[str, Clip, Clip]]:
    """Return (name, prediction, truth) of every clip of the truth.

    A folder that is itself a clip is taken as one. Predictions of other clips are warned of.

    Raises:
        MatteReadError: A folder is missing.
        EvaluationError: One is no clip.
    """
    require_folder(predictions, "predictions")
    require_folder(targets, "true alphas")
    if is_clip(targets, target_layout):
        clip = open_clip(targets, target_layout)
        return [(targets.name, open_clip(predictions, layout), clip)]
    clips = []
    for folder in list_folders(targets):
        predicted = predictions / folder.name
        if not predicted.is_dir():
            raise EvaluationError(f"missing {predicted}: {folder} has no prediction")
        clips.append((folder.name, open_clip(predicted, layout), open_clip(folder, target_layout)))
    if not clips:
        raise EvaluationError(f"{targets}: no clips")
    known = {name for name, _, _ in clips}
    strangers = [
        folder.name
        for folder in list_folders(predictions)
        if folder.name not in known and _may_be_clip(folder, layout)
    ]
    warn_of_strangers(predictions, targets, strangers, "clips")
    return clips


def is_clip(folder: Path, layout: Layout) -> bool:
    """Return whether a folder holds a clip itself, rather than a folder for each clip.

    A set stays one where a picture or film lies beside a clip's people, or beside the clips; a clip
    stays one where a folder of pictures lies beside those of a person.
    """
    if _says_clip(folder):
        return True
    return _holds_people(folder, layout) and not any(
        _may_be_clip(part, layout) for part in list_folders(folder)
    )


def _may_be_clip(folder: Path, layout: Layout) -> bool:
    if _says_clip(folder) or _holds_films(folder, layout):
        return True
    # Beside a person's pictures lie copies at most; beside a clip's people lies less than of one.
    beside = len(list_mattes(folder))
    return any(len(list_mattes(part)) > beside for part in list_folders(folder))


def _says_clip(folder: Path) -> bool:
    return (folder / "pha").is_dir() or (folder / FILE_NAME).is_file()


def _holds_people(folder: Path, layout: Layout) -> bool:
    if _holds_films(folder, layout):
        return True
    return any(list_mattes(path) for path in list_folders(folder))


def _holds_films(folder: Path, layout: Layout) -> bool:
    return layout in ("auto", "streams") and bool(_list_stream_files(folder))
