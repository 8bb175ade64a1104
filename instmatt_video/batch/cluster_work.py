"""What a cluster's workers do with a clip: plan it, analyse its segments, render it.

Knows segments and outcomes; knows nothing of the cluster itself. An error that ends a clip comes
back as its outcome; only the death of a worker is the cluster's to mend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ..alpha_store import FOLDER_NAME
from ..checksums import sha256_of
from ..clip_folder import check_folder, make_room
from ..detection.detector import mask_folder
from ..errors import FrameDecodeError
from ..media.source import open_source
from ..networks import NetworkProvider
from ..progress import Progress, Report
from .clip_work import keep_log_quiet, matte_clip, now_and_then, take_threads
from .finished import finished_manifest
from .job import ClipJob, Outcome
from .segments import (
    Segment,
    analyse_segment,
    find_cuts,
    merge_segments,
    plan_segments,
    segments_folder,
)

T = TypeVar("T")


@dataclass(frozen=True)
class ClipPlan:
    """How a clip is analysed."""

    job: ClipJob
    """As it goes on from here: what was to be overwritten is gone."""
    segments: tuple[Segment, ...]
    """One, or none, is the clip in one go."""
    origin: str
    """What tells the source from others: its checksum, or its name."""


class NoticeBoard:
    """Where workers say how far they are, until the driver looks; an actor."""

    def __init__(self) -> None:
        self._notices: dict[tuple[int, int], Progress] = {}

    def post(self, index: int, first_frame: int, progress: Progress) -> None:
        """Take a worker's notice: which clip, which segment, how far."""
        self._notices[index, first_frame] = progress

    def take(self) -> dict[tuple[int, int], Progress]:
        """Return what is new."""
        notices, self._notices = self._notices, {}
        return notices


def plan_clip(job: ClipJob, segment_frames: int, threads: int, post: Report) -> ClipPlan | Outcome:
    """Return how a clip is to be analysed, or its outcome if it is done or cannot be read.

    Only a clip that is new, and long enough, is read for its cuts. Masks from disk may leave the
    frame of a cut out, so that tracks end later than the cut: such a clip stays whole.
    """

    def plan() -> ClipPlan | Outcome:
        config, first_job = job.config, job
        if not config.run.is_overwriting:
            manifest = finished_manifest(job)
            if manifest is not None:
                return Outcome.of_manifest("skipped", manifest)
        origin = sha256_of(Path(job.clip)) or job.clip
        whole = ClipPlan(job, (), origin)
        if not segment_frames or config.run.is_online:
            return whole
        if mask_folder(config.detection.detector) is not None:
            return whole
        check_folder(job.folder, job.clip, config)
        with open_source(job.clip, frame_rate=config.frame_rate) as clip:
            if (clip.info.frame_count or 0) < 2 * segment_frames:
                return whole
            is_begun = (job.folder / FOLDER_NAME).is_dir() and not segments_folder(job).is_dir()
            if is_begun and not config.run.is_overwriting:
                return whole
            try:
                cuts, frame_count = find_cuts(clip, now_and_then(post))
            except FrameDecodeError:
                return whole  # its analysis ends there, too, and says so
        segments = plan_segments(cuts, frame_count, segment_frames)
        if len(segments) > 1:
            make_room(job.folder, config)
            run = replace(config.run, is_overwriting=False, is_resumed=True)
            first_job = replace(job, config=replace(config, run=run))
        return ClipPlan(first_job, tuple(segments), origin)

    return _guarded(plan, threads)


def analyse_part(
    plan: ClipPlan, segment: Segment, provide: NetworkProvider, threads: int, post: Report
) -> dict[str, Any] | Outcome:
    """Return the fingerprint of a segment that is analysed, or the clip's outcome."""
    report = now_and_then(post)
    return _guarded(
        lambda: analyse_segment(plan.job, segment, plan.origin, provide, report), threads
    )


def finish_clip(
    plan: ClipPlan,
    fingerprints: Sequence[dict[str, Any]],
    provide: NetworkProvider,
    threads: int,
    post: Report,
) -> Outcome:
    """Return the outcome of a clip whose segments, if it has several, are analysed."""

    def finish() -> Outcome:
        # A worker that died after merging left no segments: their store is whole.
        if fingerprints and segments_folder(plan.job).is_dir():
            merge_segments(plan.job, plan.segments, fingerprints)
        return matte_clip(plan.job, now_and_then(post), provide)

    return _guarded(finish, threads)


def _guarded(work: Callable[[], T], threads: int) -> T | Outcome:
    keep_log_quiet()
    take_threads(threads)
    try:
        return work()
    except BaseException as error:  # one bad clip never stops the rest: it is told to the user
        return Outcome.of_error(error)
