"""What a composition is made from: the clip, its people's streams, the background's file.

Reads the manifest and headers of files; builds no graph.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from ..checksums import sha256_of
from ..errors import OptionError, VideoOpenError
from ..manifest import Manifest, load_manifest
from ..media.color import MATRICES
from ..media.formats import FORMATS
from ..media.frame import ClipInfo, ColorTags
from ..media.frame_source import FrameSource
from ..media.source import open_source
from ..media.video_file import first_video_stream, open_container
from ..rendering.stream_plans import PREVIEW_FILE, REST
from ..review.source import find_source
from ..settings import config_of
from .background_file import BackgroundFile, read_background
from .options import Background, ComposeOptions

_log = logging.getLogger(__name__)

_FIRST_FIELDS = {2: "tff", 3: "bff", 4: "tff", 5: "bff"}
"""Which is coded first, by FFmpeg's `AVFieldOrder`, as its filters call it; 0 is unknown."""


@dataclass(frozen=True)
class PersonStream:
    """A finished stream."""

    track_id: int
    """0 is the rest."""
    name: str
    path: Path
    first: int
    """Frame of the clip, from 0, at which the stream begins."""
    last: int


@dataclass(frozen=True)
class Clip:
    """The clip that the streams were made from, as far as a composition must know it."""

    name: str
    width: int
    """Pixels, upright."""
    height: int
    frame_rate: Fraction
    time_base: Fraction
    frame_count: int
    color: ColorTags
    """Of the source; compositions have its primaries, transfer and matrix, in video range."""
    is_variable_rate: bool
    is_retimed: bool
    """The run was asked for the rate: frames count in turn, whatever their times in the source."""
    pixel_aspect: Fraction
    timecode: str | None
    """Of the first frame."""
    source: Path | None
    """Its file, folder of frames, or pattern; `None` where it is not to be found."""
    lead_s: Fraction
    """Seconds from the beginning of the source's file to its first picture."""
    clock_from: Path | None
    """A file with the clip's times: its own, or a stream of the whole of it."""
    audio_from: Path | None
    """A file with the clip's sound."""
    gaps: tuple[tuple[int, int], ...] = ()
    """First and last frame, from 0, of each stretch that cannot be read in the source."""
    first_field: str | None = None
    """Of an interlaced source, as FFmpeg's filters call it: `tff` or `bff`."""


@dataclass(frozen=True)
class Material:
    """Everything that is put together."""

    clip: Clip
    format: str
    """Of the streams, a name in `FORMATS`."""
    people: tuple[PersonStream, ...]
    """Back to front."""
    run_files: tuple[Path, ...]
    """Films that the run may have made, also of people who are left out."""
    background: Background
    background_file: BackgroundFile | None
    """Where the background is one."""


def gather(folder: Path, options: ComposeOptions) -> Material:
    """Return what a composition of an output folder is made from.

    Raises:
        VideoOpenError: The folder, a stream or the background cannot be read.
        OptionError: Tracks that are not there, or a source that is needed and missing or changed.
    """
    manifest = load_manifest(folder)
    if FORMATS[manifest.format].is_linear:
        raise OptionError(
            f"compose reads no {manifest.format} streams: run the clip again with --resume "
            "--format prores4444, which takes the alphas that are there"
        )
    if not manifest.is_rendered:
        _log.warning(
            "corrections are not rendered: run `instmatt-video tracks %s render` first", folder
        )
    source = _open_clip(manifest, options)
    people = _people(folder, manifest, options)
    clip = _clip(manifest, source, people, options)
    _refuse_impossible(manifest, clip, people, options)
    run_files = _run_files(folder, manifest)
    background = options.background
    file = None if background.path is None else read_background(background.path)
    return Material(clip, manifest.format, people, run_files, background, file)


def _open_clip(manifest: Manifest, options: ComposeOptions) -> tuple[FrameSource, Path] | None:
    """Return the clip where it is to be found, unchanged, and where that is."""
    record = manifest.source
    if record.is_captured and options.source is not None:
        raise OptionError(f"source: {record.name} was recorded live: its frames are in no file")
    try:
        named = find_source(record, options.source)
    except VideoOpenError as error:
        if options.source is not None:
            raise VideoOpenError(f"source {options.source}: no such file or folder") from error
        return None
    if record.sha256 is not None and sha256_of(named) != record.sha256:
        if options.source is None:
            _log.warning("%s has changed since it was matted, and is not used", named)
            return None
        raise OptionError(f"source {named} is not the file that was matted: its checksum differs")
    has_no_rate = record.sha256 is None or _is_retimed(manifest)
    rate = Fraction(record.frame_rate) if has_no_rate else None
    try:
        return open_source(str(named), frame_rate=rate), named
    except VideoOpenError as error:
        if options.source is not None:
            raise
        _log.warning("the source is not used: %s", error)
        return None


def _is_retimed(manifest: Manifest) -> bool:
    return manifest.settings.get("frame_rate") is not None


def _people(folder: Path, manifest: Manifest, options: ComposeOptions) -> tuple[PersonStream, ...]:
    first_number = manifest.source.first_frame_number
    output = config_of(manifest.settings).output
    last_frame = manifest.source.frame_count - 1
    shows_rest = manifest.rest_file is not None and 0 not in options.without
    found = []
    if manifest.rest_file is not None:
        found.append(PersonStream(0, REST, folder / manifest.rest_file, 0, last_frame))
    for track in manifest.tracks:
        if track.file is None:
            if not shows_rest:
                _log.warning("person %d has no stream and is left out", track.id)
            continue
        span = (0, last_frame)
        if output.is_trimmed:
            span = (track.first_frame - first_number, track.last_frame - first_number)
        found.append(PersonStream(track.id, track.name, folder / track.file, *span))
    known = {person.track_id for person in found}
    for name, wanted in (
        ("without", options.without),
        ("order", options.order),
        ("place", tuple(options.places)),
    ):
        unknown = sorted(set(wanted) - known)
        if unknown:
            raise OptionError(
                f"{name}: there is no stream of track {unknown[0]}; "
                f"the folder has {', '.join(map(str, sorted(known))) or 'none'}"
            )
    chosen = [person for person in found if person.track_id not in options.without]
    for person in chosen:
        if not person.path.exists():
            raise VideoOpenError(f"{person.path}: the manifest names this stream, but it is gone")
    ranks = {track: rank for rank, track in enumerate(options.order)}
    return tuple(sorted(chosen, key=lambda p: (ranks.get(p.track_id, -1), p.track_id)))


def _run_files(folder: Path, manifest: Manifest) -> tuple[Path, ...]:
    return tuple(folder / file for file in (*manifest.streams, PREVIEW_FILE))


def _clip(
    manifest: Manifest,
    source: tuple[FrameSource, Path] | None,
    people: tuple[PersonStream, ...],
    options: ComposeOptions,
) -> Clip:
    record = manifest.source
    color = ColorTags(
        record.color_primaries, record.color_transfer, record.color_matrix, record.is_full_range
    )
    if color.matrix not in MATRICES:
        raise OptionError(f"manifest: {color.matrix} is no matrix that can be composed in")
    rate = Fraction(record.frame_rate)
    info, path = (source[0].info, source[1]) if source else (None, None)
    lead_s, first_field, audio_from = Fraction(0), None, None
    whole = _whole_stream(manifest, people)
    if path is not None and path.is_file():
        with open_container(path) as container:
            stream = first_video_stream(container, path)
            lead_s = _lead_of(container, stream)
            # Turned, its rows are other rows, or columns.
            is_turned = info is not None and info.rotation_deg != 0
            field_order = 0 if is_turned else stream.codec_context.field_order
            first_field = _FIRST_FIELDS.get(field_order)
    if record.has_audio and options.has_audio:
        audio_from = path or (whole if FORMATS[manifest.format].has_audio else None)
        if audio_from is None:
            _log.warning("no sound: the source is not to be found, and no stream bears a copy")
    return Clip(
        name=record.name,
        width=record.width,
        height=record.height,
        frame_rate=rate,
        time_base=_time_base(manifest, info, whole),
        frame_count=record.frame_count,
        color=color,
        is_variable_rate=record.is_variable_rate,
        is_retimed=_is_retimed(manifest),
        pixel_aspect=info.pixel_aspect if info else Fraction(record.pixel_aspect),
        timecode=record.timecode,
        source=path,
        lead_s=lead_s,
        clock_from=path or whole,
        audio_from=audio_from,
        gaps=tuple(
            (first - record.first_frame_number, last - record.first_frame_number)
            for first, last in record.unreadable
        ),
        first_field=first_field,
    )


def _lead_of(container: InputContainer, stream: VideoStream) -> Fraction:
    """Return the seconds between a file's beginning, which may be sound, and its first picture."""
    if stream.start_time is None or container.start_time is None or not stream.time_base:
        return Fraction(0)
    began = Fraction(container.start_time, 1_000_000)
    lead_s = stream.start_time * stream.time_base - began
    # The container's beginning is rounded to microseconds.
    return lead_s if lead_s > stream.time_base else Fraction(0)


def _whole_stream(manifest: Manifest, people: tuple[PersonStream, ...]) -> Path | None:
    """Return a film of somebody from the clip's first frame to its last, if there is one."""
    if FORMATS[manifest.format].is_folder:
        return None
    whole = [p for p in people if (p.first, p.last) == (0, manifest.source.frame_count - 1)]
    return whole[0].path if whole else None


def _time_base(manifest: Manifest, info: ClipInfo | None, whole: Path | None) -> Fraction:
    """Return the seconds of a tick of the clip's times."""
    if info is None and whole is not None and manifest.source.is_variable_rate:
        with open_source(str(whole)) as stream:
            info = stream.info
    return info.time_base if info else 1 / Fraction(manifest.source.frame_rate)


def _refuse_impossible(
    manifest: Manifest, clip: Clip, people: tuple[PersonStream, ...], options: ComposeOptions
) -> None:
    """Refuse an empty sheet, what needs a source that is missing, and pictures without times."""
    if options.is_sheet and not people:
        raise OptionError("a sheet needs at least one person")
    kind = options.background.kind
    spec = FORMATS[manifest.format]
    needs = {
        f"background {kind}": kind in ("source", "blur"),
        f"streams of format {spec.name}, which hold no colour": not spec.has_color,
        "a clip of variable frame rate": clip.is_variable_rate and clip.clock_from is None,
    }
    if clip.source is None:
        for what, is_needed in needs.items():
            if is_needed and manifest.source.is_captured:
                raise OptionError(f"{what}: what was recorded live has no source")
            if is_needed:
                raise OptionError(
                    f"{what}: the source ({manifest.source.path}) is needed and is not to be "
                    "found unchanged; --source FILE says where it is"
                )
    if clip.is_variable_rate and spec.is_folder:
        raise OptionError(
            "pictures have no times, and the clip's frame rate varies: "
            "render the streams again as prores4444"
        )
