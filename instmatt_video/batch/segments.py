"""A long clip in segments that begin at cuts: analysed apart, they give one store again.

A cut ends every track and makes detection of cuts and camera motion forget what was before, so a
segment that begins with one is analysed as if it were a clip of its own. What is left is
arithmetic: frames count on, tracks are numbered on, and the first frame begins a shot.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from instmatt_video.trackers import CutDetector

from ..alpha_store import FOLDER_NAME, AlphaStore
from ..analysis import analyse
from ..clip_folder import SEGMENTS_FOLDER
from ..errors import AlphaWriteError, FrameDecodeError, OptionError
from ..fingerprint import fingerprint_of
from ..frame_record import FrameRecord
from ..media.frame import Frame, as_eight_bit
from ..media.frame_source import FrameSource
from ..media.source import open_source
from ..networks import NetworkProvider
from ..people.finder import PeopleFinder
from ..people.mask_steadying import MaskSteadier
from ..progress import Progress, Report
from ..stages import StageClock
from .job import ClipJob


@dataclass(frozen=True)
class Segment:
    """Frames `first..stop - 1` of a clip."""

    first: int
    """0, or a frame that begins a shot."""
    stop: int


def plan_segments(cuts: Iterable[int], frame_count: int, min_frames: int) -> list[Segment]:
    """Return the segments of a clip, in order, without gap or overlap.

    Args:
        cuts: Frames that begin a shot, rising.
        frame_count: Frames of the clip.
        min_frames: Each segment but the last has so many at least; 0 leaves the clip whole.
    """
    starts = [0]
    for cut in cuts:
        if min_frames and cut - starts[-1] >= min_frames:
            starts.append(cut)
    return [Segment(a, b) for a, b in itertools.pairwise([*starts, frame_count])]


def find_cuts(clip: FrameSource, report: Report) -> tuple[list[int], int]:
    """Return the frames that begin a shot, and the number of frames; decodes, and nothing more.

    These are the cuts that the analysis finds: the same detector sees the same frames.
    """
    detector, cuts, count = CutDetector(), [], 0
    for frame in clip:
        if not frame.is_held and detector.update(as_eight_bit(frame.image)):
            cuts.append(frame.index)
        count = frame.index + 1
        report(Progress("cuts", count, clip.info.frame_count, 0))
    return cuts, count


class SegmentSource(FrameSource):
    """A segment's frames, counted from 0, at the clip's own times.

    Args:
        clip: The whole.
        segment: The part.
    """

    def __init__(self, clip: FrameSource, segment: Segment) -> None:
        super().__init__()
        self._clip, self._segment = clip, segment
        self.info = replace(clip.info, frame_count=segment.stop - segment.first)

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Yield the segment's frames from its `start`-th on."""
        for frame in self._clip.frames(self._segment.first + start):
            if frame.index >= self._segment.stop:
                return
            yield replace(frame, index=frame.index - self._segment.first)

    def refuse_changed(self, first: int = 0, stop: int | None = None) -> None:
        """Raise where the segment's files are no longer those that were opened."""
        end = self._segment.stop if stop is None else self._segment.first + stop
        self._clip.refuse_changed(self._segment.first + first, end)


def analyse_segment(
    job: ClipJob, segment: Segment, origin: str, provide_networks: NetworkProvider, report: Report
) -> dict[str, Any]:
    """Fill a segment's own store; return the fingerprint of the clip's.

    A store that was begun before, by a worker that died, is gone on with.

    Args:
        job: The clip.
        segment: The part.
        origin: What tells the source from others: its checksum, or its name.
        provide_networks: Where the networks come from.
        report: Told of every frame.

    Raises:
        FrameDecodeError: The segment breaks off; the next run tries to read on.
    """
    config = job.config
    with open_source(job.clip, frame_rate=config.frame_rate) as clip:
        networks = provide_networks(config, clip.info)
        fingerprint = fingerprint_of(clip, origin, config, networks)
        store = _store_of(job, segment, fingerprint)
        steadier = MaskSteadier.of(networks.detector, config.detection.steady_frames)
        if not _takes_up(store, steadier.reach):
            store.create()
        if not store.is_complete:
            analyse(
                SegmentSource(clip, segment),
                PeopleFinder(networks.detector, config.detection.detect_every),
                steadier,
                networks.matter,
                store,
                StageClock(),
                config.run.chunk_frames,
                report,
            )
        if store.breaks_off is not None:
            raise FrameDecodeError(store.breaks_off)
    return fingerprint


def merge_segments(
    job: ClipJob, segments: Sequence[Segment], fingerprints: Sequence[dict[str, Any]]
) -> None:
    """Make the clip's store of its segments' stores, and remove these.

    The bytes are those of an analysis in one go.

    Args:
        job: The clip.
        segments: All, in order.
        fingerprints: What `analyse_segment` returned for each.

    Raises:
        OptionError: Workers analysed with different networks.
        AlphaWriteError: A segment's store is gone, or the disk is full.
    """
    if any(fingerprint != fingerprints[0] for fingerprint in fingerprints):
        raise OptionError(
            f"{job.clip}: its segments were analysed with different networks, for the workers' "
            "machines differ: name --detector, --device and --model"
        )
    store = AlphaStore(job.folder / FOLDER_NAME, fingerprints[0])
    if not (_takes_up(store) and store.is_complete):  # else a worker died after all was merged
        store.create()
        records = _records(job, segments, fingerprints[0])
        while chunk := list(itertools.islice(records, job.config.run.chunk_frames)):
            store.append(chunk)
        store.complete()
    shutil.rmtree(segments_folder(job))


def segments_folder(job: ClipJob) -> Path:
    """Return where the stores of a clip's segments lie."""
    return job.folder / SEGMENTS_FOLDER


def _store_of(job: ClipJob, segment: Segment, fingerprint: dict[str, Any]) -> AlphaStore:
    folder = segments_folder(job) / f"{segment.first:08d}"
    return AlphaStore(folder, {**fingerprint, "segment": [segment.first, segment.stop]})


def _takes_up(store: AlphaStore, reach: int = 0) -> bool:
    try:
        return store.resume(reach)
    except OptionError:
        return False  # begun with other settings or other segments: nobody waits for that


def _records(
    job: ClipJob, segments: Sequence[Segment], fingerprint: dict[str, Any]
) -> Iterator[FrameRecord]:
    """Yield the records of all segments as those of one clip."""
    tracks_before = 0
    for segment in segments:
        store = _store_of(job, segment, fingerprint)
        if not (_takes_up(store) and store.is_complete):
            raise AlphaWriteError(f"{store.folder} is not whole: run the batch again")
        # Every track is seen in the frame of its birth, so the highest number is the last given.
        highest = 0
        for record in store.records():
            highest = max([highest, *(track.track_id for track in record.tracks)])
            yield replace(
                record,
                index=record.index + segment.first,
                is_cut=record.is_cut or (record.index == 0 and segment.first > 0),
                tracks=tuple(
                    replace(t, track_id=t.track_id + tracks_before) for t in record.tracks
                ),
                alphas=tuple(
                    replace(a, track_id=a.track_id + tracks_before) for a in record.alphas
                ),
            )
        tracks_before += highest
