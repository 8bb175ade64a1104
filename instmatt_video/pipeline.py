"""`matte_video`: a clip in, one alpha stream a person out; the whole flow on one screen.

analyse   source → detector → tracker → matter → alpha store     (once: the networks)
stitch    tracklets of the whole clip → identities
render    alpha store + source → verified streams, manifest, report
"""

from __future__ import annotations

import logging
import shutil
import time
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from . import __version__
from .alpha_store import FOLDER_NAME, AlphaStore
from .analysis import analyse
from .config import MatteConfig
from .detection.detector import Detector
from .errors import AlphaWriteError, OptionError
from .identities import Cast, cast_of
from .manifest import FILE_NAME as MANIFEST_FILE
from .manifest import (
    Manifest,
    SourceRecord,
    StageRecord,
    TrackRecord,
    load_manifest,
)
from .matter import Matter
from .media.formats import FORMATS, check_format
from .media.source import FrameSource, open_source
from .networks import NetworkProvider, Networks, load_networks
from .online import stream_online
from .online_streams import OnlineStreams
from .people_finder import PeopleFinder
from .progress import Report, ignore
from .render import PREVIEW_FILE, RenderResult, check_output, plan_streams, render
from .report import render_report
from .settings import plain_settings
from .stages import StageClock
from .stream_ledger import sha256_of
from .stream_writers import StreamPlan
from .tracks_file import write_tracks
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
    provide_networks: NetworkProvider | None = None,
) -> Manifest:
    """Write one alpha stream for each person of a clip to `out_dir/<clip>/`.

    Args:
        source: A video file, a folder of frames, a pattern, or `-` for standard input.
        out_dir: Folder that gets a folder named after the clip.
        config: Every choice; defaults unless given.
        progress: Told of every frame.
        detector: A detector of one's own instead of the config's.
        matter: A matter of one's own instead of the config's.
        provide_networks: Where both come from, unless from the config's weights.

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
        refuse_earlier(folder, config)
        check_output(config.output, clip.info)
        provide = provide_networks or partial(load_networks, detector=detector, matter=matter)
        networks = provide(config, clip.info)
        logger.info("%s", networks.reason)
        make_room(folder, config)

        finder = PeopleFinder(networks.detector, config.detection.detect_every)
        checksum = sha256_of(Path(source))
        origin = checksum or str(source)
        sound = Path(source) if clip.info.has_audio and config.output.has_audio else None
        store = AlphaStore(folder / FOLDER_NAME, fingerprint_of(clip, origin, config, networks))
        if config.run.is_online:
            tracks_file = folder / TRACKS_FILE
            streams = OnlineStreams(clip.info, config.output, folder, clock, sound, tracks_file)
            online = stream_online(clip, finder, networks.matter, streams, clock, report)
            cast, plans, rendered = online.cast, list(online.plans), online.rendered
            frame_count = online.frame_count
        else:
            if not (config.run.is_resumed and store.resume()):
                store.create()
            if not store.is_complete:
                analyse(
                    clip, finder, networks.matter, store, clock, config.run.chunk_frames, report
                )
            else:
                for record in store.records():
                    finder.replay(record)
            frame_count = store.frame_count
            if not frame_count:
                raise AlphaWriteError(f"{clip.info.name} has no frame that could be read")

            cast = cast_of(store.records(), finder.tracker.finish())
            plans = plan_streams(cast, clip.info, frame_count, config.output)
            rendered = render(
                clip, store, cast, plans, config.output, folder, clock, report, audio_from=sound
            )
            write_tracks(folder / TRACKS_FILE, store.records(), cast)

        manifest = _describe(
            clip,
            source,
            checksum,
            config,
            networks,
            frame_count,
            store.size_bytes,
            cast,
            plans,
            rendered,
            clock,
        )
        manifest = manifest.model_copy(update={"wall_s": round(time.monotonic() - started, 3)})
        _write_report(folder, manifest, config, clip)
        manifest.save(folder)
        if config.run.is_cleaned:
            store.remove()
    return manifest


def refuse_earlier(folder: Path, config: MatteConfig) -> None:
    """Raise where an earlier output of the clip is neither to be gone on with nor replaced."""
    is_wanted = config.run.is_resumed or config.run.is_overwriting
    if not is_wanted and folder.is_dir() and any(folder.iterdir()):
        raise OptionError(
            f"{folder} is there already: --resume goes on with it, --overwrite replaces it"
        )


def make_room(folder: Path, config: MatteConfig) -> None:
    """Remove an earlier output that is to be replaced; make the folder.

    Called when nothing else can refuse the run: an earlier output is not lost to a typing error.
    """
    try:
        if config.run.is_overwriting and folder.is_dir():
            _remove_earlier(folder)
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


def fingerprint_of(
    clip: FrameSource, origin: str, config: MatteConfig, networks: Networks
) -> dict[str, Any]:
    """Return what the records of a store depend on; a run resumes only what has the same."""
    matting = asdict(config.matting)
    return {
        "version of this program": __version__,
        "source": origin,
        "size": [clip.info.width, clip.info.height],
        "detector": networks.detector.name,
        **{f"set of weights ({w.name})": w.sha256 for w in networks.weights},
        "interval of detection": config.detection.detect_every,
        **{f"setting of matting ({key})": value for key, value in matting.items()},
    }


def _describe(
    clip: FrameSource,
    source: str | Path,
    checksum: str | None,
    config: MatteConfig,
    networks: Networks,
    frame_count: int,
    store_bytes: int,
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
            frame_count=frame_count,
            duration_s=float(info.duration_s or frame_count / info.frame_rate),
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
        settings=plain_settings(config),
        detector=networks.detector.name,
        detector_reason=networks.reason,
        weights=networks.weights,
        device=str(networks.matter.device),
        precision=str(networks.matter.precision).removeprefix("torch."),
        format=config.output.format,
        audio=audio,
        stages=tuple(
            StageRecord(name=name, busy_s=round(busy, 3), frames=clock.items[name])
            for name, busy in clock.busy_s.items()
        ),
        wall_s=0.0,
        alpha_store_bytes=store_bytes,
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
