"""Alpha store and source to files, one writer thread for each stream.

Runs no network: identities may be corrected and formats changed, and only this is done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ..alpha_store import AlphaStore
from ..config import OutputConfig
from ..errors import AlphaWriteError
from ..frame_record import FrameRecord
from ..manifest import FILE_NAME as MANIFEST_FILE
from ..manifest import load_manifest
from ..media.frame import Frame
from ..media.frame_source import FrameSource
from ..people.identities import Cast, Identity
from ..progress import Progress, Report
from ..stages import Stage, StageClock, run_stages
from .alpha_steadying import AlphaSteadier
from .frame_alphas import FrameAlphas
from .preview import thumbnail
from .stream_keys import stream_keys
from .stream_ledger import StreamLedger, stream_ledger
from .stream_plans import PREVIEW_FILE, StreamPlan
from .stream_writers import PreviewWriter, StreamWriter, open_stream
from .writer_threads import WriterThreads


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
        OptionError: Somebody put other files into a stream's folder; nothing is written.
        VideoOpenError: The clip changes meanwhile; nothing that was written gets a name.
        AlphaWriteError: A stream cannot be written, and none gets its name; or one cannot be
            finished or fails its verification, and the others are kept. Or something that no run
            has made lies under a stream's name; nothing is written.
    """
    ledger = stream_ledger(folder)
    if (folder / MANIFEST_FILE).is_file():  # of a run without a ledger, perhaps
        ledger.adopt(load_manifest(folder).streams)
    keys = stream_keys(plans, cast, config, store)
    _refuse_strangers(keys, ledger, folder)
    missing = [file for file, key in keys.items() if not ledger.has(file, key)]
    ledger.refuse_mixed(missing)
    taken = {file: ledger.take_over(file, keys[file], keys) for file in missing}
    renamed = tuple((old, file) for file, old in taken.items() if old is not None)
    due_files = [file for file, old in taken.items() if old is None]
    due = [plan for plan in plans if plan.file in due_files]
    threads = WriterThreads()
    portraits = _Portraits(cast)
    try:
        for plan in due:
            start = _start_of(plan, store) if config.is_trimmed else Fraction(0)
            stream = open_stream(plan, source.info, config, folder, audio_from, start)
            threads.add(StreamWriter(plan, stream, config, clock))
        if PREVIEW_FILE in due_files:
            threads.add(PreviewWriter(folder / PREVIEW_FILE, source.info, cast, clock))
        steadier = AlphaSteadier(config.still_frames)

        def steady(pair: tuple[Frame, FrameRecord]) -> list[tuple[Frame, FrameAlphas]]:
            frame, record = pair
            return steadier.take(frame, FrameAlphas(record, cast), record.is_cut)

        pairs = _with_records(source, store)
        stages = (Stage("still", steady, finish=steadier.finish),)
        for frame, alphas in run_stages(pairs, stages, clock, source_name="decode"):
            portraits.look(frame, alphas)
            threads.send(frame, alphas)
            report(Progress("render", frame.index + 1, store.frame_count, len(due)))
        source.refuse_changed()
        threads.send_end()
        for file, thread in zip(due_files, threads, strict=True):
            thread.wait()
            if thread.is_whole:  # though another may fail
                ledger.begin(file, thread.writer.partial_path)
                thread.writer.publish()
                ledger.add(file, keys[file], warnings=thread.writer.warnings)
        threads.finish()
    except BaseException:
        threads.abort()
        raise
    return RenderResult(
        {plan.file: ledger.checksum(plan.file) for plan in plans},
        portraits.pictures,
        tuple(f"{file}: {text}" for file in keys for text in ledger.warnings(file)),
        tuple(due_files),
        renamed,
    )


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
                self.pictures[identity.track_id] = thumbnail(frame.image, alpha)


def _refuse_strangers(files: Iterable[str], ledger: StreamLedger, folder: Path) -> None:
    """Raise rather than replace what no run of ours has made."""
    for file in files:
        if file != PREVIEW_FILE and not ledger.knows(file) and (folder / file).exists():
            raise AlphaWriteError(
                f"{folder / file} is in the way, and is no stream of this clip: move it elsewhere"
            )


def _start_of(plan: StreamPlan, store: AlphaStore) -> Fraction:
    """Return the time of a stream's first frame."""
    return next(store.records_between(plan.first, plan.first)).time


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
