"""`matte_video`: a clip in, one alpha stream a person out; the whole flow on one screen.

analyse   source → detector → tracker → matter → alpha store     (once: the networks)
stitch    tracklets of the whole clip → identities
render    alpha store + source → verified streams, manifest, report
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import __version__
from .alpha_store import FOLDER_NAME, AlphaStore
from .analysis import analyse
from .config import MatteConfig
from .detection.detector import Detector, create_detector
from .device import choose_device
from .errors import AlphaWriteError, OptionError
from .identities import Cast, cast_of
from .manifest import FILE_NAME as MANIFEST_FILE
from .manifest import (
    Manifest,
    SourceRecord,
    StageRecord,
    TrackRecord,
    WeightsRecord,
    load_manifest,
)
from .matter import Matter
from .media.formats import FORMATS, check_format
from .media.source import FrameSource, open_source
from .people_finder import PeopleFinder
from .progress import Report, ignore
from .render import PREVIEW_FILE, RenderResult, plan_streams, render
from .report import render_report
from .stages import StageClock
from .stream_ledger import sha256_of
from .stream_writers import StreamPlan
from .tracks_file import write_tracks
from .weights.loading import resolve_weights
from .weights.registry import ENTRIES
from .whole_file import write_whole

logger = logging.getLogger(__name__)

TRACKS_FILE = "tracks.txt"
REPORT_FILE = "report.html"


def matte_video(
    source: str | Path,
    out_dir: str | Path,
    config: MatteConfig | None = None,
    progress: Report | None = None,
    *,
    detector: Detector | None = None,
    matter: Matter | None = None,
) -> Manifest:
    """Write one alpha stream for each person of a clip to `out_dir/<clip>/`.

    Args:
        source: A video file, a folder of frames, a pattern, or `-` for standard input.
        out_dir: Folder that gets a folder named after the clip.
        config: Every choice; defaults unless given.
        progress: Told of every frame.
        detector: A detector of one's own instead of the config's.
        matter: A matter of one's own instead of the config's.

    Returns:
        What was made, as it stands in `manifest.json`.

    Raises:
        VideoOpenError: There is nothing to read.
        FrameDecodeError: The clip breaks off; what was analysed is kept.
        OptionError: Choices that cannot be, or an output that is there already.
        DeviceError: The device is not here.
        WeightsError: Weights are missing or damaged.
        AlphaWriteError: The disk is full, or a stream fails its verification.
    """
    config, report = config or MatteConfig(), progress or ignore
    started, clock = time.monotonic(), StageClock()
    check_format(config.output.format, quality=config.output.quality)
    with open_source(source, frame_rate=config.frame_rate) as clip:
        folder = Path(out_dir) / clip.info.name
        _make_room(folder, config)
        check_format(config.output.format, clip.info, quality=config.output.quality)
        device = choose_device(config.matting.device)
        weights: list[str] = []
        reason = "A detector was handed in."
        if detector is None:
            shape = (clip.info.height, clip.info.width)
            choice = create_detector(config.detection.detector, device, shape)
            detector, reason = choice.detector, choice.reason
            weights += [detector.name] if detector.name in ENTRIES else []
        if matter is None:
            matter = Matter.from_config(config.matting)
            weights.append(config.matting.model)
        logger.info("%s", reason)
        networks = tuple(
            WeightsRecord(name=n, sha256=sha256_of(resolve_weights(n))) for n in weights
        )

        finder = PeopleFinder(detector, config.detection.detect_every)
        checksum = sha256_of(Path(source))
        origin = checksum or str(source)
        fingerprint = _fingerprint(clip, origin, config, detector, networks)
        store = AlphaStore(folder / FOLDER_NAME, fingerprint)
        if not (config.run.is_resumed and store.resume()):
            store.create()
        if not store.is_complete:
            analyse(clip, finder, matter, store, clock, config.run.chunk_frames, report)
        else:
            for record in store.records():
                finder.replay(record)
        if not store.frame_count:
            raise AlphaWriteError(f"{clip.info.name} has no frame that could be read")

        cast = cast_of(store.records(), finder.tracker.confirmed_ids)
        plans = plan_streams(cast, clip.info, store.frame_count, config.output)
        sound = Path(source) if clip.info.has_audio and config.output.has_audio else None
        rendered = render(
            clip, store, cast, plans, config.output, folder, clock, report, audio_from=sound
        )

        manifest = _describe(
            clip,
            source,
            checksum,
            config,
            (detector.name, reason),
            networks,
            matter,
            store,
            cast,
            plans,
            rendered,
            clock,
        )
        manifest = manifest.model_copy(update={"wall_s": round(time.monotonic() - started, 3)})
        write_tracks(folder / TRACKS_FILE, store.records(), cast)
        _write_report(folder, manifest, config, clip)
        manifest.save(folder)
        if config.run.is_cleaned:
            store.remove()
    return manifest


def _make_room(folder: Path, config: MatteConfig) -> None:
    """Refuse, keep or remove an earlier output of the clip; make the folder."""
    try:
        if config.run.is_overwriting and folder.is_dir():
            _remove_earlier(folder)
        elif folder.is_dir() and any(folder.iterdir()) and not config.run.is_resumed:
            raise OptionError(
                f"{folder} is there already: --resume goes on with it, --overwrite replaces it"
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AlphaWriteError(f"{folder} cannot be written: {error.strerror}") from error


def _remove_earlier(folder: Path) -> None:
    """Remove what an earlier run made, and nothing that somebody else put there."""
    ours = [folder / name for name in (TRACKS_FILE, REPORT_FILE, PREVIEW_FILE)]
    if (folder / MANIFEST_FILE).is_file():
        ours += [folder / track.file for track in load_manifest(folder).tracks if track.file]
    ours += [*folder.glob(".*.partial"), *folder.glob("person_*"), *folder.glob("rest*")]
    ours += [folder / FOLDER_NAME, folder / MANIFEST_FILE]
    for path in ours:
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists() and folder in path.parents:
            path.unlink()


def _fingerprint(
    clip: FrameSource,
    origin: str,
    config: MatteConfig,
    detector: Detector,
    networks: tuple[WeightsRecord, ...],
) -> dict[str, Any]:
    """Return what the records of a store depend on; a run resumes only what has the same."""
    matting = asdict(config.matting)
    return {
        "version of this program": __version__,
        "source": origin,
        "size": [clip.info.width, clip.info.height],
        "detector": detector.name,
        **{f"set of weights ({network.name})": network.sha256 for network in networks},
        "interval of detection": config.detection.detect_every,
        **{f"setting of matting ({key})": value for key, value in matting.items()},
    }


def _describe(
    clip: FrameSource,
    source: str | Path,
    checksum: str | None,
    config: MatteConfig,
    detector: tuple[str, str],
    networks: tuple[WeightsRecord, ...],
    matter: Matter,
    store: AlphaStore,
    cast: Cast,
    plans: list[StreamPlan],
    rendered: RenderResult,
    clock: StageClock,
) -> Manifest:
    info, first_number = clip.info, clip.info.first_frame_number
    files = {plan.track_id: plan.file for plan in plans}
    spec = FORMATS[config.output.format]
    if not info.has_audio:
        audio = "the clip has none"
    elif not config.output.has_audio:
        audio = "left out, as asked"
    else:
        audio = "copied" if spec.has_audio else f"left out: {spec.name} holds no sound"
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
            frame_count=store.frame_count,
            duration_s=float(info.duration_s or store.frame_count / info.frame_rate),
            color_primaries=info.color.primaries,
            color_transfer=info.color.transfer,
            color_matrix=info.color.matrix,
            is_full_range=info.color.is_full_range,
            bit_depth=info.bit_depth,
            rotation_deg=info.rotation_deg,
            timecode=info.timecode,
            has_audio=info.has_audio,
            is_variable_rate=info.is_variable_rate,
        ),
        settings=json.loads(json.dumps(asdict(config), default=str)),
        detector=detector[0],
        detector_reason=detector[1],
        weights=networks,
        device=str(matter.device),
        precision=str(matter.precision).removeprefix("torch."),
        format=config.output.format,
        audio=audio,
        stages=tuple(
            StageRecord(name=name, busy_s=round(busy, 3), frames=clock.items[name])
            for name, busy in clock.busy_s.items()
        ),
        wall_s=0.0,
        alpha_store_bytes=store.size_bytes,
        warnings=(*clip.warnings, *rendered.warnings),
        cuts=tuple(cut + first_number for cut in cast.cuts),
        tracks=tuple(
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
        ),
    )


def _write_report(folder: Path, manifest: Manifest, config: MatteConfig, clip: FrameSource) -> None:
    if not config.output.has_report:
        return
    preview = PREVIEW_FILE if config.output.has_preview else None
    page = render_report(manifest, first_frame=clip.info.first_frame_number, preview_file=preview)
    write_whole(folder / REPORT_FILE, page)
