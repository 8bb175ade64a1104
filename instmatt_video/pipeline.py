"""`matte_video`: a clip in, one alpha stream a person out; the whole flow on one screen.

analyse   source → detector → tracker → matter → alpha store     (once: the networks)
stitch    tracklets of the whole clip → identities
render    alpha store + source → verified streams, manifest, report
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from . import __version__
from .alpha_store import FOLDER_NAME, AlphaStore
from .analysis import analyse
from .clip_folder import make_room, refuse_earlier, refuse_source_inside
from .config import MatteConfig
from .detection.detector import Detector
from .entrances import fill_entrances
from .errors import AlphaWriteError
from .folder_lock import changing_alone, rendering_alone
from .gap_filling import fill_gaps
from .identities import cast_of
from .manifest import FILE_NAME as MANIFEST_FILE
from .manifest import Manifest, StitchRecord, load_manifest
from .mask_steadying import MaskSteadier
from .matter import Matter
from .media.formats import check_format
from .media.source import FrameSource, open_source
from .networks import NetworkProvider, Networks, load_networks
from .online import stream_online
from .online_streams import OnlineStreams
from .people_finder import PeopleFinder
from .progress import Report, ignore
from .publication import describe_run, publish, stitch_record, write_people
from .render import check_output
from .review.correction import Correction
from .review.corrections import corrected_cast, output_after
from .stages import StageClock
from .stream_ledger import sha256_of
from .tracks_file import FILE_NAME as TRACKS_FILE

logger = logging.getLogger(__name__)


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
        OptionError: Choices that cannot be, or an output that is there already, or is being
            rendered.
        DeviceError: The device is not here.
        WeightsError: Weights are missing or damaged.
        AlphaWriteError: The disk is full, or a stream fails its verification.
    """
    config, report = config or MatteConfig(), progress or ignore
    started, clock = time.monotonic(), StageClock()
    check_format(config.output.format, quality=config.output.quality)
    with open_source(source, frame_rate=config.frame_rate) as clip, ExitStack() as held:
        folder = Path(out_dir) / clip.info.name
        refuse_source_inside(folder, source)
        refuse_earlier(folder, config)
        check_output(config.output, clip.info)
        provide = provide_networks or partial(load_networks, detector=detector, matter=matter)
        networks = provide(config, clip.info)
        logger.info("%s", networks.reason)
        held.enter_context(rendering_alone(folder))
        make_room(folder, config)

        finder = PeopleFinder(networks.detector, config.detection.detect_every)
        steadier = MaskSteadier.of(networks.detector, config.detection.steady_frames)
        checksum = sha256_of(Path(source))
        origin = checksum or str(source)
        sound = Path(source) if clip.info.has_audio and config.output.has_audio else None
        store = AlphaStore(folder / FOLDER_NAME, fingerprint_of(clip, origin, config, networks))
        stitching: StitchRecord | None = None
        corrections: tuple[Correction, ...] = ()
        is_going_on = False
        duration_s = None
        if config.run.is_online:
            tracks_file = folder / TRACKS_FILE
            streams = OnlineStreams(clip.info, config.output, folder, clock, sound, tracks_file)
            online = stream_online(clip, finder, steadier, networks.matter, streams, clock, report)
            cast, plans, rendered = online.cast, list(online.plans), online.rendered
            frame_count, duration_s = online.frame_count, online.duration_s
        else:
            is_going_on = config.run.is_resumed and store.resume()
            if not is_going_on:
                store.create()
            if not store.is_complete:
                analyse(
                    clip,
                    finder,
                    steadier,
                    networks.matter,
                    store,
                    clock,
                    config.run.chunk_frames,
                    report,
                )
            else:
                for record in store.records():
                    finder.replay(record)
            frame_count = store.frame_count
            if not frame_count:
                raise AlphaWriteError(f"{clip.info.name} has no frame that could be read")

            believed = finder.tracker.finish()
            found = cast_of(store.records(), believed)
            for fill in (fill_gaps, fill_entrances):
                if fill(clip, store, found, networks.matter):
                    found = cast_of(store.records(), believed)
            stitching = stitch_record(found)
            if is_going_on:
                corrections = _earlier_corrections(folder)
            first = clip.info.first_frame_number
            cast = corrected_cast(found, corrections, range(first, first + frame_count))
            output = output_after(config.output, found, corrections)
            plans, rendered = write_people(clip, store, cast, output, folder, clock, report, sound)

        manifest = describe_run(
            clip,
            source,
            checksum,
            config,
            networks,
            frame_count,
            store.size_bytes,
            cast.cuts,
            clock,
            time.monotonic() - started,
            stitching,
            corrections,
            duration_s,
        )
        with changing_alone(store.folder) if is_going_on else nullcontext():
            if is_going_on:  # corrections that came in the meantime stay, to be rendered next
                manifest = manifest.model_copy(update={"corrections": _earlier_corrections(folder)})
            manifest = publish(folder, manifest, cast, plans, rendered, config.output)
        if config.run.is_cleaned:
            store.remove()
    return manifest


def _earlier_corrections(folder: Path) -> tuple[Correction, ...]:
    """Return what people have corrected since an earlier run, which goes on."""
    return load_manifest(folder).corrections if (folder / MANIFEST_FILE).is_file() else ()


def fingerprint_of(
    clip: FrameSource, origin: str, config: MatteConfig, networks: Networks
) -> dict[str, Any]:
    """Return what the records of a store depend on; a run resumes only what has the same."""
    matting = asdict(config.matting)
    return {
        "version of this program": __version__,
        "source": origin,
        "source (its pictures)": clip.checksum,
        "size": [clip.info.width, clip.info.height],
        "frame rate": str(clip.info.frame_rate),
        "detector": networks.detector.name,
        **{f"set of weights ({w.name})": w.sha256 for w in networks.weights},
        "interval of detection": config.detection.detect_every,
        "reach of steadied masks": config.detection.steady_frames,
        **{f"setting of matting ({key})": value for key, value in matting.items()},
    }
