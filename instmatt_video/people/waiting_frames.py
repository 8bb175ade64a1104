"""Frames that wait until it is certain who in them counts, while the clip is still read.

The rule is that of `identities`, which knows the whole clip: a track once it is confirmed, a mask
that was moved along once the person is detected again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..frame_record import FrameRecord, TrackedBox
from ..media.frame import Frame

MAX_WAITING_FRAMES = 32
"""A frame waits no longer for people to prove real; long enough for detection in every 8th."""

DecidedFrame = tuple[Frame, FrameRecord, list[TrackedBox]]
"""A frame, all that was found in it, and those people in it who count."""


class WaitingFrames:
    """Holds frames back, in their order, for as long as only the future can tell who counts."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Frame, FrameRecord]] = deque()
        self._lives: dict[int, _Life] = {}
        self._confirmed: frozenset[int] = frozenset()
        self._present: frozenset[int] = frozenset()

    def take(
        self, frame: Frame, record: FrameRecord, confirmed_ids: frozenset[int]
    ) -> Iterator[DecidedFrame]:
        """Take the next frame; yield those that need wait no longer.

        Args:
            frame: The frame.
            record: What was found in it.
            confirmed_ids: Tracks that the tracker believes in by now.
        """
        self._confirmed = confirmed_ids
        self._note(record)
        self._waiting.append((frame, record))
        while self._waiting and (
            len(self._waiting) > MAX_WAITING_FRAMES or self._is_certain(self._waiting[0][1])
        ):
            yield self._next()
        alive = {track.track_id for _, waiting in self._waiting for track in waiting.tracks}
        alive |= self._present
        self._lives = {t: life for t, life in self._lives.items() if t in alive}

    def finish(self, confirmed_ids: frozenset[int]) -> Iterator[DecidedFrame]:
        """Yield all that still wait.

        Args:
            confirmed_ids: Tracks that the tracker believes in after the clip's end, where these
                are more than it did at the last frame.
        """
        self._confirmed |= confirmed_ids
        while self._waiting:
            yield self._next()

    def _next(self) -> DecidedFrame:
        frame, record = self._waiting.popleft()
        return frame, record, [t for t in record.tracks if self._counts(t, record.index)]

    def _note(self, record: FrameRecord) -> None:
        """Take in what a new frame says of everybody."""
        present = frozenset(track.track_id for track in record.tracks)
        for track_id in self._present - present:
            self._lives[track_id].give_up(record.index)
        self._present = present
        for track in record.tracks:
            life = self._lives.setdefault(track.track_id, _Life())
            if track.is_detected:
                life.last_detected, life.first_miss = record.index, None
            elif record.was_looked_at and life.first_miss is None:
                life.first_miss = record.index

    def _is_certain(self, record: FrameRecord) -> bool:
        return all(self._counts(track, record.index) is not None for track in record.tracks)

    def _counts(self, track: TrackedBox, index: int) -> bool | None:
        """Return whether a person counts in a frame; `None` while only the future can tell."""
        track_id = track.track_id
        is_gone = track_id not in self._present
        if track_id not in self._confirmed:
            return False if is_gone else None
        life = self._lives[track_id]
        if any(index in stretch for stretch in life.given_up):
            return False
        if track.is_detected or index < life.last_detected:
            return True
        if life.first_miss is None or index < life.first_miss:
            return True
        return False if is_gone else None


@dataclass
class _Life:
    """What a track has been up to."""

    last_detected: int = -1
    first_miss: int | None = None
    """The first look since then that did not see the person."""
    given_up: list[range] = field(default_factory=list)
    """Frames from such a look on whose masks did not last until the person was detected again."""

    def give_up(self, index: int) -> None:
        """Take in that the mask has ended before a frame."""
        if self.first_miss is not None:
            self.given_up.append(range(self.first_miss, index))
