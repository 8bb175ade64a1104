"""Writers in threads of their own, and the ledger of what they wrote."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.checksums import sha256_of
from instmatt_video.config import OutputConfig
from instmatt_video.errors import AlphaWriteError
from instmatt_video.media.frame import Frame
from instmatt_video.media.layer import Layer
from instmatt_video.people.identities import Cast
from instmatt_video.rendering import stream_ledger
from instmatt_video.rendering.frame_alphas import FrameAlphas
from instmatt_video.rendering.stream_ledger import StreamLedger, stream_checksum
from instmatt_video.rendering.stream_plans import StreamPlan
from instmatt_video.rendering.stream_writers import StreamWriter, Worker
from instmatt_video.stages import Cancelled, StageClock
from tests.made_records import alpha, frame_record

IMAGE = np.full((60, 100, 3), 128, np.uint8)
PLAN = StreamPlan(1, "person_01", frozenset({1, 2}), "person_01.mkv", 0, 9)
MATTE = OutputConfig(format="matte-ffv1")


class MadeStream:
    """A stream in memory that may fail."""

    def __init__(self, fails_at: int | None = None, fails_at_end: bool = False) -> None:
        self.fails_at, self.fails_at_end = fails_at, fails_at_end
        self.written: list[tuple[Fraction, Layer | None]] = []
        self.end = ""

    def write(self, time: Fraction, layer: Layer | None) -> None:
        if len(self.written) == self.fails_at:
            raise AlphaWriteError("disk full")
        self.written.append((time, layer))

    def finish(self) -> None:
        if self.fails_at_end:
            raise AlphaWriteError("does not read back")
        self.end = "finished"

    def abort(self) -> None:
        self.end = self.end or "aborted"


def alphas_of(*stored, visible: dict[int, set[int]], index: int = 0) -> FrameAlphas:  # type: ignore[no-untyped-def]
    cast = Cast((), {k: frozenset(v) for k, v in visible.items()}, ())
    return FrameAlphas(frame_record(index, (), stored), cast)


class TestFrameAlphas:
    def test_only_frames_that_count(self) -> None:
        stored = alpha(1, 5), alpha(2, 40)
        frames = alphas_of(*stored, visible={1: {0}, 2: {3}})
        assert frames.of(frozenset({1})) is not None
        assert frames.of(frozenset({2})) is None
        assert frames.of(frozenset({9})) is None
        assert frames.of(frozenset()) is None

    def test_several_tracklets_are_one_person(self) -> None:
        frames = alphas_of(alpha(1, 5), alpha(2, 40, 0.5), visible={1: {0}, 2: {0}})
        person = frames.of(frozenset({1, 2}))
        assert person is not None
        assert (person.left, person.top, person.alpha.shape) == (5, 10, (40, 55))
        assert (person.alpha[:, :20] == 1).all() and not person.alpha[:, 20:35].any()
        assert person.alpha[:, 35:] == pytest.approx(0.5, abs=1e-3)

    def test_where_they_meet_they_add_up_to_1_at_most(self) -> None:
        frames = alphas_of(alpha(1, 5, 0.4), alpha(2, 15, 0.8), visible={1: {0}, 2: {0}})
        person = frames.of(frozenset({1, 2}))
        assert person is not None
        assert person.alpha[0, [0, 10, 29]] == pytest.approx([0.4, 1.0, 0.8], abs=1e-3)

    def test_an_alpha_of_nothing_is_absence(self) -> None:
        nothing = replace(alpha(1, 5), png=b"")
        assert alphas_of(nothing, visible={1: {0}}).of(frozenset({1})) is None


class TestStreamWriter:
    def write(self, plan: StreamPlan, config: OutputConfig, count: int = 10) -> MadeStream:
        stream = MadeStream()
        writer = StreamWriter(plan, stream, config, StageClock())  # type: ignore[arg-type]
        for k in range(count):
            stored = (alpha(1, 5),) if k in (3, 4) else ()
            frame = Frame(k, Fraction(k, 25), IMAGE)
            writer.write(frame, alphas_of(*stored, visible={1: {3, 4}}, index=k))
        return stream

    def test_every_frame_of_the_clip_at_its_time(self) -> None:
        written = self.write(PLAN, MATTE).written
        assert [t for t, _ in written] == [Fraction(k, 25) for k in range(10)]
        assert [k for k, (_, layer) in enumerate(written) if layer is not None] == [3, 4]
        layer = written[3][1]
        assert layer is not None and (layer.left, layer.top) == (5, 10)
        assert layer.foreground is None and (layer.alpha == 1).all()

    def test_trimmed_to_a_span_that_begins_at_0(self) -> None:
        plan = replace(PLAN, first=3, last=4)
        written = self.write(plan, replace(MATTE, is_trimmed=True)).written
        assert [t for t, _ in written] == [0, Fraction(1, 25)]
        assert all(layer is not None for _, layer in written)

    def test_colour_reaches_past_the_edge_and_stays_in_the_frame(self) -> None:
        written = self.write(PLAN, OutputConfig(format="prores4444", foreground="source")).written
        layer = written[3][1]
        assert layer is not None and layer.foreground is not None
        height, width = layer.alpha.shape
        assert layer.foreground.shape == (height, width, 3)
        assert layer.left == 0 and layer.top == 0  # margins that the frame ends
        assert layer.left + width <= 100 and layer.top + height <= 60
        assert layer.alpha.sum() == 20 * 40


class TestWorker:
    def worker(self, stream: MadeStream, stop: threading.Event) -> Worker:
        return Worker(StreamWriter(PLAN, stream, MATTE, StageClock()), stop)  # type: ignore[arg-type]

    def item(self, k: int) -> tuple[Frame, FrameAlphas]:
        return Frame(k, Fraction(k, 25), IMAGE), alphas_of(visible={}, index=k)

    def test_all_is_written_then_finished(self) -> None:
        stream, stop = MadeStream(), threading.Event()
        worker = self.worker(stream, stop)
        for k in range(10):
            worker.send(self.item(k))
        worker.send_end()
        worker.finish()
        assert len(stream.written) == 10 and stream.end == "finished" and not stop.is_set()

    def test_its_error_reaches_the_sender(self) -> None:
        stream, stop = MadeStream(fails_at=2), threading.Event()
        worker = self.worker(stream, stop)
        with pytest.raises(AlphaWriteError, match="disk full"):
            for k in range(10):
                worker.send(self.item(k))
            worker.send_end()
            worker.finish()
        assert stop.is_set()
        worker.abort()
        assert stream.end == "aborted"

    def test_an_error_at_the_end_is_raised(self) -> None:
        worker = self.worker(MadeStream(fails_at_end=True), threading.Event())
        worker.send_end()
        with pytest.raises(AlphaWriteError, match="does not read back"):
            worker.finish()

    def test_others_are_stopped_and_leave_nothing(self) -> None:
        streams, stop = [MadeStream(), MadeStream(fails_at=1)], threading.Event()
        workers = [self.worker(stream, stop) for stream in streams]
        with pytest.raises((AlphaWriteError, Cancelled)):
            for k in range(10):
                for worker in workers:
                    worker.send(self.item(k))
            for worker in workers:
                worker.send_end()
            for worker in workers:
                worker.finish()
        for worker in workers:
            worker.abort()
        assert [stream.end for stream in streams] == ["aborted", "aborted"]
        assert [type(worker.error) for worker in workers] == [type(None), AlphaWriteError]


class TestLedger:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for name in "ab":
            (tmp_path / f"{name}.mkv").write_bytes(name.encode() * 50)
        (tmp_path / "frames").mkdir()
        for number in "12":
            (tmp_path / "frames" / f"00000{number}.png").write_bytes(number.encode())
        return tmp_path

    def ledger(self, folder: Path) -> StreamLedger:
        return StreamLedger(folder / "streams.jsonl", folder)

    def test_a_stream_is_not_read_to_learn_that_its_name_is_taken(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ledger = self.ledger(folder)
        ledger.add("a.mkv", "key")
        ledger.add("b.mkv", "key")
        with monkeypatch.context() as patched:
            patched.setattr(stream_ledger, "stream_checksum", lambda path: pytest.fail(str(path)))
            assert ledger.take_over("a.mkv", "key", wanted=["a.mkv"]) is None
        assert ledger.has("a.mkv", "key") and ledger.has("b.mkv", "key")

    def test_a_stream_that_gets_another_name_leaves_no_empty_folder(self, folder: Path) -> None:
        for name in ("one/deep", "two"):
            (folder / name).mkdir(parents=True)
            (folder / name / "a.mkv").write_bytes(name.encode())
        (folder / "two" / "notes.txt").write_text("somebody's")
        ledger = self.ledger(folder)
        for old, new in (("one/deep/a.mkv", "anna/a.mkv"), ("two/a.mkv", "bert/a.mkv")):
            ledger.add(old, new)
            assert ledger.take_over(new, new, wanted=[new]) == old
        names = sorted(path.name for path in folder.iterdir() if path.is_dir())
        assert names == ["anna", "bert", "frames", "two"]

    def test_a_run_that_is_killed_while_a_stream_is_renamed_loses_none(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rename = Path.rename

        def rename_and_die(path: Path, target: Path) -> None:
            rename(path, target)
            raise KeyboardInterrupt

        ledger = self.ledger(folder)
        ledger.add("a.mkv", "key")
        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", rename_and_die)
            with pytest.raises(KeyboardInterrupt):
                ledger.take_over("anna.mkv", "key", wanted=["anna.mkv"])
        again = self.ledger(folder)
        assert again.knows("anna.mkv") and again.has("anna.mkv", "key")
        assert again.prune(["anna.mkv"]) == () and (folder / "anna.mkv").is_file()

    def test_what_was_noted_is_known_to_the_next_run(self, folder: Path) -> None:
        ledger = self.ledger(folder)
        assert not ledger.has("a.mkv", "key")
        ledger.add("a.mkv", "key")
        ledger.add("frames", "key")
        again = self.ledger(folder)
        assert again.has("a.mkv", "key") and again.has("frames", "key")
        assert not again.has("a.mkv", "another key") and not again.has("b.mkv", "key")
        assert again.checksum("a.mkv") == sha256_of(folder / "a.mkv")
        assert again.checksum("b.mkv") is None

    def test_a_folder_is_what_sha256sum_prints_of_it(self, folder: Path) -> None:
        pictures = sorted((folder / "frames").iterdir())
        (folder / "frames" / "._000001.png").write_bytes(b"a file manager's")
        lines = "".join(f"{sha256_of(path)}  {path.name}\n" for path in pictures)
        assert stream_checksum(folder / "frames") == hashlib.sha256(lines.encode()).hexdigest()
        assert stream_checksum(folder / "nothing") is None

    @pytest.mark.parametrize("damage", ["changed", "gone"])
    def test_a_damaged_stream_is_not_there(self, folder: Path, damage: str) -> None:
        self.ledger(folder).add("a.mkv", "key")
        if damage == "gone":
            (folder / "a.mkv").unlink()
        else:
            (folder / "a.mkv").write_bytes(b"something else")
        assert not self.ledger(folder).has("a.mkv", "key")

    def test_what_is_noted_before_it_has_its_name_is_there_once_it_has(self, folder: Path) -> None:
        ledger = self.ledger(folder)
        ledger.add("named", "key", folder / "frames")
        assert not ledger.has("named", "key")
        (folder / "frames").rename(folder / "named")
        assert ledger.has("named", "key")

    @pytest.mark.parametrize("damage", ["changed", "gone"])
    def test_a_picture_that_is_not_whole_is_missed(self, folder: Path, damage: str) -> None:
        self.ledger(folder).add("frames", "key")
        picture = folder / "frames" / "000002.png"
        picture.write_bytes(b"") if damage == "changed" else picture.unlink()
        assert not self.ledger(folder).has("frames", "key")

    @pytest.mark.parametrize("tear", [1, 12])
    def test_a_torn_last_line_costs_only_itself(self, folder: Path, tear: int) -> None:
        ledger = self.ledger(folder)
        ledger.add("a.mkv", "key")
        ledger.add("b.mkv", "key")
        path = folder / "streams.jsonl"
        path.write_bytes(path.read_bytes()[:-tear])
        self.ledger(folder).add("frames", "key")
        again = self.ledger(folder)
        assert again.has("a.mkv", "key") and again.has("frames", "key")
        assert again.has("b.mkv", "key") == (tear == 1)

    def test_the_newest_note_counts(self, folder: Path) -> None:
        ledger = self.ledger(folder)
        ledger.add("a.mkv", "old")
        ledger.add("a.mkv", "new")
        again = self.ledger(folder)
        assert again.has("a.mkv", "new") and not again.has("a.mkv", "old")

    def test_a_stream_is_what_was_noted_until_it_is_replaced(self, folder: Path) -> None:
        ledger = self.ledger(folder)
        ledger.add("frames", "old")
        ledger.begin("frames")
        (folder / "frames" / "000001.png").write_bytes(b"new")  # and then the run is killed
        again = self.ledger(folder)
        assert not again.has("frames", "old") and not again.has("frames", "new")
        again.begin("frames")  # it is nobody's painting
        assert (folder / "frames").is_dir() and not list(folder.glob("frames_*"))
        assert again.prune([]) == ("frames",)

    def test_checksum_of_known_bytes(self, tmp_path: Path) -> None:
        (tmp_path / "abc").write_bytes(b"abc")
        # FIPS 180-2, appendix B.1
        assert sha256_of(tmp_path / "abc") == (
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
