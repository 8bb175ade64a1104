"""Which clips the words of a command line mean.

Knows names of files and folders; opens no clip.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import OptionError, VideoOpenError
from ..manifest import FILE_NAME as MANIFEST_FILE
from ..media.picture_names import IMAGE_SUFFIXES, natural_key
from ..media.source import is_pattern, is_stream, refuse_undecodable
from .clip_list import LIST_SUFFIXES, ListColumn, read_clip_list

VIDEO_SUFFIXES = frozenset(
    (
        ".3g2 .3gp .asf .avi .dv .f4v .flv .gif .m2ts .m2v .m4v .mkv .mov .mp4 .mpeg .mpg .mts "
        ".mxf .nut .ogv .ts .vob .webm .wmv .y4m"
    ).split()
)
"""What counts as a clip in a folder; a file that is named itself may be called anything."""


@dataclass(frozen=True)
class RequestedClip:
    """A clip that was asked for."""

    clip: str
    """As a source is named."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Its own options, by setting; they go before those of the command line."""
    place: str = ""
    """Where it was asked for, as `shots.csv:7`; empty unless a list names it."""


def find_clips(inputs: Sequence[str], columns: Mapping[str, ListColumn]) -> list[RequestedClip]:
    """Return the clips of all inputs, in order, none twice.

    Args:
        inputs: Clips, folders of clips or of folders of frames, patterns, and lists (`.csv`,
            `.jsonl`). In a folder, files with a video's suffix and folders of pictures are clips;
            a folder of nothing but pictures is one clip.
        columns: What a list may set, by the name of its column.

    Raises:
        VideoOpenError: A folder or pattern holds no clip or may not be read; a name is not UTF-8.
        OptionError: A list cannot be understood, or an input never ends.
    """
    found: dict[str, RequestedClip] = {}
    for text in inputs:
        try:
            requests = _clips_of(text, columns)
        except OSError as error:
            raise VideoOpenError(f"{text}: cannot be read: {error.strerror}") from error
        for request in requests:
            absolute = str(Path(request.clip).absolute())
            refuse_undecodable(Path(absolute))
            if absolute in found and request.options != found[absolute].options:
                raise OptionError(
                    f"{request.place or text}: {request.clip} is asked for twice, "
                    "with different options"
                )
            found[absolute] = RequestedClip(absolute, request.options, request.place)
    return list(found.values())


def _clips_of(text: str, columns: Mapping[str, ListColumn]) -> list[RequestedClip]:
    if is_stream(text):
        raise OptionError(f"{text}: a batch takes clips that have an end, from disk")
    path = Path(text)
    if path.is_dir():
        return [RequestedClip(str(clip)) for clip in _clips_in(path)]
    if path.suffix.lower() in LIST_SUFFIXES and path.is_file():
        return [
            RequestedClip(str(path.parent / row.clip), row.options, row.place)
            for row in read_clip_list(path, columns)
        ]
    if path.exists() or not is_pattern(text):
        # A clip that is not there fails by itself, and no other with it.
        return [RequestedClip(text)]
    matches = sorted((Path(name) for name in glob.glob(text)), key=natural_key)
    if not matches and glob.has_magic(text):
        raise VideoOpenError(f"{text}: no file matches the pattern")
    if not matches or all(match.suffix.lower() in IMAGE_SUFFIXES for match in matches):
        return [RequestedClip(text)]  # the numbered pictures of one clip
    return [
        RequestedClip(str(clip))
        for match in matches
        for clip in (_clips_in(match) if match.is_dir() else [match])
        if match.is_dir() or match.suffix.lower() in VIDEO_SUFFIXES
    ]


def _clips_in(folder: Path) -> list[Path]:
    """Return the clips of a folder; outputs of this program are none."""
    entries = sorted(
        (path for path in folder.iterdir() if not path.name.startswith(".")), key=natural_key
    )
    clips = [
        path
        for path in entries
        if (_holds_pictures(path) if path.is_dir() else path.suffix.lower() in VIDEO_SUFFIXES)
    ]
    if not clips and _holds_pictures(folder):
        return [folder]
    if not clips:
        raise VideoOpenError(f"{folder}: no clips in it: neither videos nor folders of pictures")
    return clips


def _holds_pictures(folder: Path) -> bool:
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:  # as `lost+found`: whose it is, no clip of ours is in it
        return False
    return MANIFEST_FILE not in names and any(
        Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".") for name in names
    )
