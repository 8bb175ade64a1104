"""Threads that write side by side: errors reach who feeds them, and nothing is left."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from instmatt_video.errors import AlphaWriteError
from instmatt_video.media.frame import Frame
from instmatt_video.rendering.stream_writers import StreamWriter
from instmatt_video.rendering.writer_threads import WriterThreads
from instmatt_video.stages import Cancelled, StageClock
from tests.rendering.made_streams import IMAGE, MATTE, PLAN, MadeStream, alphas_of


class TestWriterThreads:
    def threads(self, *streams: MadeStream) -> WriterThreads:
        threads = WriterThreads()
        for stream in streams:
            threads.add(StreamWriter(PLAN, stream, MATTE, StageClock()))  # type: ignore[arg-type]
        return threads

    def send_all(self, threads: WriterThreads) -> None:
        for k in range(10):
            threads.send(Frame(k, Fraction(k, 25), IMAGE), alphas_of(visible={}, index=k))
        threads.send_end()
        threads.finish()

    def test_all_is_written_then_finished(self) -> None:
        streams = MadeStream(), MadeStream()
        threads = self.threads(*streams)
        self.send_all(threads)
        assert [len(stream.written) for stream in streams] == [10, 10]
        assert [stream.end for stream in streams] == ["finished", "finished"]
        assert all(thread.is_whole for thread in threads)

    def test_its_error_reaches_the_sender(self) -> None:
        stream = MadeStream(fails_at=2)
        threads = self.threads(stream)
        with pytest.raises(AlphaWriteError, match="disk full"):
            self.send_all(threads)
        threads.abort()
        assert stream.end == "aborted"

    def test_an_error_at_the_end_is_raised_and_costs_no_other(self) -> None:
        threads = self.threads(MadeStream(fails_at_end=True), MadeStream())
        threads.send_end()
        with pytest.raises(AlphaWriteError, match="does not read back"):
            threads.finish()
        assert [thread.is_whole for thread in threads] == [False, True]

    def test_others_are_stopped_and_leave_nothing(self) -> None:
        streams = MadeStream(), MadeStream(fails_at=1)
        threads = self.threads(*streams)
        with pytest.raises(AlphaWriteError, match="disk full"):
            self.send_all(threads)
        threads.abort()
        assert [stream.end for stream in streams] == ["aborted", "aborted"]
        assert [type(thread.error) for thread in threads] == [type(None), AlphaWriteError]

    def test_who_is_stopped_keeps_what_was_written(self) -> None:
        stream = MadeStream()
        threads = self.threads(stream)
        threads.send(Frame(0, Fraction(0), IMAGE), alphas_of(visible={}))
        while not stream.written:
            time.sleep(0.01)
        threads.stop()
        assert len(stream.written) == 1 and stream.end == ""
        with pytest.raises(Cancelled):
            threads.send(Frame(1, Fraction(1, 25), IMAGE), alphas_of(visible={}, index=1))
