"""A clip's output folder: what may lie there before a run, and what of it is this program's own."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from .alpha_store import FOLDER_NAME, JOURNAL_FILE, AlphaStore
from .config import MatteConfig
from .errors import OptionError, VideoOpenError, disk_errors
from .manifest import FILE_NAME as MANIFEST_FILE
from .manifest import Manifest, load_manifest
from .media.folder_stream import files_of, holds_only_pictures
from .media.formats import FORMATS
from .media.source import is_stream
from .printable import is_utf8, printable
from .rendering.online_streams import INCOMPLETE
from .rendering.report import FILE_NAME as REPORT_FILE
from .rendering.stream_ledger import is_set_aside, set_aside, stream_ledger
from .rendering.stream_plans import PREVIEW_FILE
from .rendering.tracks_file import FILE_NAME as TRACKS_FILE
from .settings import config_of

_log = logging.getLogger(__name__)

_STREAM_NAME = re.compile(rf"(person_\d+|rest)({re.escape(INCOMPLETE)})?")
"""Of streams whose run was broken off before anything told of them."""
SEGMENTS_FOLDER = "segments"
"""Stores of a clip's parts, until they are one."""
_EXTENSIONS = {spec.extension for spec in FORMATS.values()}


def check_folder(folder: Path, source: str | Path, config: MatteConfig) -> None:
    """Raise where a clip cannot be written, before anything is done there.

    Args:
        folder: The clip's output folder; need not be there.
        source: A video file, a folder of frames, a pattern, or a stream.
        config: Whether an earlier output is gone on with or replaced.

    Raises:
        OptionError: It holds the clip itself, or what is neither to be gone on with nor replaced.
        AlphaWriteError: It may not be looked into.
    """
    _refuse_source_inside(folder, source)
    _refuse_earlier(folder, config)


def _refuse_source_inside(folder: Path, source: str | Path) -> None:
    """Raise where a clip would be written over itself."""
    if is_stream(str(source)):
        return
    path = Path(source)
    home = path if path.is_dir() else path.parent
    if home.resolve().is_relative_to(folder.resolve()):
        raise OptionError(f"{folder} holds the clip itself: give another --out-dir")


@disk_errors()
def _refuse_earlier(folder: Path, config: MatteConfig) -> None:
    """Raise where an earlier output of the clip is neither to be gone on with nor replaced.

    Files that no run told of are not gone on with either: they may be anybody's. Alphas of a whole
    clip alone, which a run leaves that was refused after its analysis, are gone on with unasked.
    Nor is there an output under a name that is not UTF-8: OpenCV cannot read back what is written
    there.
    """
    if not is_utf8(folder):
        raise OptionError(f"{printable(folder)}: the name is not UTF-8: give another --out-dir")
    is_wanted = config.run.is_resumed or config.run.is_overwriting
    if not folder.is_dir():
        return
    is_told_of = any(
        (folder / name).exists() for name in (MANIFEST_FILE, FOLDER_NAME, SEGMENTS_FOLDER)
    )
    names = [path.name for path in folder.iterdir()]
    visible = [name for name in names if not name.startswith(".") and not is_set_aside(name)]
    if config.run.is_resumed and visible and not is_told_of:
        raise OptionError(f"{folder} holds files, but no run to go on with: give another --out-dir")
    if config.run.is_resumed and _is_recording(folder):  # nobody can make it again
        raise OptionError(f"{folder} holds what was recorded live: --overwrite replaces it")
    is_wanted |= (
        not config.run.is_online
        and visible == [FOLDER_NAME]
        and AlphaStore.is_left_whole(folder / FOLDER_NAME)
    )
    if not is_wanted and any(folder.iterdir()):
        going_on = "" if config.run.is_online else "--resume goes on with it, "
        raise OptionError(f"{folder} is there already: {going_on}--overwrite replaces it")


def _is_recording(folder: Path) -> bool:
    """Say whether a manifest tells of a live recording; one that cannot be read tells nothing."""
    with suppress(VideoOpenError):
        return load_manifest(folder).source.is_captured
    return False


def make_room(folder: Path, config: MatteConfig) -> tuple[str, ...]:
    """Remove an earlier output that is to be replaced, or what of it is torn; make the folder.

    Called when nothing else can refuse the run: an earlier output is not lost to a typing error.

    Returns:
        What the manifest is to tell of it; the log tells it at once.
    """
    with disk_errors(folder):
        is_replaced = config.run.is_overwriting and folder.is_dir()
        told = _remove_earlier(folder) if is_replaced else ()
        folder.mkdir(parents=True, exist_ok=True)
        remove_torn(folder)
    for line in told:
        _log.warning("%s", line)
    return told


def _remove_earlier(folder: Path) -> tuple[str, ...]:
    """Remove what an earlier run made, and nothing that somebody else put there or painted.

    Returns:
        What there is to be told of streams that may be painted, and got another name.

    Raises:
        OptionError: Somebody put files into a stream's folder, which could not be replaced; or
            nothing tells which files are the run's, and whether they were painted.
    """
    ledger = stream_ledger(folder)
    if (folder / MANIFEST_FILE).is_file():
        try:
            ledger.adopt(load_manifest(folder).streams)
        except VideoOpenError as error:
            if ledger.is_empty:
                raise OptionError(
                    f"{error}; nothing else tells what the earlier run wrote: move {folder} away"
                ) from error
    told = [*ledger.remove_all()]
    for path in [path for path in folder.iterdir() if _STREAM_NAME.fullmatch(path.stem)]:
        is_film = path.is_file() and path.suffix in _EXTENSIONS
        is_pictures = path.is_dir() and holds_only_pictures(path)
        if (is_film and path.stem.endswith(INCOMPLETE)) or (is_pictures and not files_of(path)):
            _remove(path)
        elif is_film or is_pictures:
            aside = set_aside(path).name
            told.append(f"an earlier {path.name}, of which nothing tells, is now {aside}")
    _remove_segments(folder / SEGMENTS_FOLDER)
    for name in (FOLDER_NAME, TRACKS_FILE, REPORT_FILE, PREVIEW_FILE, MANIFEST_FILE):
        _remove(folder / name)
    return tuple(told)


def _remove_segments(folder: Path) -> None:
    """Remove the stores of a clip's parts, and their folder where nothing else lies there."""
    for journal in folder.glob(f"*/{JOURNAL_FILE}"):
        shutil.rmtree(journal.parent)
    with suppress(OSError):
        folder.rmdir()


def remove_leftovers(folder: Path, earlier: Manifest | None, wanted: Collection[str]) -> None:
    """Remove what earlier runs wrote, the present one does not want, and nobody has changed since.

    Args:
        folder: The clip's output folder.
        earlier: What told of it before the present run, if anything did.
        wanted: Files of the present run.
    """
    ledger = stream_ledger(folder)
    told = {} if earlier is None else _files_of(earlier)
    ledger.adopt({file: digest for file, digest in told.items() if file not in wanted})
    ledger.prune(wanted)


def _files_of(manifest: Manifest) -> dict[str, str | None]:
    """Return the files that a run wrote beside those that every run writes, and their checksums."""
    output = config_of(manifest.settings).output
    others = {PREVIEW_FILE: output.has_preview, REPORT_FILE: output.has_report}
    return manifest.streams | {file: None for file, is_there in others.items() if is_there}


def remove_torn(folder: Path) -> None:
    """Remove what a rendering that was killed left unfinished; nobody else may be at work there."""
    for path in folder.glob(".*.partial"):
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
