"""`manifest.json`: what was made from what, with which settings, weights and version."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, PositiveInt, ValidationError

from .alpha_store import FOLDER_NAME as STORE_FOLDER
from .alpha_store import JOURNAL_FILE
from .correction import Correction, Name
from .errors import ManifestVersionError, VideoOpenError, first_complaint
from .media.formats import FORMATS
from .whole_file import write_whole

SCHEMA_VERSION = 1
FILE_NAME = "manifest.json"


def _is_ratio(text: str) -> str:
    """Return a ratio as it stands; a manifest may have been edited, and is computed with."""
    if not re.fullmatch(r"[1-9]\d{0,9}(/[1-9]\d{0,9})?", text):
        raise ValueError(f"{text!r} is no ratio such as 25 or 30000/1001")
    return text


def _is_format(name: str) -> str:
    """Return the name of a format as it stands."""
    if name not in FORMATS:
        raise ValueError(f"{name!r} is none of {', '.join(FORMATS)}")
    return name


def _is_known(version: int) -> int:
    """Return the number of a form of manifests that this program can read, as it stands."""
    if version != SCHEMA_VERSION:
        raise ValueError(f"{version} is of another version of this program: read it with that one")
    return version


Ratio = Annotated[str, AfterValidator(_is_ratio)]
"""Exact, as `25` or `30000/1001`."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceRecord(_Model):
    """The clip."""

    name: str
    path: str | None
    """As it was given."""
    sha256: str | None
    """Of the file; `None` for folders and streams."""
    width: int
    height: int
    frame_rate: Ratio
    frame_count: PositiveInt
    duration_s: float
    color_primaries: str
    color_transfer: str
    color_matrix: str
    is_full_range: bool
    bit_depth: int
    rotation_deg: int
    timecode: str | None
    has_audio: bool
    is_variable_rate: bool
    pixel_aspect: Ratio = "1"
    """Width of a pixel over its height."""
    first_frame_number: int = 1
    """Of the first frame; an image sequence keeps its own numbers."""
    absolute_path: str | None = None
    """Where it lay when it was read; `None` for what cannot be read again."""
    pictures_sha256: str | None = None
    """Of the names, sizes and times of an image sequence's files."""
    unreadable: tuple[tuple[int, int], ...] = ()
    """First and last frame of each stretch in whose place a neighbouring frame stands."""
    breaks_off: str | None = None
    """Why nothing could be read after the last frame, where that is not the clip's own end."""
    is_captured: bool = False
    """Recorded live: no file has just these frames, whatever they were captured from."""

    @property
    def frames(self) -> range:
        """Numbers of all frames."""
        return range(self.first_frame_number, self.first_frame_number + self.frame_count)


class WeightsRecord(_Model):
    """A network that was used."""

    name: str
    sha256: str | None


class StageRecord(_Model):
    """Where the time went."""

    name: str
    """`decode`, `detect`, `steady`, `matte`, `pack`, `store`, `still`, `foreground`, `encode`,
    `verify`, `preview`."""
    busy_s: float
    """Seconds of work, summed over threads."""
    frames: int
    """Frames worked on, of all passes and streams; of `verify`, streams."""


class TrackRecord(_Model):
    """One person."""

    id: int
    name: str
    file: str | None
    """Relative to the manifest; `None` where the track got no stream."""
    first_frame: int
    """As the source counts: from 1, or as an image sequence is numbered."""
    last_frame: int
    frames_visible: int
    spans: tuple[tuple[int, int], ...]
    """First and last frame of each stretch in which the person is seen."""
    mean_score: float
    thumbnail: str
    """JPEG as a data URL."""
    sha256: str | None = None
    """Of the stream's file; of a folder, of the lines that `sha256sum *` prints in it."""


class StitchRecord(_Model):
    """Who was joined to whom before anybody corrected it."""

    people: tuple[tuple[int, ...], ...]
    """The tracklets of each person, from number 1 on."""
    others: tuple[int, ...]
    """Tracklets that count, but are nobody's."""
    names: tuple[Name, ...] = ()
    """What each person is called; empty in a manifest of a version that knew no names."""


class Manifest(_Model):
    """Everything about a run."""

    schema_version: Annotated[int, AfterValidator(_is_known)] = SCHEMA_VERSION
    program_version: str
    created: str
    """ISO 8601, UTC."""
    source: SourceRecord
    settings: dict[str, Any]
    detector: str
    detector_reason: str
    masks_sha256: str | None = None
    """Of the names and contents of masks from disk; `None` where a network found everybody."""
    weights: tuple[WeightsRecord, ...]
    device: str
    precision: str
    format: Annotated[str, AfterValidator(_is_format)]
    alpha: str
    """How the streams hold it, in words."""
    audio: str
    """What became of the clip's sound, in words."""
    stages: tuple[StageRecord, ...]
    wall_s: float
    alpha_store_bytes: int
    warnings: tuple[str, ...]
    cuts: tuple[int, ...]
    """Frames that begin a new shot."""
    tracks: tuple[TrackRecord, ...]
    """As they were written last."""
    rest_file: str | None = None
    """Stream of everybody who has none of their own; `None` where none was asked for."""
    rest_sha256: str | None = None
    """Of that stream, as of a track's."""
    stitching: StitchRecord | None = None
    """`None` for an online run, and for one of a version that could not correct."""
    fingerprint: dict[str, Any] | None = None
    """What its alphas depend on; `None` for an online run, and for one of an older version."""
    corrections: tuple[Correction, ...] = ()
    """What people have changed since, in order."""
    rendered_corrections: tuple[Correction, ...] = ()
    """Those that the tracks show."""

    @property
    def is_rendered(self) -> bool:
        """Whether the streams show all corrections."""
        return self.corrections == self.rendered_corrections

    @property
    def streams(self) -> dict[str, str | None]:
        """Files of the streams, the rest's too, and their checksums."""
        streams = {track.file: track.sha256 for track in self.tracks if track.file}
        if self.rest_file is not None:
            streams[self.rest_file] = self.rest_sha256
        return streams

    def save(self, folder: Path) -> None:
        """Write `manifest.json`, whole or not at all."""
        text = json.dumps(self.model_dump(mode="json"), indent=2) + "\n"
        write_whole(folder / FILE_NAME, text)


def load_manifest(folder: Path) -> Manifest:
    """Return the manifest of an output folder.

    Raises:
        VideoOpenError: There is none, or not yet, or it is not ours.
        ManifestVersionError: It is of another version of this program.
    """
    path = folder / FILE_NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        is_begun = (folder / STORE_FOLDER / JOURNAL_FILE).is_file()
        what = (
            "the run is not finished; once it has stopped, --resume goes on with it"
            if is_begun
            else "it is no output of this program"
        )
        raise VideoOpenError(f"no {FILE_NAME} in {folder}: {what}") from error
    except OSError as error:
        raise VideoOpenError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        is_other = any(complaint["loc"] == ("schema_version",) for complaint in error.errors())
        kind = ManifestVersionError if is_other else VideoOpenError
        raise kind(f"{path}: {first_complaint(error)}") from error
