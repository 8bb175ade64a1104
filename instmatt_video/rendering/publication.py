"""From a cast to files: everybody's streams, and what tells of them (manifest, report, tracks).

Runs no network: a clip just analysed and one corrected by hand go through the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..alpha_store import AlphaStore
from ..config import MatteConfig, OutputConfig
from ..manifest import Manifest, SourceRecord, StageRecord, StitchRecord, TrackRecord
from ..media.formats import FORMATS
from ..media.frame import ClipInfo
from ..media.frame_source import FrameSource
from ..media.source import is_stream
from ..people.identities import Cast, stretches
from ..progress import Report
from ..settings import plain_settings
from ..stages import StageClock
from ..whole_file import write_whole
from .render import RenderResult, render
from .report import FILE_NAME as REPORT_FILE
from .report import render_report
from .run_result import RunResult
from .stream_plans import PREVIEW_FILE, StreamPlan, plan_streams
from .tracks_file import FILE_NAME as TRACKS_FILE
from .tracks_file import write_tracks

if TYPE_CHECKING:
    from ..networks import Networks


def write_people(
    clip: FrameSource,
    store: AlphaStore,
    cast: Cast,
    config: OutputConfig,
    folder: Path,
    clock: StageClock,
    report: Report,
    sound: Path | None,
) -> tuple[list[StreamPlan], RenderResult]:
    """Write every stream of a cast that is not there yet, the preview and `tracks.txt`.

    Args:
        clip: The source.
        store: Its complete records.
        cast: Who is who.
        config: Format, names, and who gets a stream.
        folder: The clip's output folder.
        clock: Counts the stages' work.
        report: Told of every frame.
        sound: File whose sound is copied into colour streams.

    Raises:
        OptionError: Names that collide, or a format that cannot be.
        AlphaWriteError: As `render`.
    """
    plans = plan_streams(cast, clip.info, store.frame_count, config)
    rendered = render(clip, store, cast, plans, config, folder, clock, report, audio_from=sound)
    write_tracks(folder / TRACKS_FILE, store.records(), cast)
    return plans, rendered


def publish(
    folder: Path,
    manifest: Manifest,
    cast: Cast,
    plans: Sequence[StreamPlan],
    rendered: RenderResult,
    config: OutputConfig,
) -> Manifest:
    """Write `report.html` and `manifest.json`, and return the manifest with all streams in it.

    Args:
        folder: The clip's output folder.
        manifest: The run; whom it names as tracks is replaced.
        cast: Who is who.
        plans: Their streams.
        rendered: What came of writing them.
        config: What was asked for.
    """
    first_number = manifest.source.first_frame_number
    tracks = people_records(cast, first_number, plans, rendered)
    # What was said of a stream goes with it.
    gone = manifest.streams.keys() - {plan.file for plan in plans} | set(rendered.written)
    said_of_gone = tuple(f"{file}: " for file in gone)
    kept = [text for text in manifest.warnings if not text.startswith(said_of_gone)]
    warnings = tuple(dict.fromkeys((*kept, *rendered.warnings)))
    rest_file = next((plan.file for plan in plans if plan.is_rest), None)
    update = {
        "tracks": tracks,
        "rest_file": rest_file,
        "rest_sha256": rendered.checksums.get(rest_file or ""),
        "warnings": warnings,
    }
    manifest = manifest.model_copy(update=update)
    if config.has_report:
        preview = PREVIEW_FILE if config.has_preview else None
        page = render_report(manifest, preview_file=preview)
        write_whole(folder / REPORT_FILE, page)
    manifest.save(folder)
    return manifest


def people_records(
    cast: Cast, first_number: int, plans: Sequence[StreamPlan], rendered: RenderResult
) -> tuple[TrackRecord, ...]:
    """Return everybody as the manifest tells of them.

    Args:
        cast: Who is who.
        first_number: The source's number of the clip's first frame.
        plans: Streams; empty gives everybody none.
        rendered: Checksums and pictures.
    """
    files = {plan.track_id: plan.file for plan in plans}
    return tuple(
        TrackRecord(
            id=identity.track_id,
            name=identity.name,
            file=files.get(identity.track_id),
            first_frame=int(identity.visible[0]) + first_number,
            last_frame=int(identity.visible[-1]) + first_number,
            frames_visible=len(identity.visible),
            spans=tuple((a + first_number, b + first_number) for a, b in identity.spans),
            mean_score=round(identity.mean_score, 4),
            thumbnail=rendered.thumbnails.get(identity.track_id, ""),
            sha256=rendered.checksums.get(files.get(identity.track_id, "")),
        )
        for identity in cast.identities
    )


def describe_run(
    clip: FrameSource,
    source: str | Path,
    checksum: str | None,
    config: MatteConfig,
    networks: Networks,
    result: RunResult,
    clock: StageClock,
    wall_s: float,
) -> Manifest:
    """Return a run's manifest, without its people.

    Args:
        clip: The source.
        source: Its name as it was given.
        checksum: Its SHA-256, if it is a file.
        config: Every choice.
        networks: What was computed with.
        result: What came of it.
        clock: The stages' work.
        wall_s: Seconds from start to end.
    """
    info = clip.info
    first_number, unreadable = info.first_frame_number, stretches(result.held_frames)
    return Manifest(
        program_version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        source=SourceRecord(
            name=info.name,
            path=str(source),
            sha256=checksum,
            width=info.width,
            height=info.height,
            frame_rate=str(info.frame_rate),
            frame_count=result.frame_count,
            duration_s=float(result.duration_s),
            color_primaries=info.color.primaries,
            color_transfer=info.color.transfer,
            color_matrix=info.color.matrix,
            is_full_range=info.color.is_full_range,
            bit_depth=info.bit_depth,
            rotation_deg=info.rotation_deg,
            timecode=info.timecode,
            has_audio=info.has_audio,
            is_variable_rate=info.is_variable_rate,
            pixel_aspect=str(info.pixel_aspect),
            first_frame_number=first_number,
            absolute_path=None if is_stream(str(source)) else str(Path(source).absolute()),
            pictures_sha256=clip.checksum,
            unreadable=tuple((a + first_number, b + first_number) for a, b in unreadable),
            breaks_off=result.breaks_off,
        ),
        settings=plain_settings(config),
        detector=networks.detector.name,
        detector_reason=networks.reason,
        masks_sha256=networks.masks_sha256,
        weights=networks.weights,
        device=str(networks.matter.device),
        precision=str(networks.matter.precision).removeprefix("torch."),
        format=config.output.format,
        alpha=FORMATS[config.output.format].alpha_in_words,
        audio=_fate_of_sound(info, config.output),
        stages=tuple(
            StageRecord(name=name, busy_s=round(busy, 3), frames=clock.items[name])
            for name, busy in clock.busy_s.items()
        ),
        wall_s=round(wall_s, 3),
        alpha_store_bytes=result.store_bytes,
        warnings=(
            *clip.warnings,
            *result.warnings,
            *([result.breaks_off] if result.breaks_off else []),
        ),
        cuts=tuple(cut + first_number for cut in result.cast.cuts),
        tracks=(),
        stitching=None if result.found is None else _stitch_record(result.found),
        fingerprint=result.fingerprint,
        corrections=result.corrections,
        rendered_corrections=result.corrections,
    )


def _fate_of_sound(info: ClipInfo, config: OutputConfig) -> str:
    spec = FORMATS[config.format]
    if not info.has_audio:
        return "the clip has none that can be carried along"
    if not config.has_audio:
        return "left out, as asked"
    return "copied" if spec.has_audio else f"left out: {spec.name} holds no sound"


def _stitch_record(found: Cast) -> StitchRecord:
    """Return who was joined to whom, and their names, for a manifest; the cast is uncorrected."""
    return StitchRecord(
        people=tuple(tuple(sorted(identity.tracklet_ids)) for identity in found.identities),
        others=tuple(sorted(found.rest(identity.track_id for identity in found.identities))),
        names=tuple(identity.name for identity in found.identities),
    )
