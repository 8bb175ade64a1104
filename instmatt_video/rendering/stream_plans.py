"""Which streams of a clip are wanted: whose they are, how they are called, what they span.

Knows people and settings; opens and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..alpha_store import FOLDER_NAME as STORE_FOLDER
from ..config import OutputConfig
from ..errors import OptionError
from ..extras import require_extra
from ..manifest import FILE_NAME as MANIFEST_FILE
from ..media.file_name import name_key, render_filenames
from ..media.formats import FORMATS, check_extension, check_format
from ..media.frame import ClipInfo
from ..people.identities import Cast, Identity, default_name
from .report import FILE_NAME as REPORT_FILE
from .tracks_file import FILE_NAME as TRACKS_FILE

REST = "rest"
"""Name of the stream of everybody who has none of their own."""
PREVIEW_FILE = "preview.mp4"


@dataclass(frozen=True)
class StreamPlan:
    """One stream that is to be written."""

    track_id: int
    """0 is the rest."""
    name: str
    tracklet_ids: frozenset[int]
    file: str
    """Relative to the clip's output folder."""
    first: int
    """First frame that is written, from 0."""
    last: int

    @property
    def is_rest(self) -> bool:
        """Whether it shows everybody who has no stream of their own."""
        return self.track_id == 0


def check_output(config: OutputConfig, info: ClipInfo) -> None:
    """Refuse streams that cannot be, whoever will be found in the clip.

    Raises:
        OptionError: Format, quality, file name template or method of colour cannot be.
    """
    spec = check_format(config.format, info, quality=config.quality)
    # How many people there are is not known; what will not do for two is refused. For one first:
    # a name that another output has is told as such.
    people = [(number, default_name(number)) for number in config.only or (1, 2)]
    (file, *_) = _name_files(people[:1], info.name, config).values()
    check_extension(Path(file), spec)
    _name_files(people, info.name, config)
    if config.foreground == "pymatting" and spec.has_color:
        require_extra("fg", "foreground pymatting")


def check_names(names: Iterable[str], info: ClipInfo, config: OutputConfig) -> None:
    """Refuse people, named before they are found, whose streams cannot lie beside one another.

    Raises:
        OptionError: Their file names collide or cannot be.
    """
    people = enumerate(names, 1)
    _name_files([p for p in people if not config.only or p[0] in config.only], info.name, config)


def plan_streams(
    cast: Cast, info: ClipInfo, frame_count: int, config: OutputConfig
) -> list[StreamPlan]:
    """Return the streams that a config asks for.

    Raises:
        OptionError: A track number that nobody has, names that collide, or a format that cannot be.
    """
    check_format(config.format, info, quality=config.quality)
    files = stream_files(cast, info.name, config)
    chosen = [i for i in cast.identities if i.track_id in files]
    plans = [_plan(i, files[i.track_id], frame_count, config.is_trimmed) for i in chosen]
    if config.has_rest:
        plans.append(StreamPlan(0, REST, cast.rest(files), files[0], 0, frame_count - 1))
    return plans


def stream_files(cast: Cast, clip: str, config: OutputConfig) -> dict[int, str]:
    """Return the file of each stream that a config asks for, by track number; 0 is the rest.

    Raises:
        OptionError: A track number that nobody has, or names that collide or cannot be.
    """
    known = {identity.track_id for identity in cast.identities}
    unknown = sorted(set(config.only) - known)
    if unknown and known:
        raise OptionError(
            f"only: there is no track {unknown[0]}; "
            f"the clip has {', '.join(map(str, sorted(known)))}"
        )
    chosen = [i for i in cast.identities if not config.only or i.track_id in config.only]
    return _name_files([(i.track_id, i.name) for i in chosen], clip, config)


def _name_files(
    people: Iterable[tuple[int, str]], clip: str, config: OutputConfig
) -> dict[int, str]:
    extension = FORMATS[config.format].extension
    files = render_filenames(config.filename, clip=clip, tracks=people, ext=extension)
    if config.has_rest:
        files[0] = f"{REST}{extension}"
    _refuse_taken_names(list(files.values()), config)
    return files


def _plan(identity: Identity, file: str, frame_count: int, is_trimmed: bool) -> StreamPlan:
    first, last = (
        (int(identity.visible[0]), int(identity.visible[-1]))
        if is_trimmed
        else (0, frame_count - 1)
    )
    return StreamPlan(identity.track_id, identity.name, identity.tracklet_ids, file, first, last)


def _refuse_taken_names(files: Sequence[str], config: OutputConfig) -> None:
    taken = {MANIFEST_FILE, REPORT_FILE, TRACKS_FILE, STORE_FOLDER}
    taken |= {PREVIEW_FILE} if config.has_preview else set()
    for file in files:
        name = name_key(file)
        # Nor can one lie in a folder that is called as another is.
        if any(f"{name}/".startswith(f"{t}/") or t.startswith(f"{name}/") for t in taken):
            raise OptionError(
                f"file name template {config.filename!r} gives {file}, "
                "which another output of the clip is called"
            )
        taken.add(name)
