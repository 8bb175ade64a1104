"""`matte_video`: a clip in, one alpha stream a person out.

analyse   source → detector → tracker → matter → alpha store     (once: the networks)
stitch    tracklets of the whole clip → identities
render    alpha store + source → verified streams, manifest, report
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from .alpha_store import FOLDER_NAME, AlphaStore
from .analysis import analyse
from .checksums import sha256_of
from .clip_folder import check_folder, make_room, remove_leftovers
from .config import MatteConfig, OutputConfig
from .correction import Correction
from .detection.detector import Detector
from .errors import AlphaWriteError, FrameDecodeError, OptionError
from .fingerprint import fingerprint_of
from .folder_lock import changing_alone, rendering_alone
from .manifest import FILE_NAME as MANIFEST_FILE
from .manifest import Manifest, load_manifest
from .matting.frame_matter import FrameMatter
from .media.formats import check_format
from .media.frame_source import FrameSource
from .media.source import is_stream, open_source
from .networks import NetworkProvider, load_networks
from .online import stream_online
from .people.brief_people import tell_of_brief_people, tell_of_nobody
from .people.entrances import fill_entrances
from .people.finder import PeopleFinder, PersonTracker
from .people.gap_filling import fill_gaps
from .people.identities import Cast
from .people.mask_steadying import MaskSteadier
from .people.returned_pixels import return_pixels
from .progress import Report, ignore
from .rendering.online_streams import OnlineStreams
from .rendering.publication import describe_run, publish, write_people
from .rendering.report import FILE_NAME as REPORT_FILE
from .rendering.run_result import RunResult
from .rendering.stream_keys import stream_keys
from .rendering.stream_plans import check_names, check_output
from .rendering.tracks_file import FILE_NAME as TRACKS_FILE
from .review.corrections import corrected_cast, corrections_of, output_after
from .settings import refuse_undecodable_settings
from .stages import StageClock

logger = logging.getLogger(__name__)


def matte_video(
    source: str | Path,
    out_dir: str | Path,
    config: MatteConfig | None = None,
    progress: Report | None = None,
    *,
    detector: Detector | None = None,
    tracker: PersonTracker | None = None,
    matter: FrameMatter | None = None,
    provide_networks: NetworkProvider | None = None,
) -> Manifest:
    """Write one alpha stream for each person of a clip to `out_dir/<clip>/`.

    Args:
        source: A video file, a folder of frames, a pattern, or `-` for standard input.
        out_dir: Folder that gets a folder named after the clip.
        config: Every choice; defaults unless given.
        progress: Told of every frame.
        detector: A detector of one's own instead of the config's.
        tracker: A tracker of one's own, fresh, instead of ours.
        matter: A matter of one's own instead of the config's.
        provide_networks: Where both come from, unless from the config's weights or the caller.

    Returns:
        What was made, as it stands in `manifest.json`.

    Raises:
        VideoOpenError: There is nothing to read, or it changes meanwhile.
        FrameDecodeError: The clip breaks off; everything is written of what comes before.
        OptionError: Choices that cannot be, or an output that is there already, or is being
            rendered.
        DeviceError: The device is not here.
        WeightsError: Weights are missing or damaged.
        AlphaWriteError: The disk is full, or a stream fails its verification.
        ValueError: There are two places for a detector or a matter to come from.
    """
    if provide_networks is not None and (detector is not None or matter is not None):
        raise ValueError("provide_networks provides detector and matter, too: leave these out")
    config, report = config or MatteConfig(), progress or ignore
    started, clock = time.monotonic(), StageClock()
    check_format(config.output.format, quality=config.output.quality)
    refuse_undecodable_settings(config)
    if is_stream(str(source)) and not config.run.is_online:
        raise OptionError(f"{source} can be read only once: add --online")
    with open_source(source, frame_rate=config.frame_rate) as clip, ExitStack() as held:
        folder = Path(out_dir) / clip.info.name
        check_folder(folder, source, config)
        check_output(config.output, clip.info)
        provide = provide_networks or partial(load_networks, detector=detector, matter=matter)
        networks = provide(config, clip.info)
        logger.info("%s", networks.reason)
        finder = PeopleFinder(
            networks.detector, config.detection.detect_every, tracker, networks.person_names
        )
        check_names(finder.names.values(), clip.info, config.output)
        held.enter_context(rendering_alone(folder))
        told = make_room(folder, config)
        earlier = load_manifest(folder) if (folder / MANIFEST_FILE).is_file() else None

        checksum = sha256_of(Path(source))
        fingerprint = fingerprint_of(
            clip, checksum or str(source), config, networks, tracker, matter
        )
        run = _Run(
            clip,
            folder,
            config.output,
            finder,
            MaskSteadier.of(networks.detector, config.detection.steady_frames),
            networks.matter,
            AlphaStore(folder / FOLDER_NAME, fingerprint),
            Path(source) if clip.info.has_audio and config.output.has_audio else None,
            clock,
            report,
        )
        if config.run.is_online:
            numbers = networks.person_numbers if tracker is None else {}
            result = _write_online(run, numbers)
        else:
            _take_up_alphas(run, earlier)
            result = _write_whole(run, config.run.chunk_frames)
        result = _warned(result, networks.detector)
        result = replace(result, warnings=(*told, *result.warnings))

        wall_s = time.monotonic() - started
        manifest = describe_run(clip, source, checksum, config, networks, result, clock, wall_s)
        manifest = _publish(run, manifest, result)
        if config.run.is_resumed:
            wanted = [*stream_keys(result.plans, result.cast, config.output, run.store)]
            wanted += [REPORT_FILE] if config.output.has_report else []
            remove_leftovers(folder, earlier, wanted)
        if config.run.is_cleaned:
            run.store.remove()
    if result.breaks_off is not None:
        raise FrameDecodeError(
            f"{result.breaks_off}; the {result.frame_count} frames before are finished in {folder}"
        )
    return manifest


@dataclass(frozen=True)
class _Run:
    """A run under way: a clip that is open, its folder, which is held, and who work on it."""

    clip: FrameSource
    folder: Path
    output: OutputConfig
    finder: PeopleFinder
    steadier: MaskSteadier
    matter: FrameMatter
    store: AlphaStore
    sound: Path | None
    """Where the streams' sound comes from, if they have any."""
    clock: StageClock
    report: Report


def _write_online(run: _Run, numbers: Mapping[int, int]) -> RunResult:
    """Write the streams while the clip is read; `numbers` are known beforehand, by tracklet."""
    streams = OnlineStreams(
        run.clip.info,
        run.output,
        run.folder,
        run.clock,
        run.sound,
        run.folder / TRACKS_FILE,
        run.finder.names,
        numbers,
    )
    return stream_online(
        run.clip, run.finder, run.steadier, run.matter, streams, run.clock, run.report
    )


def _take_up_alphas(run: _Run, earlier: Manifest | None) -> None:
    """Go on with what an earlier run has stored, or begin anew.

    Raises:
        OptionError: The stored alphas, or those that people have corrected, are of another run.
    """
    if run.store.resume(run.steadier.reach):
        return
    if earlier is not None and earlier.corrections:
        run.store.refuse_other(earlier.fingerprint, f"{run.folder}, corrected by hand,")
    run.store.create()


def _write_whole(run: _Run, chunk_frames: int) -> RunResult:
    """Analyse the clip as far as the store lacks it, say who is who, and write the streams."""
    clip, finder, store = run.clip, run.finder, run.store
    if store.is_complete:
        for record in store.records():
            finder.replay(record)
    else:
        analyse(clip, finder, run.steadier, run.matter, store, run.clock, chunk_frames, run.report)
    found = _find_identities(clip, finder, store, run.matter)
    corrections = _earlier_corrections(run.folder, found)
    first = clip.info.first_frame_number
    cast = corrected_cast(found, corrections, range(first, first + store.frame_count))
    output = output_after(run.output, found, corrections)
    plans, rendered = write_people(
        clip, store, cast, output, run.folder, run.clock, run.report, run.sound
    )
    *_, last = store.records_between(store.frame_count - 1, store.frame_count)
    return RunResult(
        cast,
        plans,
        rendered,
        store.frame_count,
        last.time - (clip.info.first_time or 0) + 1 / clip.info.frame_rate,
        store.held_frames,
        store.breaks_off,
        store_bytes=store.size_bytes,
        fingerprint=store.fingerprint,
        found=found,
        corrections=corrections,
        warnings=tell_of_brief_people(found, last, first, run.output.has_rest),
    )


def _find_identities(
    clip: FrameSource, finder: PeopleFinder, store: AlphaStore, matter: FrameMatter
) -> Cast:
    """Return who is who in a clip that is wholly analysed; what the gaps lack is matted late."""
    if not store.frame_count:
        raise AlphaWriteError(f"{clip.info.name} has no frame that could be read")
    believed = finder.finish()
    found = finder.cast(store.records(), believed)
    return_pixels(store, found)
    # Whom exact masks do not show is not there.
    fills = () if finder.detector.has_exact_masks else (fill_gaps, fill_entrances)
    for fill in fills:
        if fill(clip, store, found, matter):
            found = finder.cast(store.records(), believed)
    return found


def _warned(result: RunResult, detector: Detector) -> RunResult:
    """Return a result with a word of a clip without people; the log tells all its warnings."""
    if not result.cast.identities and not result.corrections:
        result = replace(result, warnings=(*result.warnings, tell_of_nobody(detector)))
    for line in result.warnings:
        logger.warning("%s", line)
    return result


def _publish(run: _Run, manifest: Manifest, result: RunResult) -> Manifest:
    """Publish a run; corrections that came in the meantime stay, to be rendered next."""
    with ExitStack() as held:
        if result.found is not None:
            held.enter_context(changing_alone(run.store.folder))
            corrections = _earlier_corrections(run.folder, result.found)
            manifest = manifest.model_copy(update={"corrections": corrections})
        return publish(run.folder, manifest, result.cast, result.plans, result.rendered, run.output)


def _earlier_corrections(folder: Path, found: Cast) -> tuple[Correction, ...]:
    """Return what people have corrected since an earlier run, by today's numbers."""
    if not (folder / MANIFEST_FILE).is_file():
        return ()
    earlier = load_manifest(folder)
    people = () if earlier.stitching is None else earlier.stitching.people
    return corrections_of(found, earlier.corrections, people)
