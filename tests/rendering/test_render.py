"""From stored alphas to streams: plans, names, faults."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.alpha_store import AlphaStore
from instmatt_video.config import OutputConfig
from instmatt_video.errors import AlphaWriteError, OptionError
from instmatt_video.frame_record import FrameRecord
from instmatt_video.media.alpha_reader import AlphaReader, read_alpha
from instmatt_video.media.frame import ClipInfo, Frame
from instmatt_video.media.frame_source import FrameSource
from instmatt_video.media.video_stream import VideoAlphaStream
from instmatt_video.people.identities import Cast, cast_of
from instmatt_video.progress import Progress, ignore
from instmatt_video.rendering.render import RenderResult, render
from instmatt_video.rendering.stream_plans import StreamPlan, plan_streams
from instmatt_video.rendering.stream_writers import open_stream
from instmatt_video.stages import StageClock
from instmatt_video.trackers import StitchConfig
from tests.made_records import alpha, frame_record, tracked
from tests.media.made_faults import reads_back_wrong

FRAMES = 12
INFO = ClipInfo("clip", None, 96, 64, Fraction(25), Fraction(1, 25), frame_count=FRAMES)
CONFIG = OutputConfig(format="matte-ffv1", has_preview=False)


class GreySource(FrameSource):
    def __init__(self, count: int = FRAMES) -> None:
        super().__init__()
        self.info, self.count = INFO, count

    def frames(self, start: int = 0) -> Iterator[Frame]:
        for k in range(start, self.count):
            yield Frame(k, Fraction(k, 25), np.full((64, 96, 3), 128, np.uint8))


class LateSource(GreySource):
    """Its first frame is shown after a second."""

    def __init__(self) -> None:
        super().__init__()
        self.info = replace(INFO, first_time=Fraction(1))

    def frames(self, start: int = 0) -> Iterator[Frame]:
        for frame in super().frames(start):
            yield replace(frame, time=frame.time + 1)


def complete_store(folder: Path, records: list[FrameRecord]) -> AlphaStore:
    store = AlphaStore(folder / "out" / "alphas", {})
    store.create()
    store.append(records)
    store.complete()
    return store


@pytest.fixture
def store(tmp_path: Path) -> AlphaStore:
    """Person 1 at column 8 all the time, person 2 at 60 from frame 4 to 9, 3 never confirmed."""
    records = []
    for k in range(FRAMES):
        tracks, alphas = [tracked(1, 8)], [alpha(1, 8)]
        if 4 <= k < 10:
            tracks.append(tracked(2, 60))
            alphas.append(alpha(2, 60, 0.5))
        records.append(frame_record(k, tuple(tracks), tuple(alphas)))
    return complete_store(tmp_path, records)


@pytest.fixture
def cast(store: AlphaStore) -> Cast:
    return cast_of(store.records(), frozenset({1, 2}), StitchConfig(min_identity_frames=3))


def run(
    store: AlphaStore, cast: Cast, config: OutputConfig = CONFIG, source: FrameSource | None = None
) -> RenderResult:
    plans = plan_streams(cast, INFO, FRAMES, config)
    folder = store.folder.parent
    return render(source or GreySource(), store, cast, plans, config, folder, StageClock(), ignore)


def alphas(path: Path) -> np.ndarray:
    return np.stack(list(read_alpha(path)))


class TestSteadiedAlphas:
    """The picture stands still; a person's alpha is 0.25 in one frame and 0.75 in the next."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> AlphaStore:
        flickering = [
            frame_record(k, (tracked(1, 8),), (alpha(1, 8, 0.25 + 0.5 * (k % 2)),))
            for k in range(FRAMES)
        ]
        return complete_store(tmp_path, flickering)

    @pytest.fixture
    def cast(self, store: AlphaStore) -> Cast:
        return cast_of(store.records(), frozenset({1}), StitchConfig(min_identity_frames=3))

    def test_they_agree_and_every_frame_keeps_its_place(
        self, store: AlphaStore, cast: Cast
    ) -> None:
        run(store, cast)
        seen = alphas(store.folder.parent / "person_01.mkv")[:, 30, 15]
        assert len(seen) == FRAMES
        # Of five frames around two or three are bright; at the ends there are fewer.
        bright = [0.5 + 0.25 * (1 if k % 2 else -1) / 5 for k in range(FRAMES)]
        assert seen[2:-2] == pytest.approx(bright[2:-2], abs=1e-3)

    def test_another_reach_is_rendered_anew(self, store: AlphaStore, cast: Cast) -> None:
        run(store, cast)
        assert run(store, cast).written == ()
        plain = replace(CONFIG, still_frames=0)
        assert run(store, cast, plain).written == ("person_01.mkv",)
        seen = alphas(store.folder.parent / "person_01.mkv")[:, 30, 15]
        assert seen == pytest.approx(np.tile([0.25, 0.75], FRAMES // 2), abs=1e-3)


def test_streams_hold_the_stored_alphas(store: AlphaStore, cast: Cast) -> None:
    result = run(store, cast)
    folder = store.folder.parent
    first, second = alphas(folder / "person_01.mkv"), alphas(folder / "person_02.mkv")
    assert first.shape == second.shape == (FRAMES, 64, 96)
    assert [k for k in range(FRAMES) if second[k].any()] == [4, 5, 6, 7, 8, 9]
    assert second[5, 10:50, 60:80] == pytest.approx(0.5, abs=1e-3)
    assert second[5].sum() == pytest.approx(0.5 * 800, rel=1e-3)
    assert first[5].sum() == 800
    assert set(result.checksums) == {"person_01.mkv", "person_02.mkv"}
    assert all(result.checksums.values()) and set(result.thumbnails) == {1, 2}
    assert all(t.startswith("data:image/jpeg;base64,") for t in result.thumbnails.values())


def test_what_is_there_and_whole_is_not_written_again(store: AlphaStore, cast: Cast) -> None:
    run(store, cast)
    folder = store.folder.parent
    stamps = {p: p.stat().st_mtime_ns for p in folder.glob("*.mkv")}
    (folder / "person_02.mkv").write_bytes(b"cut")
    told: list[Progress] = []
    plans = plan_streams(cast, INFO, FRAMES, CONFIG)
    render(GreySource(), store, cast, plans, CONFIG, folder, StageClock(), told.append)
    assert {p.people for p in told} == {1} and [p.done for p in told] == list(range(1, 13))
    assert (folder / "person_01.mkv").stat().st_mtime_ns == stamps[folder / "person_01.mkv"]
    assert len(alphas(folder / "person_02.mkv")) == FRAMES


def test_other_identities_are_written_again(store: AlphaStore, cast: Cast) -> None:
    run(store, cast)
    folder = store.folder.parent
    shorter = replace(cast, visible_tracklets={1: frozenset({0}), 2: frozenset({4})})
    run(store, shorter)
    assert [k for k, a in enumerate(alphas(folder / "person_01.mkv")) if a.any()] == [0]


@pytest.mark.parametrize("failing", [0, 1])
def test_the_error_of_any_writer_is_raised_and_nothing_half_is_left(
    store: AlphaStore, cast: Cast, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    from instmatt_video.rendering import stream_writers

    write = stream_writers.StreamWriter.write

    def fail(self, frame, alphas):  # type: ignore[no-untyped-def]
        if self.plan.track_id == failing + 1 and frame.index == 5:
            raise AlphaWriteError(f"no room for {self.plan.file}")
        write(self, frame, alphas)

    monkeypatch.setattr(stream_writers.StreamWriter, "write", fail)
    before = threading.active_count()
    with pytest.raises(AlphaWriteError, match=f"no room for person_0{failing + 1}"):
        run(store, cast)
    folder = store.folder.parent
    assert not list(folder.glob("*.mkv")) and not list(folder.glob(".*"))
    assert threading.active_count() == before


@pytest.mark.parametrize("failing", [1, 2])
def test_a_stream_that_fails_at_its_end_alone_is_written_again(
    store: AlphaStore, cast: Cast, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    wrong, whole = f"person_0{failing}", f"person_0{3 - failing}.mkv"
    with monkeypatch.context() as patched:
        reads_back_wrong(wrong, patched)
        with pytest.raises(AlphaWriteError, match="reads back wrong"):
            run(store, cast)
    assert [path.name for path in store.folder.parent.glob("*.mkv")] == [whole]
    assert run(store, cast).written == (f"{wrong}.mkv",)


def test_streams_are_verified_at_once(
    store: AlphaStore, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, verify = threading.Barrier(2, timeout=30), VideoAlphaStream.verify

    def verify_beside_another(stream: VideoAlphaStream) -> None:
        together.wait()
        verify(stream)

    monkeypatch.setattr(VideoAlphaStream, "verify", verify_beside_another)
    assert run(store, cast).written == ("person_01.mkv", "person_02.mkv")


def test_a_trimmed_stream_is_another_where_the_clip_begins_late(
    store: AlphaStore, cast: Cast
) -> None:
    """A person is there all the time: the span is the same, and the times are not."""
    late = LateSource()
    run(store, cast, source=late)
    trimmed = replace(CONFIG, is_trimmed=True)
    assert "person_01.mkv" in run(store, cast, trimmed, late).written
    with AlphaReader(store.folder.parent / "person_01.mkv") as reader:
        assert reader.packet_times()[0] == 0


def test_a_source_that_has_become_shorter(store: AlphaStore, cast: Cast) -> None:
    with pytest.raises(AlphaWriteError, match="frame 7 can no longer be read"):
        run(store, cast, source=GreySource(7))
    assert not list(store.folder.parent.glob("*.mkv"))


def test_a_format_that_cannot_be(cast: Cast) -> None:
    with pytest.raises(OptionError):
        plan_streams(cast, INFO, FRAMES, replace(CONFIG, format="gif"))


def test_timecode_of_a_trimmed_stream_tells_the_time_where_the_rate_varies(tmp_path: Path) -> None:
    """Its fourth frame is shown after 54 of 25 a second."""
    info = replace(INFO, timecode="01:00:00:00", is_variable_rate=True, first_time=Fraction(0))
    plan = StreamPlan(1, "Anna", frozenset({1}), "person_01.mov", 4, 6)
    config = replace(CONFIG, format="prores4444", is_trimmed=True)
    for clip, timecode in (
        (info, "01:00:02:04"),
        (replace(info, is_variable_rate=False), "01:00:00:04"),
    ):
        stream = open_stream(plan, clip, config, tmp_path, None, Fraction(54, 25))
        assert stream.info.timecode == timecode
        stream.abort()
