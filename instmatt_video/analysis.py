"""A clip's frames to records in the alpha store, all stages at work at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from itertools import islice

import torch

from instmatt_video.trackers import MEMORY_FRAMES

from .alpha_frame import AlphaFrame
from .alpha_store import AlphaStore
from .cores import usable_cores
from .errors import FrameDecodeError
from .frame_record import FrameRecord, pack_alpha
from .matting.claims import yield_to_seen
from .matting.frame_matter import FrameMatter, matte_people
from .media.frame import Frame
from .media.frame_source import FrameSource
from .people.finder import FoundPeople, PeopleFinder
from .people.mask_steadying import MaskSteadier
from .progress import Progress, Report
from .stages import Stage, StageClock, run_stages

MAX_MATTING_WORKERS = 8
"""Frames that are matted at once at most: each takes memory of its own."""


def analyse(
    source: FrameSource,
    finder: PeopleFinder,
    steadier: MaskSteadier,
    matter: FrameMatter,
    store: AlphaStore,
    clock: StageClock,
    chunk_frames: int,
    report: Report,
) -> None:
    """Fill the store with every frame of the clip that it does not hold yet.

    Args:
        source: The clip.
        finder: Detection and tracking, fresh.
        steadier: Of masks, fresh.
        matter: Masks to alphas.
        store: Created or resumed; complete afterwards, up to where the clip can be read.
        clock: Counts the stages' work.
        chunk_frames: Frames a chunk.
        report: Told of every frame.

    Raises:
        VideoOpenError: The clip changes meanwhile; whole chunks of the former one are kept.
        AlphaWriteError: The store cannot be written; whole chunks are kept.
    """
    _catch_up(source, finder, steadier, store)
    pending: list[FrameRecord] = []
    seen: set[int] = set()
    breaks_off: str | None = None
    frames = source.frames(store.frame_count)
    try:
        for found in matted_frames(frames, finder, steadier, matter, clock):
            record = found.record
            pending.append(record)
            seen.update(track.track_id for track in record.tracks)
            report(Progress("analyse", record.index + 1, source.info.frame_count, len(seen)))
            if len(pending) == chunk_frames:
                source.refuse_changed(pending[0].index, record.index + 1 + steadier.reach)
                with clock.measure("store", len(pending)):
                    store.append(pending)
                pending = []
    except FrameDecodeError as error:
        breaks_off = str(error)
    source.refuse_changed()
    if pending:
        with clock.measure("store", len(pending)):
            store.append(pending)
    store.complete(breaks_off)


def matted_frames(
    frames: Iterable[Frame],
    finder: PeopleFinder,
    steadier: MaskSteadier,
    matter: FrameMatter,
    clock: StageClock,
    stop_source: Callable[[], None] | None = None,
) -> Generator[FoundPeople, None, None]:
    """Yield every frame's people with their alphas in the record, all stages at work at once.

    Args:
        frames: In order.
        finder: Detection and tracking, brought to where the frames begin.
        steadier: Of masks, brought there too.
        matter: Masks to alphas.
        clock: Counts the stages' work.
        stop_source: Lets frames that somebody waits for end.
    """

    def matte(found: FoundPeople) -> tuple[FoundPeople, list[AlphaFrame]]:
        people = yield_to_seen(found.people, found.is_missed)
        return found, matte_people(matter, found.frame.image, people)

    yield from run_stages(
        frames,
        (
            Stage("detect", finder.find),
            Stage("steady", steadier.take, finish=steadier.finish),
            Stage("matte", matte, workers=_matting_workers(matter)),
            Stage("pack", lambda matted: with_alphas(*matted)),
        ),
        clock,
        prepare_thread=_take_one_core if str(matter.device) == "cpu" else None,
        stop_source=stop_source,
    )


def with_alphas(found: FoundPeople, alphas: Sequence[AlphaFrame]) -> FoundPeople:
    """Return a frame's people with their alphas packed into the record.

    Args:
        found: The people.
        alphas: One for each of its `track_ids`.
    """
    packed = tuple(
        pack_alpha(track_id, alpha, is_coasted)
        for track_id, alpha, is_coasted in zip(
            found.track_ids, alphas, found.is_coasted, strict=True
        )
    )
    return replace(found, record=replace(found.record, alphas=packed))


def _matting_workers(matter: FrameMatter) -> int:
    """Return how many frames are matted at once: a core each on a CPU, one at a time on a GPU."""
    is_on_cpu = str(matter.device) == "cpu"
    return min(MAX_MATTING_WORKERS, usable_cores()) if is_on_cpu else 1


def _take_one_core() -> None:
    """Keep a thread on one core: frames side by side use a CPU better than threads do."""
    torch.set_num_threads(1)


def _catch_up(
    source: FrameSource, finder: PeopleFinder, steadier: MaskSteadier, store: AlphaStore
) -> None:
    """Bring detection and tracking to where a resumed store ends, without running a network."""
    if not store.frame_count:
        return
    looks: deque[int] = deque(maxlen=2)
    scenes: deque[int] = deque(maxlen=MEMORY_FRAMES)
    for record in store.records():
        finder.replay(record)
        if record.was_looked_at:
            looks.append(record.index)
        if record.shows_scene:
            scenes.append(record.index)
    begin = max(0, min([store.frame_count - finder.warm_up_frames, *looks]) - steadier.reach)
    records = store.records_between(begin, store.frame_count - 1)
    first = min([begin, *scenes])  # those before a long black stretch, too
    for frame in islice(source.frames(first), store.frame_count - first):
        if frame.index >= begin:
            steadier.recall(finder.prepare(frame, next(records)))
        elif frame.index in scenes:
            finder.recall_scene(frame)
