"""Alpha streams in a video container.

Knows encoders, packets and muxing; what a frame looks like is the canvas's affair.
"""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from ..errors import AlphaWriteError
from .alpha_reader import AlphaReader
from .alpha_stream import AlphaStream
from .audio_copy import AudioCopy
from .blank_packets import BlankPackets
from .canvas import Canvas
from .color import tag_codec
from .encodings import Encoding
from .file_url import file_url
from .frame import ClipInfo, ColorTags
from .layer import Layer

_WITHOUT_PIXEL_ASPECT = ("matroska", "webm")
"""FFmpeg's muxer takes it from the stream, where PyAV has no way to set it."""


class VideoAlphaStream(AlphaStream):
    """An alpha stream that PyAV encodes."""

    def __init__(
        self,
        path: Path,
        info: ClipInfo,
        encoding: Encoding,
        canvas: Canvas,
        color: ColorTags,
        audio: AudioCopy | None = None,
    ) -> None:
        super().__init__(path, info)
        self._encoding = encoding
        self._canvas = canvas
        self._audio = audio
        self._blanks = BlankPackets(encoding.key_frame_numbers)
        self._is_repeating = False
        """The last frame is one that the encoder has not seen."""
        self._duration = max(1, round(1 / (info.frame_rate * info.time_base)))
        if encoding.container in _WITHOUT_PIXEL_ASPECT:
            self._warn_of_pixel_aspect(f"{encoding.container} files")
        with self._named_errors():
            self._container = self._open_container()
        with self._discarded_on_error():
            self._stream = self._add_stream(color)
            if audio is not None:
                for message in audio.add_streams(self._container):
                    self.warn(message)

    def _open_container(self) -> OutputContainer:
        # Sound that ends early would make the muxer hold back ten seconds of pictures.
        options = {"max_interleave_delta": "500000"}
        if self._encoding.container in ("mov", "mp4"):
            # A start that is not 0 is an edit in the movie's own clock, which is 1/1000 s unless
            # told.
            options["movie_timescale"] = str(_mov_timescale(self.info.time_base))
        self.partial_path.touch()  # PyAV opens late: a place that cannot be written shows here
        container = av.open(
            file_url(self.partial_path), "w", format=self._encoding.container, options=options
        )
        if self.info.timecode:
            container.metadata["timecode"] = self.info.timecode
        return container

    def _add_stream(self, color: ColorTags) -> VideoStream:
        info, options = self.info, dict(self._encoding.options)
        if not info.is_interlaced:
            options["field_order"] = "progressive"  # editors ask where a MOV does not say so
        stream: VideoStream = self._container.add_stream(  # type: ignore[assignment]
            self._encoding.codec, rate=info.frame_rate, options=options
        )
        stream.width, stream.height = info.width, info.height
        stream.pix_fmt = self._encoding.pixel_format
        stream.time_base = info.time_base
        context = stream.codec_context
        context.time_base = info.time_base
        context.sample_aspect_ratio = info.pixel_aspect
        # One thread a stream: several streams are written at once, and a threaded encoder holds
        # frames back.
        context.thread_count = 1
        context.gop_size = self._encoding.gop_size
        tag_codec(context, color)
        if self._encoding.encoder_name:
            stream.metadata["encoder"] = self._encoding.encoder_name
        return stream

    def _write(self, tick: int, layer: Layer | None) -> None:
        if layer is None and (packet := self._blanks.again()) is not None:
            packet.stream = self._stream
            packet.time_base = self.info.time_base
            packet.pts = packet.dts = tick
            packet.duration = self._duration
            self._is_repeating = True
            self._mux([packet], tick)
            return
        if layer is None:
            self._canvas.clear()
        else:
            self._canvas.paint(layer)
        # What follows a repeated packet must not depend on what the encoder saw last.
        is_key = layer is None or self._is_repeating
        if self._is_repeating and self._blanks.is_next_number_taken:
            # In the place of the repeated packet before it, and never written.
            self._encode(self._ticks[-1], is_key=True, is_blank=False)
        packets = self._encode(tick, is_key, is_blank=layer is None)
        self._is_repeating = False
        self._mux(packets, tick)

    def _encode(self, tick: int, is_key: bool, is_blank: bool) -> list[Packet[Stream]]:
        frame = self._canvas.frame
        frame.pts = tick
        frame.time_base = self.info.time_base
        frame.duration = self._duration
        frame.pict_type = PictureType.I if is_key else PictureType.NONE
        packets = self._stream.encode(frame)
        for packet in packets:
            self._blanks.note(packet, is_blank)
        return packets

    def _mux(self, packets: list[Packet[Stream]], tick: int) -> None:
        self._container.mux(packets)
        if self._audio is not None:
            self._audio.copy_until(self._container, tick * self.info.time_base)

    def _finish(self) -> None:
        if not self._ticks:
            raise AlphaWriteError(f"{self.path}: no frame was written")
        self._container.mux(self._stream.encode(None))
        if self._audio is not None:
            last = self._ticks[-1] + self._duration
            self._audio.copy_until(self._container, last * self.info.time_base)
            self._audio.close()
        self._container.close()

    def verify(self) -> None:
        """Compare count, times, pixel format and two frames' alpha with what was written."""
        with AlphaReader(self.partial_path) as reader:
            self._verify_times(reader)
            for probe in self._probes():
                time = probe.tick * self.info.time_base
                found = reader.read_at(time)
                if found is None:
                    raise AlphaWriteError(f"{self.path}: frame {probe.index} cannot be read back")
                if reader.pixel_format != self._encoding.decoded_pixel_format:
                    raise AlphaWriteError(
                        f"{self.path}: reads back as {reader.pixel_format}, "
                        f"not {self._encoding.decoded_pixel_format}"
                    )
                self._check_probe(probe, found, self._encoding.alpha_tolerance)

    def _verify_times(self, reader: AlphaReader) -> None:
        times = reader.packet_times()
        if len(times) != len(self._ticks):
            raise AlphaWriteError(
                f"{self.path}: {len(times)} frames read back, {len(self._ticks)} were written"
            )
        # Matroska counts milliseconds: a time may be off by half of one there, and by nothing
        # elsewhere.
        tolerance = reader.time_base / 2
        if (self.info.time_base / reader.time_base).denominator == 1:
            tolerance = Fraction(0)
        for index, (tick, time) in enumerate(zip(self._ticks, times, strict=True)):
            wanted = tick * self.info.time_base
            if abs(time - wanted) > tolerance:
                raise AlphaWriteError(
                    f"{self.path}: frame {index} reads back at {float(time):.6f} s, "
                    f"not at {float(wanted):.6f} s"
                )

    def _publish(self) -> None:
        os.replace(self.partial_path, self.path)

    def _discard(self) -> None:
        if self._audio is not None:
            self._audio.close()
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.close()
        with contextlib.suppress(OSError):
            self.partial_path.unlink(missing_ok=True)


def _mov_timescale(time_base: Fraction) -> int:
    """Return ticks per second, a multiple of the clip's own and fine enough for sound."""
    scale = time_base.denominator
    while scale < 10_000:
        scale *= 2
    return scale
