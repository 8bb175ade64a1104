"""The clip's sound, copied packet by packet into an output.

Knows audio packets; decodes nothing.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from .av_errors import describe_av_error
from .file_url import file_url
from .timetable import starts_over

_MAX_SECONDS_APART = 10
"""What is heard at once lies in a file no farther apart than so many seconds: a stream that others
are ahead of by more has ended, or pauses."""


class AudioCopy:
    """Audio streams of a file on their way into a container.

    Args:
        path: The file to take the sound from.
        origin: Where 0 of the clip's seconds lies on the file's clock, seconds.
        start: Seconds of the clip; sound before it is left out, and what follows is moved to begin
            at 0.
    """

    def __init__(
        self, path: Path, origin: Fraction = Fraction(0), start: Fraction = Fraction(0)
    ) -> None:
        self._path = path
        self._start = start
        self._shift = origin + start
        self._source: InputContainer | None = None
        self._packets: Iterator[Packet[Stream]] = iter(())
        self._targets: dict[int, AudioStream] = {}
        self._waiting: dict[int, deque[Packet[Stream]]] = {}
        """By stream: read already, and to be written later."""
        self._moves: dict[int, int] = {}
        """Ticks by which a stream is later in the copy."""
        self._last_times: dict[int, int] = {}
        """Of each stream's packet before, as the file has it."""
        self._ends: dict[int, int] = {}
        """Where that packet's sound ends in the copy, in ticks of the file."""

    def add_streams(self, container: OutputContainer) -> list[str]:
        """Add what `container` can hold to it; return a warning for each stream that it cannot."""
        try:
            self._source = av.open(file_url(self._path), "r")
        except (av.FFmpegError, OSError) as error:
            return [f"no sound: {self._path} cannot be opened: {describe_av_error(error)}"]
        warnings = []
        taken = []
        for stream in self._source.streams.audio:
            if stream.codec_context is None:
                warnings.append("sound left out: unknown codec")
                continue
            codec = stream.codec_context.codec.canonical_name
            if codec not in container.supported_codecs or not _takes(container.format.name, stream):
                warnings.append(
                    f"sound left out: {codec} does not go into a {container.format.name} file"
                )
                continue
            target = container.add_stream_from_template(stream)
            told = ("language", "title")
            target.metadata.update({k: stream.metadata[k] for k in told if k in stream.metadata})
            self._targets[stream.index] = target
            self._waiting[stream.index] = deque()
            taken.append(stream)
        if taken:
            self._packets = self._source.demux(taken)
        return warnings

    def copy_until(self, container: OutputContainer, time: Fraction) -> None:
        """Write the packets that begin before `time` seconds of the output."""
        for packet in self._take_until(time):
            if self._begin(packet) < 0 < self._start:
                continue
            shift = round(self._shift / packet.time_base)
            assert packet.pts is not None
            packet.pts -= shift
            if packet.dts is not None:
                packet.dts -= shift
            packet.stream = self._targets[packet.stream_index]
            container.mux(packet)

    def close(self) -> None:
        """Close the source; a second call does nothing."""
        if self._source is not None:
            self._source.close()
            self._source = None
            self._packets = iter(())

    def _take_until(self, time: Fraction) -> Iterator[Packet[Stream]]:
        """Yield every stream's packets that begin before `time` seconds of the output."""
        for waiting in self._waiting.values():
            while waiting and self._begin(waiting[0]) < time:
                yield waiting.popleft()
        while not self._is_read_until(time) and (packet := self._next_packet()) is not None:
            if self._begin(packet) < time:
                yield packet
            else:
                self._waiting[packet.stream_index].append(packet)

    def _is_read_until(self, time: Fraction) -> bool:
        """Say whether nothing that begins before `time` lies behind what has been read."""
        newest = [self._begin(waiting[-1]) for waiting in self._waiting.values() if waiting]
        is_far_ahead = max(newest, default=time) >= time + _MAX_SECONDS_APART
        return len(newest) == len(self._waiting) or is_far_ahead

    def _begin(self, packet: Packet[Stream]) -> Fraction:
        """Return when a packet is heard, in seconds of the output."""
        assert packet.pts is not None
        return packet.pts * packet.time_base - self._shift

    def _next_packet(self) -> Packet[Stream] | None:
        try:
            for packet in self._packets:
                if packet.size and packet.pts is not None:
                    self._go_on(packet)
                    return packet
        except av.FFmpegError:
            # Damaged sound ends early; the picture does not fail for it.
            self._packets = iter(())
        return None

    def _go_on(self, packet: Packet[Stream]) -> None:
        """Move a packet by as much as it takes to follow the one before, where times start over."""
        index, time = packet.stream_index, packet.pts
        assert time is not None
        earliest = self._last_times.get(index, time - 1) + 1
        if starts_over(earliest, time, packet.time_base):
            self._moves[index] = self._ends[index] - time
        self._last_times[index] = time
        packet.pts = time + self._moves.get(index, 0)
        if packet.dts is not None:
            packet.dts += self._moves.get(index, 0)
        self._ends[index] = packet.pts + max(1, packet.duration or 0)


def _takes(format_name: str, stream: AudioStream) -> bool:
    """Say whether a container's header takes the sound: QuickTime lists Opus, and refuses it."""
    try:
        with av.open(io.BytesIO(), "w", format=format_name) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True
