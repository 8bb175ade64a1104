"""Alpha store and source to files, one writer thread for each stream.

Runs no network: identities may be corrected and formats changed, and only this is done again.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from ..alpha_store import FOLDER_NAME as STORE_FOLDER
from ..alpha_store import AlphaStore
from ..config import OutputConfig
from ..errors import AlphaWriteError, OptionError
from ..frame_record import FrameRecord
from ..manifest import FILE_NAME as MANIFEST_FILE
from ..manifest import load_manifest
from ..matting.foreground import require_pymatting
from ..media.alpha_stream import AlphaStream
from ..media.file_name import name_key, render_filenames
from ..media.formats import FORMATS, check_extension, check_format, open_alpha_stream
from ..media.frame import ClipInfo, Frame
from ..media.frame_source import FrameSource
from ..media.timecode import shift_timecode
from ..people.identities import Cast, Identity, default_name
from ..progress import Progress, Report
from ..stages import Cancelled, Stage, StageClock, run_stages
from .alpha_steadying import AlphaSteadier
from .preview import thumbnail
from .report import FILE_NAME as REPORT_FILE
from .stream_ledger import StreamLedger
from .stream_writers import FrameAlphas, PreviewWriter, StreamPlan, StreamWriter, Worker
from .tracks_file import FILE_NAME as TRACKS_FILE

REST = "rest"
"""Name of the stream of everybody who has none of their own."""
PREVIEW_FILE = "preview.mp4"
_LEDGER = "streams.jsonl"


@dataclass(frozen=True)
class RenderResult:
    """What came of a rendering."""

    checksums: dict[str, str | None]
    """By stream file, as `stream_checksum` counts; `None` where nothing lies."""
    thumbnails: dict[int, str]
    """JPEG as a data URL, by track."""
    warnings: tuple[str, ...]
    """Of all streams, those that were there already, too."""
    written: tuple[str, ...] = ()
    """Files that were not there yet."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Files that only got another name: the old one and the new one."""


def check_output(config: OutputConfig, info: ClipInfo) -> None:
    """Refuse streams that cannot be, whoever will be found in the clip.

    Raises:
        OptionError: Format, quality, file name template or method of colour cannot be.
    """
    spec = check_format(config.format, info, quality=config.quality)
    # How many people there are is not known; what will not do for two is refused. For one first:
    # a name that another output has is told as such.
    people = [(number, default_name(number)) for number in config.only or (1, 2)]
    (file, *_) = _name_files(people[:1], info.name, config).values()
    check_extension(Path(file), spec)
    _name_files(people, info.name, config)
    if config.foreground == "pymatting" and spec.has_color:
        require_pymatting()


def check_names(names: Iterable[str], info: ClipInfo, config: OutputConfig) -> None:
    """Refuse people, named before they are found, whose streams cannot lie beside one another.

    Raises:
        OptionError: Their file names collide or cannot be.
    """
    people = enumerate(names, 1)
    _name_files([p for p in people if not config.only or p[0] in config.only], info.name, config)


def plan_streams(
    cast: Cast, info: ClipInfo, frame_count: int, config: OutputConfig
) -> list[StreamPlan]:
    """Return the streams that a config asks for.

    Raises:
        OptionError: A track number that nobody has, names that collide, or a format that cannot be.
    """
    check_format(config.format, info, quality=config.quality)
    files = stream_files(cast, info.name, config)
    chosen = [i for i in cast.identities if i.track_id in files]
    plans = [_plan(i, files[i.track_id], frame_count, config.is_trimmed) for i in chosen]
    if config.has_rest:
        plans.append(StreamPlan(0, REST, cast.rest(files), files[0], 0, frame_count - 1))
    return plans


def stream_files(cast: Cast, clip: str, config: OutputConfig) -> dict[int, str]:
    """Return the file of each stream that a config asks for, by track number; 0 is the rest.

    Raises:
        OptionError: A track number that nobody has, or names that collide or cannot be.
    """
    known = {identity.track_id for identity in cast.identities}
    unknown = sorted(set(config.only) - known)
    if unknown and known:
        raise OptionError(
            f"only: there is no track {unknown[0]}; "
            f"the clip has {', '.join(map(str, sorted(known)))}"
        )
    chosen = [i for i in cast.identities if not config.only or i.track_id in config.only]
    return _name_files([(i.track_id, i.name) for i in chosen], clip, config)


def _name_files(
    people: Iterable[tuple[int, str]], clip: str, config: OutputConfig
) -> dict[int, str]:
    extension = FORMATS[config.format].extension
    files = render_filenames(config.filename, clip=clip, tracks=people, ext=extension)
    if config.has_rest:
        files[0] = f"{REST}{extension}"
    _refuse_taken_names(list(files.values()), config)
    return files


def render(
    source: FrameSource,
    store: AlphaStore,
    cast: Cast,
    plans: Sequence[StreamPlan],
    config: OutputConfig,
    folder: Path,
    clock: StageClock,
    report: Report,
    audio_from: Path | None = None,
) -> RenderResult:
    """Write every stream that is not there yet, verified, and the preview.

    Args:
        source: The clip.
        store: Its complete records.
        cast: Who is who.
        plans: Streams to write.
        config: Format and colour.
        folder: The clip's output folder.
        clock: Counts the stages' work.
        report: Told of every frame.
        audio_from: File whose sound is copied into colour streams.

    Raises:
        VideoOpenError: The clip changes meanwhile; nothing that was written gets a name.
        AlphaWriteError: A stream cannot be written, and none gets its name; or one cannot be
            finished or fails its verification, and the others are kept. Or something that no run
            has made lies under a stream's name; nothing is written.
    """
    ledger = stream_ledger(folder)
    keys = stream_keys(plans, cast, config, store)
    _refuse_strangers(keys, ledger, folder)
    taken = [(ledger.take_over(file, key, keys), file) for file, key in keys.items()]
    renamed = tuple((old, file) for old, file in taken if old is not None)
    due_files = [file for file, key in keys.items() if not ledger.has(file, key)]
    due = [plan for plan in plans if plan.file in due_files]
    stop = threading.Event()
    workers: dict[str, Worker] = {}
    portraits = _Portraits(cast)
    try:
        for plan in due:
            start = _start_of(plan, store) if config.is_trimmed else Fraction(0)
            stream = open_stream(plan, source.info, config, folder, audio_from, start)
            workers[plan.file] = Worker(StreamWriter(plan, stream, config, clock), stop)
        if PREVIEW_FILE in due_files:
            preview = PreviewWriter(folder / PREVIEW_FILE, source.info, cast, clock)
            workers[PREVIEW_FILE] = Worker(preview, stop)
        steadier = AlphaSteadier(config.still_frames)

        def steady(pair: tuple[Frame, FrameRecord]) -> list[tuple[Frame, FrameAlphas]]:
            frame, record = pair
            return steadier.take(frame, FrameAlphas(record, cast), record.is_cut)

        pairs = _with_records(source, store)
        stages = (Stage("still", steady, finish=steadier.finish),)
        for frame, alphas in run_stages(pairs, stages, clock, source_name="decode"):
            portraits.look(frame, alphas)
            for worker in workers.values():
                worker.send((frame, alphas))
            report(Progress("render", frame.index + 1, store.frame_count, len(due)))
        source.refuse_changed()
        for worker in workers.values():
            worker.send_end()
        for file, worker in workers.items():
            worker.wait()
            if worker.is_whole:  # though another may fail
                ledger.begin(file)
                worker.writer.publish()
                ledger.add(file, keys[file], warnings=worker.writer.warnings)
        for worker in workers.values():
            worker.finish()
    except BaseException as error:
        stop.set()
        for worker in workers.values():
            worker.abort()
        if isinstance(error, Cancelled):  # one writer failed, and another was told so first
            raise next(w.error for w in workers.values() if w.error is not None) from None
        raise
    return RenderResult(
        {plan.file: ledger.checksum(plan.file) for plan in plans},
        portraits.pictures,
        tuple(f"{plan.file}: {text}" for plan in plans for text in ledger.warnings(plan.file)),
        tuple(due_files),
        renamed,
    )


def stream_keys(
    plans: Sequence[StreamPlan], cast: Cast, config: OutputConfig, store: AlphaStore
) -> dict[str, str]:
    """Return, by file, what streams and preview are made from, as checksums."""
    content = store.digest
    keys = {plan.file: _key_of(plan, cast, config, content) for plan in plans}
    if config.has_preview:
        keys[PREVIEW_FILE] = _preview_key(cast, config, content)
    return keys


def stream_ledger(folder: Path) -> StreamLedger:
    """Return which streams of a clip's output folder were written from its store."""
    return StreamLedger(folder / STORE_FOLDER / _LEDGER, folder)


class _Portraits:
    """Each person's picture from the frame that shows them best."""

    def __init__(self, cast: Cast) -> None:
        self._wanted: dict[int, list[Identity]] = {}
        for identity in cast.identities:
            self._wanted.setdefault(identity.best_frame, []).append(identity)
        self.pictures: dict[int, str] = {}

    def look(self, frame: Frame, alphas: FrameAlphas) -> None:
        """Take the portraits that this frame is best for."""
        for identity in self._wanted.get(frame.index, ()):
            alpha = alphas.of(identity.tracklet_ids)
            if alpha is not None:
                self.pictures[identity.track_id] = thumbnail(
                    frame.image, alpha.left, alpha.top, alpha.alpha
                )


def _plan(identity: Identity, file: str, frame_count: int, is_trimmed: bool) -> StreamPlan:
    first, last = (
        (int(identity.visible[0]), int(identity.visible[-1]))
        if is_trimmed
        else (0, frame_count - 1)
    )
    return StreamPlan(identity.track_id, identity.name, identity.tracklet_ids, file, first, last)


def _refuse_taken_names(files: Sequence[str], config: OutputConfig) -> None:
    taken = {MANIFEST_FILE, REPORT_FILE, TRACKS_FILE, STORE_FOLDER}
    taken |= {PREVIEW_FILE} if config.has_preview else set()
    for file in files:
        name = name_key(file)
        # Nor can one lie in a folder that is called as another is.
        if any(f"{name}/".startswith(f"{t}/") or t.startswith(f"{name}/") for t in taken):
            raise OptionError(
                f"file name template {config.filename!r} gives {file}, "
                "which another output of the clip is called"
            )
        taken.add(name)


def _refuse_strangers(files: Iterable[str], ledger: StreamLedger, folder: Path) -> None:
    """Raise rather than replace what no run of ours has made."""
    ours = {PREVIEW_FILE}
    if (folder / MANIFEST_FILE).is_file():  # of a run without a ledger, perhaps
        ours |= load_manifest(folder).streams.keys()
    for file in files:
        if file not in ours and not ledger.knows(file) and (folder / file).exists():
            raise AlphaWriteError(
                f"{folder / file} is in the way, and is no stream of this clip: move it elsewhere"
            )


def _key_of(plan: StreamPlan, cast: Cast, config: OutputConfig, content: str) -> str:
    shares = _shares(plan.tracklet_ids, cast)
    settings = [
        content,
        [tracklet for tracklet, _ in shares],
        plan.first,
        plan.last,
        config.is_trimmed,
        config.format,
        config.quality,
        config.foreground,
        config.has_audio,
        config.still_frames,
        [frames for _, frames in shares],
    ]
    return _checksum(settings)


def _preview_key(cast: Cast, config: OutputConfig, content: str) -> str:
    people = [(i.track_id, i.name, _shares(i.tracklet_ids, cast)) for i in cast.identities]
    return _checksum([content, config.still_frames, people])


def _shares(tracklet_ids: frozenset[int], cast: Cast) -> list[tuple[int, list[int]]]:
    """Return the frames by stored tracklet, in one order however a tracklet was divided."""
    return sorted((cast.origin_of(t), sorted(cast.visible_tracklets[t])) for t in tracklet_ids)


def _checksum(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()


def _start_of(plan: StreamPlan, store: AlphaStore) -> Fraction:
    """Return the time of a stream's first frame."""
    return next(store.records_between(plan.first, plan.first)).time


def open_stream(
    plan: StreamPlan,
    info: ClipInfo,
    config: OutputConfig,
    folder: Path,
    audio_from: Path | None,
    start: Fraction,
) -> AlphaStream:
    """Return the writer of a planned stream.

    Args:
        plan: What is to be written.
        info: The clip.
        config: Format and quality.
        folder: The clip's output folder.
        audio_from: File whose sound is copied, where the config wants it.
        start: Time of the stream's first frame, in the clip's seconds.
    """
    if config.is_trimmed and plan.first > 0:
        elapsed = plan.first
        if info.is_variable_rate:  # timecode tells the time, not how many frames there were
            elapsed = round((start - (info.first_time or 0)) * info.frame_rate)
        timecode = info.timecode and shift_timecode(info.timecode, elapsed, info.frame_rate)
        number = info.first_frame_number + plan.first
        info = replace(info, timecode=timecode, first_frame_number=number)
    if config.is_trimmed:
        info = replace(info, first_time=Fraction(0))  # times count from where the person appears
    path = folder / plan.file
    path.parent.mkdir(parents=True, exist_ok=True)
    return open_alpha_stream(
        config.format,
        path,
        info,
        audio_from=audio_from if config.has_audio else None,
        audio_start=start,
        quality=config.quality,
    )


def _with_records(source: FrameSource, store: AlphaStore) -> Iterator[tuple[Frame, FrameRecord]]:
    """Yield each stored frame with its record; a source that has become shorter is an error."""
    frames = iter(source)
    for record in store.records():
        frame = next(frames, None)
        if frame is None or frame.index != record.index:
            raise AlphaWriteError(
                f"{source.info.name}: frame {record.index} can no longer be read; "
                "has the source changed since it was analysed?"
            )
        yield frame, record
