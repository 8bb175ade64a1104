"""Alpha streams written while the clip is still read: no store, no stitching, bounded memory.

Knows frames in order and who counts in them; knows no networks and nothing of a clip's end before
it comes.
"""

from __future__ import annotations

import contextlib
import sys
from array import array
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np

from ..config import OutputConfig
from ..errors import AlphaWriteError
from ..frame_record import FrameRecord, TrackedBox
from ..media.frame import ClipInfo, Frame
from ..people.finder import FoundPeople
from ..people.identities import Cast, Identity, Sighting, default_name
from ..people.returned_pixels import without_ghosts
from ..people.waiting_frames import WaitingFrames
from ..stages import StageClock
from .alpha_steadying import AlphaSteadier
from .frame_alphas import FrameAlphas
from .late_stream_writer import LateStreamWriter
from .preview import thumbnail
from .render import RenderResult
from .run_result import RunResult
from .stream_ledger import set_aside, stream_checksum
from .stream_plans import PREVIEW_FILE, StreamPlan, plan_streams
from .stream_writers import PreviewWriter, StreamWriter, open_stream
from .tracks_file import TracksFile
from .writer_threads import WriterThreads

INCOMPLETE = ".incomplete"
"""Before the suffix of a stream that was broken off."""
_BETTER_PORTRAIT = 1.2
"""A portrait is taken again only where it is so much better: people grow slowly as they come."""


class OnlineStreams:
    """Writes one verified alpha stream for each confirmed track, frame by frame.

    `close` verifies all, then names them. A context manager: leaving it by an exception removes
    them; `salvage` keeps what it can instead.

    Args:
        info: The clip: size, clock, colour.
        config: Format, names, and who gets a stream.
        folder: The clip's output folder; exists.
        clock: Counts the stages' work.
        audio_from: File whose sound is copied into colour streams.
        tracks_file: Gets everybody's boxes as MOTChallenge text.
        names: What people are called of whom that is known beforehand, by tracklet.
        numbers: Their numbers, so too; without them people are numbered as they come.

    Raises:
        OptionError: A format that cannot be; `check_output` says what else no streams can have.
        AlphaWriteError: The folder cannot be written.
    """

    def __init__(
        self,
        info: ClipInfo,
        config: OutputConfig,
        folder: Path,
        clock: StageClock,
        audio_from: Path | None = None,
        tracks_file: Path | None = None,
        names: Mapping[int, str] | None = None,
        numbers: Mapping[int, int] | None = None,
    ) -> None:
        self.info, self.config, self.folder, self.clock = info, config, folder, clock
        self.frame_count = 0
        """Frames taken so far."""
        self._audio_from = audio_from
        self._names, self._numbers = names or {}, numbers or {}
        self._threads = WriterThreads()
        self._people: dict[int, _Person] = {}
        self._waiting = WaitingFrames()
        self._steadier = AlphaSteadier(config.still_frames)
        self._counting: deque[list[TrackedBox]] = deque()
        """Who counts in the frames that are being steadied."""
        self._ticks = array("q")
        """Times of the frames that writers were sent, by index, in the clip's time base."""
        self._cuts: list[int] = []
        self._held: list[int] = []
        self._rows = None if tracks_file is None else TracksFile(tracks_file)
        self._preview: PreviewWriter | None = None
        self._rest: StreamWriter | None = None
        try:
            self._open_common_files()
        except BaseException:
            self.abort()
            raise

    @property
    def people(self) -> int:
        """Number of people so far."""
        return len(self._people)

    def write(self, found: FoundPeople) -> None:
        """Take the next frame.

        Args:
            found: Its people, with their alphas in the record (`analysis.with_alphas`). Frames
                count as they come, whatever their index.

        Raises:
            AlphaWriteError: A stream cannot be written.
        """
        index = self.frame_count
        frame = replace(found.frame, index=index)
        record = replace(found.record, index=index)
        self.frame_count += 1
        if record.is_cut:
            self._cuts.append(index)
        if record.is_held:
            self._held.append(index)
        for decided in self._waiting.take(frame, record, found.confirmed_ids):
            self._steady(*decided)

    def close(self, confirmed_ids: frozenset[int] = frozenset()) -> RunResult:
        """Write what waits, then finish, verify and name every file.

        Args:
            confirmed_ids: As `WaitingFrames.finish` takes it.

        Raises:
            AlphaWriteError: A stream cannot be finished or fails its verification.
        """
        for decided in self._waiting.finish(confirmed_ids):
            self._steady(*decided)
        for ready in self._steadier.finish():
            self._send(*ready)
        self._threads.send_end()
        self._threads.finish()
        if self._rows is not None:
            self._rows.close()
        for thread in self._threads:
            self._publish(thread.writer)
        return self._result()

    def abort(self) -> None:
        """Remove what was written."""
        self._threads.abort()
        if self._rows is not None:
            self._rows.abort()

    def salvage(self) -> tuple[Path, ...]:
        """Keep after a failure what can be finished, under names that tell; remove the rest.

        Returns:
            Whole streams such as `person_01.incomplete.mov`; each ends where it had come to.
        """
        self._threads.stop()
        # What failed goes first: on a full disk there is room then for the ends of the others.
        failed = [thread for thread in self._threads if thread.error is not None]
        for thread in failed:
            thread.abort()
        kept = []
        for thread in self._threads:
            writer = thread.writer
            if isinstance(writer, StreamWriter) and thread not in failed:
                path = writer.stream.path
                path = path.with_name(f"{path.stem}{INCOMPLETE}{path.suffix}")
                with contextlib.suppress(AlphaWriteError):
                    writer.finish()
                    writer.publish(path)
                    if writer.stream.path.exists():  # the one whose naming failed is gone
                        kept.append(writer.stream.path)
        self.abort()
        return tuple(kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self.abort()

    def _open_common_files(self) -> None:
        """Open what does not wait for a person: the preview, and the rest's stream."""
        if self.config.has_rest:
            nobody = Cast((), {}, ())  # who will be the rest is not known
            plan = plan_streams(nobody, self.info, sys.maxsize, self.config)[-1]
            self._rest = self._open(plan, is_trimmed=False)
        if self.config.has_preview:
            path = self.folder / PREVIEW_FILE
            self._preview = PreviewWriter(path, self.info, Cast((), {}, ()), self.clock)
            self._threads.add(self._preview)

    def _open(self, plan: StreamPlan, is_trimmed: bool) -> StreamWriter:
        config = replace(self.config, is_trimmed=is_trimmed)
        start = self._ticks[plan.first] * self.info.time_base if is_trimmed else Fraction(0)
        stream = open_stream(plan, self.info, config, self.folder, self._audio_from, start)
        begin = plan.first if is_trimmed else 0
        writer = LateStreamWriter(plan, stream, config, self.clock, self._ticks, begin)
        self._threads.add(writer)
        return writer

    def _steady(self, frame: Frame, record: FrameRecord, counting: list[TrackedBox]) -> None:
        """Steady a frame, with those people who count; send all writers what is steady by then."""
        visible = {track.track_id: frozenset({record.index}) for track in counting}
        alphas = FrameAlphas(without_ghosts(record, frozenset(visible)), Cast((), visible, ()))
        self._counting.append(counting)
        for ready in self._steadier.take(frame, alphas, record.is_cut):
            self._send(*ready)

    def _send(self, frame: Frame, alphas: FrameAlphas) -> None:
        """Send a frame to all writers."""
        counting = self._counting.popleft()
        self._ticks.append(int(frame.time / self.info.time_base))
        for track in sorted(counting, key=lambda track: track.box[0]):
            self._take_in(track, frame.index)
        for track in counting:
            self._people[track.track_id].see(frame, track, alphas)
        if self._rows is not None:
            for track in counting:
                number = self._people[track.track_id].number
                self._rows.write(frame.index, number, track)
        self._threads.send(frame, alphas)

    def _take_in(self, track: TrackedBox, index: int) -> None:
        """Open the stream of a person who is new in this frame."""
        if track.track_id in self._people:
            return
        number = self._numbers.get(track.track_id, len(self._people) + 1)
        name = self._names.get(track.track_id) or default_name(number)
        person = _Person(number, name, track.track_id)
        newcomer = person.identity(also_in=index)
        if self._preview is not None:
            known = [p.identity() for p in self._people.values()]
            self._preview.cast = Cast((*known, newcomer), {}, ())
        if not self.config.only or person.number in self.config.only:
            plain = replace(self.config, only=(), has_rest=False)
            (plan,) = plan_streams(Cast((newcomer,), {}, ()), self.info, sys.maxsize, plain)
            plan = replace(plan, last=sys.maxsize)
            person.writer = self._open(plan, self.config.is_trimmed)
        elif self._rest is not None:
            # Earlier frames do not show the person, so a writer that is behind is not misled.
            own = self._rest.plan.tracklet_ids | {track.track_id}
            self._rest.plan = replace(self._rest.plan, tracklet_ids=own)
        self._people[track.track_id] = person

    @staticmethod
    def _publish(writer: StreamWriter | PreviewWriter) -> None:
        """Give a file its name; what nothing told of and lies there is not replaced."""
        if isinstance(writer, StreamWriter) and writer.stream.path.exists():
            aside = set_aside(writer.stream.path)
            writer.stream.warn(f"was there already, and is now {aside.name}")
        writer.publish()

    def _result(self) -> RunResult:
        people = sorted(self._people.values(), key=lambda person: person.number)
        writers = [p.writer for p in people if p.writer is not None]
        writers += [] if self._rest is None else [self._rest]
        known = {p.number for p in people}
        plans = []
        warnings = [
            f"only: there is no track {number}; the clip has {len(known)} people"
            for number in self.config.only
            if number not in known
        ]
        for writer in writers:
            plan = writer.plan
            last = self.frame_count - 1
            if writer.config.is_trimmed:
                last = next(p.visible[-1] for p in people if p.writer is writer)
            plans.append(replace(plan, last=last))
            warnings += [f"{plan.file}: {text}" for text in writer.warnings]
        return RunResult(
            Cast(tuple(p.identity() for p in people), {}, tuple(self._cuts)),
            tuple(plans),
            RenderResult(
                {plan.file: stream_checksum(self.folder / plan.file) for plan in plans},
                {p.number: p.portrait for p in people},
                tuple(dict.fromkeys(warnings)),
            ),
            self.frame_count,
            (self._ticks[-1] - self._ticks[0]) * self.info.time_base + 1 / self.info.frame_rate,
            self._held,
        )


@dataclass
class _Person:
    """One person so far."""

    number: int
    name: str
    tracklet: int
    visible: array[int] = field(default_factory=lambda: array("q"))
    """Frames in which the person counts."""
    score_sum: float = 0.0
    detections: int = 0
    best: float = 0.0
    best_frame: int = 0
    portrait: str = ""
    writer: StreamWriter | None = None

    def see(self, frame: Frame, track: TrackedBox, alphas: FrameAlphas) -> None:
        """Take in a frame in which the person counts."""
        self.visible.append(frame.index)
        if not track.is_detected:
            return
        self.score_sum += track.score
        self.detections += 1
        quality = Sighting.of(track).quality
        alpha = alphas.of(frozenset({self.tracklet}))
        if alpha is not None and quality > _BETTER_PORTRAIT * self.best:
            self.best, self.best_frame = quality, frame.index
            self.portrait = thumbnail(frame.image, alpha)

    def identity(self, also_in: int | None = None) -> Identity:
        """Return the person as the manifest knows one.

        Args:
            also_in: A frame in which the person counts, and that `see` has not been told of.
        """
        frames = [*self.visible, *([] if also_in is None else [also_in])]
        return Identity(
            self.number,
            self.name,
            frozenset({self.tracklet}),
            np.array(frames, np.intp),
            self.score_sum / max(1, self.detections),
            self.best_frame,
        )
