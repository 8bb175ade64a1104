"""When each picture of a file is shown, read from its packets without decoding.

Knows presentation times; knows no pixels.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import gcd

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from .frame_rate import snap_to_broadcast_rate

DEFAULT_FRAME_RATE = Fraction(24)
"""Frames per second where neither the clip nor the caller names a rate."""

# AVI stores order, not time, and an elementary stream neither: B-frames come out with the wrong
# times there.
FORMATS_WITHOUT_TIMES = frozenset(
    {"avi", "h264", "hevc", "m4v", "mpegvideo", "mjpeg", "av1", "obu"}
)

_LONGEST_GAP_S = 12 * 3600
"""What is longer is no gap: FFmpeg takes a step back for a turn of MPEG's clock, 26.5 h on."""

FINEST_CLOCK = 2**31 - 1
"""Ticks per second that a movie's header can name."""


@dataclass(frozen=True)
class Timetable:
    """Presentation times of a clip's pictures."""

    ticks: list[int]
    """Ascending, no two alike, in units of `time_base`."""
    time_base: Fraction
    """Seconds per tick."""
    frame_rate: Fraction
    """Frames per second; the nominal one where the rate varies."""
    is_exact: bool
    """Each picture's own time is known; else pictures are placed in the order they come."""
    is_variable_rate: bool
    origin: int = 0
    """Tick at which the clip's own seconds begin."""
    origin_s: Fraction = Fraction(0)
    """The same moment on the file's clock, seconds: sound is moved by as much."""
    hidden_count: int = 0
    """Pictures in the file that its edit list does not show."""
    is_doubtful: bool = False
    """Packets' times repeat or start over: only decoding tells which pictures there are."""
    own_ticks: Sequence[int] = ()
    """Times as the file has them, where they repeat or start over and `ticks` do not."""

    @property
    def duration_s(self) -> Fraction:
        """Seconds from the first picture to the end of the last, which lasts one nominal frame."""
        if not self.is_variable_rate:
            return len(self.ticks) / self.frame_rate
        return (self.ticks[-1] - self.ticks[0]) * self.time_base + 1 / self.frame_rate

    @property
    def clock(self) -> Fraction:
        """Seconds per tick of a clock on which every `time_s` is a whole number."""
        if self.is_variable_rate:
            return self.time_base
        return common_tick(self.time_base, 1 / self.frame_rate)

    def time_s(self, index: int) -> Fraction:
        """Return when picture `index` is shown, in seconds from `origin` on.

        At a constant rate that is exact, however coarse the file's clock is.
        """
        if self.is_variable_rate:
            return (self.ticks[index] - self.origin) * self.time_base
        return (self.ticks[0] - self.origin) * self.time_base + index / self.frame_rate

    def at_rate(self, frame_rate: Fraction) -> Timetable:
        """Return one that shows picture `k` at `k / frame_rate`, in the order they come."""
        return Timetable(
            list(range(len(self.ticks))),
            1 / frame_rate,
            frame_rate,
            is_exact=False,
            is_variable_rate=False,
            origin_s=self.origin_s + self.time_s(0),
            hidden_count=self.hidden_count,
        )

    def index_of(self, pts: int | None, position: int, last: int = -1) -> int | None:
        """Return the index of the picture shown at `pts`, or that came as number `position`.

        Args:
            pts: The picture's own time, in ticks.
            position: How many came before it.
            last: Index of the one before: of pictures with one time the next is meant.
        """
        if self.own_ticks:
            with contextlib.suppress(ValueError):
                return self.own_ticks.index(pts, last + 1)
            return None
        if not self.is_exact:
            return position
        if pts is None:
            return None
        index = bisect_left(self.ticks, pts)
        return index if index < len(self.ticks) and self.ticks[index] == pts else None


def read_timetable(container: InputContainer, stream: VideoStream) -> Timetable:
    """Return the timetable of `stream`, reading the container, freshly opened, to its end."""
    times: list[int | None] = []
    decoding_times: list[int] = []
    hidden_count = 0
    # At a read error what was seen so far stands: the reader meets the same fault and reports it.
    with contextlib.suppress(av.FFmpegError):
        for packet in container.demux(stream):
            if packet.size and packet.is_discard:
                hidden_count += 1
            elif packet.size:
                times.append(packet.pts)
                if packet.dts is not None:
                    decoding_times.append(packet.dts)
    ordered = in_order(times)
    timetable = make_timetable(ordered, container, stream)
    is_doubtful = container.format.name not in FORMATS_WITHOUT_TIMES and (
        len(ordered) < len(times)
        or any(starts_over(*pair, timetable.time_base) for pair in pairwise(decoding_times))
    )
    return replace(timetable, hidden_count=hidden_count, is_doubtful=is_doubtful)


def in_order(times: Sequence[int | None]) -> Sequence[int | None]:
    """Return the times ascending, each once; as they come where some are not known."""
    known = {pts for pts in times if pts is not None}
    return times if None in times else sorted(known)


def starts_over(before: int, after: int, time_base: Fraction) -> bool:
    """Tell whether times begin anew between two that follow each other, as in joined recordings."""
    return after < before or (after - before) * time_base > _LONGEST_GAP_S


def make_timetable(
    times: Sequence[int | None], container: InputContainer, stream: VideoStream
) -> Timetable:
    """Return the timetable of pictures with these presentation times, in order of presentation.

    Where times repeat or start over, pictures go on from the one before.
    """
    rates = [Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate]
    rates = rates or [DEFAULT_FRAME_RATE]
    known = [pts for pts in times if pts is not None]
    time_base = stream.time_base
    if len(known) < len(times) or not time_base:
        rate = snap_to_broadcast_rate(rates[0])
        ticks = list(range(len(times)))
        began_s = Fraction(0)
        if known and time_base:
            # Matroska gives pictures before 0 no times.
            untimed = next(k for k, pts in enumerate(times) if pts is not None)
            began_s = min(known) * time_base - untimed / rate
        return Timetable(ticks, 1 / rate, rate, False, is_variable_rate=False, origin_s=began_s)
    takes = _takes(known, time_base)
    # The mean rate of a clip with dropped frames is no rate that it was shot at: the guessed one.
    nominal = snap_to_broadcast_rate(rates[-1])
    is_variable_rate = True
    for rate in (rate for exact in rates for rate in (snap_to_broadcast_rate(exact), exact)):
        is_countable = common_tick(time_base, 1 / rate).denominator <= FINEST_CLOCK
        if is_countable and not any(is_variable(take, time_base, rate) for take in takes):
            nominal, is_variable_rate = rate, False
            break
    ticks = _joined(takes, max(1, round(1 / (nominal * time_base))))
    has_own = ticks != known
    origin = _origin(ticks, time_base, container.start_time)
    return Timetable(
        ticks,
        time_base,
        nominal,
        is_exact=container.format.name not in FORMATS_WITHOUT_TIMES and not has_own,
        is_variable_rate=is_variable_rate,
        origin=origin,
        origin_s=origin * time_base,
        own_ticks=known if has_own else (),
    )


def _takes(ticks: Sequence[int], time_base: Fraction) -> list[list[int]]:
    """Return the times of each recording that a file is joined of."""
    takes: list[list[int]] = []
    for tick in ticks:
        if not takes or starts_over(takes[-1][-1], tick, time_base):
            takes.append([])
        takes[-1].append(tick)
    return takes


def _joined(takes: Sequence[Sequence[int]], step: int) -> list[int]:
    """Return ascending times: each recording begins `step` after the one before, none repeats."""
    ticks: list[int] = []
    for take in takes:
        shift = ticks[-1] + step - take[0] if ticks else 0
        for tick in take:
            ticks.append(max(tick + shift, ticks[-1] + 1) if ticks else tick)
    return ticks


def _origin(ticks: Sequence[int], time_base: Fraction, start_us: int | None) -> int:
    """Return the tick from which a clip counts: where its file begins, be it with sound.

    Args:
        ticks: Of the pictures, ascending.
        time_base: Seconds per tick.
        start_us: Where FFmpeg says that the file begins, rounded to microseconds.
    """
    if not ticks or ticks[0] < 0 or start_us is None:
        # No container that we write holds pictures below 0.
        return ticks[0] if ticks else 0
    begins = Fraction(2 * start_us + 1, 2_000_000) // time_base
    return min(ticks[0], max(0, begins))


def common_tick(a: Fraction, b: Fraction) -> Fraction:
    """Return the longest time of which both are multiples."""
    numerator = gcd(a.numerator * b.denominator, b.numerator * a.denominator)
    return Fraction(numerator, a.denominator * b.denominator)


def is_variable(ticks: Sequence[int], time_base: Fraction, frame_rate: Fraction) -> bool:
    """Tell whether any picture is off the grid of `frame_rate` by more than rounding to a tick."""
    if len(ticks) < 2:
        return False
    step = 1 / (frame_rate * time_base)
    numerator, denominator = step.numerator, step.denominator
    first = ticks[0]
    return any(
        abs((tick - first) * denominator - k * numerator) > denominator
        for k, tick in enumerate(ticks)
    )
