"""The clip of an output folder, opened again: it must be the one that was matted.

Knows manifests and sources; knows nothing of people.
"""

from __future__ import annotations

from pathlib import Path

from ..checksums import sha256_of
from ..errors import VideoOpenError
from ..manifest import SourceRecord
from ..media.frame_source import FrameSource
from ..media.source import is_pattern, open_source
from ..settings import config_of


def refuse_captured(record: SourceRecord) -> None:
    """Raise where a clip's frames are in no file: nothing of it can be rendered again.

    Raises:
        VideoOpenError: It was recorded live.
    """
    if record.is_captured:
        raise VideoOpenError(f"{record.name} was recorded live: nothing can be corrected")


def find_source(record: SourceRecord, moved_to: Path | None = None) -> Path:
    """Return where a clip lies now.

    Args:
        record: The clip, as the manifest tells of it.
        moved_to: Where it lies, if not where it was.

    Raises:
        VideoOpenError: It is gone, or was captured or a stream, which cannot be read again.
    """
    refuse_captured(record)
    if moved_to is None and record.absolute_path is None and record.path in (None, "-"):
        raise VideoOpenError(
            f"{record.name} came as a stream, which cannot be read again: name a file with --source"
        )
    given = moved_to or Path(record.absolute_path or record.path or "")
    if given.is_file() or given.is_dir() or is_pattern(str(given)):
        return given
    if moved_to is not None:
        raise VideoOpenError(f"{given}: no such file or folder")
    raise VideoOpenError(f"{given} is not there any more: name the clip's new place with --source")


def reopen_source(
    record: SourceRecord, settings: dict[str, object], moved_to: Path | None = None
) -> tuple[FrameSource, Path]:
    """Return a clip opened again, and where it lies.

    Args:
        record: The clip, as the manifest tells of it.
        settings: The run's settings: a folder of pictures has its rate from there.
        moved_to: Where it lies, if not where it was.

    Raises:
        VideoOpenError: It is gone, unreadable, or another than was matted.
    """
    path = find_source(record, moved_to)
    if record.sha256 is not None and sha256_of(path) != record.sha256:
        raise VideoOpenError(
            f"{path} has changed since it was matted (its SHA-256 is another): run the clip again"
        )
    clip = open_source(path, frame_rate=config_of(settings).frame_rate)
    info = clip.info
    found = (info.width, info.height, info.first_frame_number)
    known = (record.width, record.height, record.first_frame_number)
    is_short = record.sha256 is None and (info.frame_count or 0) < record.frame_count
    if found != known or is_short:
        clip.close()
        raise VideoOpenError(
            f"{path} has changed since it was matted (size, numbering or length): run it again"
        )
    # What was moved may have other times.
    if moved_to is None and record.pictures_sha256 not in (None, clip.checksum):
        clip.close()
        raise VideoOpenError(
            f"{path} has changed since it was matted (its pictures are others, or of other times): "
            "run it again, or name it with --source if it shows the same"
        )
    return clip, path
