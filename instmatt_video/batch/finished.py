"""Whether a clip's output is whole and what is wanted: only then is the clip skipped.

Knows manifests and checksums; opens no clip.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..checksums import sha256_of
from ..detection.detector import mask_folder
from ..detection.masks_from_disk import MasksFromDisk
from ..errors import MaskReadError, VideoOpenError, WeightsError
from ..manifest import Manifest, SourceRecord, WeightsRecord, load_manifest
from ..media.image_sequence import checksum_of_frames
from ..media.source import list_frames
from ..rendering.report import FILE_NAME as REPORT_FILE
from ..rendering.stream_ledger import stream_checksum
from ..rendering.stream_plans import PREVIEW_FILE
from ..rendering.tracks_file import FILE_NAME as TRACKS_FILE
from ..settings import plain_settings
from ..weights.cache import weights_path
from ..weights.registry import ENTRIES, expected_sha256
from .job import ClipJob

_NO_INFLUENCE = ("is_resumed", "is_overwriting", "is_cleaned", "is_offline", "chunk_frames")
"""Settings of a run that change no output."""


def finished_manifest(job: ClipJob) -> Manifest | None:
    """Return the manifest of a clip that is done: same source, masks, weights, settings, all whole.

    A clip that breaks off is never done: it may have been a disk that was away.

    `None` where anything of that is not so.
    """
    try:
        manifest = load_manifest(job.folder)
        is_same = (
            manifest.source.breaks_off is None
            and _relevant(manifest.settings) == _relevant(plain_settings(job.config))
            and _is_source(job.clip, manifest.source)
            and manifest.masks_sha256 == _checksum_of_masks(job)
            and all(_is_unchanged(weights) for weights in manifest.weights)
        )
    except (VideoOpenError, MaskReadError, WeightsError):
        return None
    return manifest if is_same and _is_whole(job, manifest) else None


def _is_source(clip: str, record: SourceRecord) -> bool:
    if record.sha256 is not None:
        return record.sha256 == sha256_of(Path(clip))
    frames = list_frames(clip)
    if frames is None or record.path != clip:
        return False
    return checksum_of_frames(frames) == record.pictures_sha256


def _checksum_of_masks(job: ClipJob) -> str | None:
    folder = mask_folder(job.config.detection.detector)
    return None if folder is None else MasksFromDisk(folder).checksum


def _is_unchanged(weights: WeightsRecord) -> bool:
    """Return whether weights are as they were; of a file that is gone nobody can tell."""
    entry = ENTRIES.get(weights.name)
    if entry is None:
        return sha256_of(Path(weights.name)) in (None, weights.sha256)
    # No others of that name are ever loaded, so the file itself need not be read.
    expected = expected_sha256(entry, weights_path(entry).parent)
    return expected is None or (weights.sha256 or "").startswith(expected)


def _relevant(settings: dict[str, Any]) -> dict[str, Any]:
    run = {k: v for k, v in settings.get("run", {}).items() if k not in _NO_INFLUENCE}
    return {**settings, "run": run}


def _is_whole(job: ClipJob, manifest: Manifest) -> bool:
    output = job.config.output
    pages = [PREVIEW_FILE] if output.has_preview else []
    pages += [REPORT_FILE] if output.has_report else []
    streams = manifest.streams
    return (
        all((job.folder / name).exists() for name in (TRACKS_FILE, *pages, *streams))
        # What power that failed leaves is empty; so is `tracks.txt`, where nobody is.
        and all((job.folder / name).stat().st_size for name in pages)
        and all(stream_checksum(job.folder / name) == sha for name, sha in streams.items())
    )
