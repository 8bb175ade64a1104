"""Streams written while the clip is read: what they hold, and when they get their names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.config import DetectionConfig, OutputConfig, RunConfig
from instmatt_video.detection.detections import Detections
from instmatt_video.errors import AlphaWriteError
from instmatt_video.frame_record import FrameRecord, pack_alpha
from instmatt_video.manifest import load_manifest
from instmatt_video.media.alpha_reader import AlphaReader, read_alpha
from instmatt_video.media.frame import ClipInfo, Frame
from instmatt_video.people.finder import FoundPeople
from instmatt_video.people.identities import cast_of
from instmatt_video.people.waiting_frames import MAX_WAITING_FRAMES
from instmatt_video.rendering.online_streams import OnlineStreams
from instmatt_video.rendering.run_result import RunResult
from instmatt_video.stages import StageClock
from tests.made_records import alpha, frame_record, tracked
from tests.media.made_faults import reads_back_wrong
from tests.synthetic_clip import BoxMatter, ColorDetector, write_clip

INFO = ClipInfo("made", None, 100, 60, Fraction(25), Fraction(1, 25))
MATTE = OutputConfig(format="matte-ffv1", has_preview=False)
ONLINE = MatteConfig(output=MATTE, run=RunConfig(is_online=True))


def found(record: FrameRecord, confirmed: set[int]) -> FoundPeople:
    frame = Frame(record.index, record.time, np.full((60, 100, 3), 128, np.uint8))
    ids = tuple(a.track_id for a in record.alphas)
    coasted = tuple(a.is_coasted for a in record.alphas)
    nobody, believed = Detections.empty(), frozenset(confirmed)
    return FoundPeople(frame, record, nobody, ids, coasted, coasted, believed)


def seen(index: int, *people: tuple[int, bool], confirmed: set[int], look: bool = True):  # type: ignore[no-untyped-def]
    """Return a frame in which track t stands at column 10 t, detected or moved along."""
    boxes = tuple(tracked(t, 10.0 * t, is_detected) for t, is_detected in people)
    alphas = tuple(alpha(t, 10 * t, is_coasted=not d) for t, d in people)
    return found(frame_record(index, boxes, alphas, was_looked_at=look), confirmed)


def write(folder: Path, frames: list[FoundPeople], config: OutputConfig = MATTE) -> RunResult:
    folder.mkdir(exist_ok=True)
    with OnlineStreams(INFO, config, folder, StageClock(), None, folder / "tracks.txt") as streams:
        for frame in frames:
            streams.write(frame)
        return streams.close()


def visible_in(path: Path) -> list[int]:
    return [k for k, matte in enumerate(read_alpha(path)) if matte.any()]


def test_frames_before_the_confirmation_are_given_back(tmp_path: Path) -> None:
    frames = [seen(k, confirmed=set()) for k in range(3)]
    frames += [seen(k, (1, True), confirmed=set()) for k in range(3, 6)]
    frames += [seen(k, (1, True), confirmed={1}) for k in range(6, 9)]
    result = write(tmp_path, frames)
    (person,) = result.cast.identities
    assert person.spans == ((3, 8),) and result.frame_count == 9
    assert visible_in(tmp_path / "person_01.mkv") == list(range(3, 9))
    with AlphaReader(tmp_path / "person_01.mkv") as reader:
        times = reader.packet_times()
    assert [round(time * 25) for time in times] == list(range(9))


def test_who_is_never_confirmed_gets_no_stream(tmp_path: Path) -> None:
    frames = [seen(0, (1, True), (2, True), confirmed=set())]
    frames += [seen(k, (2, True), confirmed={2} if k > 2 else set()) for k in range(1, 6)]
    result = write(tmp_path, frames)
    assert [plan.file for plan in result.plans] == ["person_01.mkv"]
    assert visible_in(tmp_path / "person_01.mkv") == list(range(6))
    matte = next(iter(read_alpha(tmp_path / "person_01.mkv")))
    assert matte[10:50, 20:40].all() and not matte[:, :20].any(), "track 2 stands at column 20"


@pytest.mark.parametrize(
    ("people", "visible"),
    [
        pytest.param([1, 1, 0, 0, 1, 1], [0, 1, 2, 3, 4, 5], id="found again"),
        pytest.param([1, 1, 0, 0, None, None], [0, 1], id="lost"),
        pytest.param([1, 1, 0, 0], [0, 1], id="lost at the clip's end"),
        pytest.param([1, None, 1, 0, None, 1], [0, 2, 5], id="absent in between"),
        pytest.param([1, 1, 0, 0, None, None, 1], [0, 1, 6], id="found again too late"),
    ],
)
@pytest.mark.parametrize("others", [[], [2]], ids=["alone", "beside somebody who is missed"])
def test_a_mask_that_was_moved_along_counts_once_the_person_is_found_again(
    tmp_path: Path, people: list[int | None], visible: list[int], others: list[int]
) -> None:
    """Frames wait for somebody who is missed; who else counts in them is another matter."""
    frames = [
        seen(
            k,
            *(() if state is None else ((1, bool(state)),)),
            *((other, k == 0) for other in others),
            confirmed={1, *others},
        )
        for k, state in enumerate(people)
    ]
    result = write(tmp_path, frames)
    stored = cast_of([frame.record for frame in frames], frozenset({1, *others}))
    assert stored.visible_tracklets[1] == set(visible)
    assert result.cast.identities[0].visible.tolist() == visible
    assert visible_in(tmp_path / "person_01.mkv") == visible
    rows = np.loadtxt(tmp_path / "tracks.txt", delimiter=",", ndmin=2)
    assert (rows[rows[:, 1] == 1, 0] - 1).tolist() == visible


def test_between_looks_a_mask_counts_at_once(tmp_path: Path) -> None:
    frames = [seen(k, (1, k % 3 == 0), confirmed={1}, look=k % 3 == 0) for k in range(6)]
    frames.append(seen(6, (1, False), confirmed={1}))
    frames.append(seen(7, (1, False), confirmed={1}, look=False))
    frames.append(seen(8, confirmed={1}))
    assert write(tmp_path, frames).cast.identities[0].visible.tolist() == list(range(6))


def test_numbers_go_by_first_frame_and_left_edge(tmp_path: Path) -> None:
    # Track 4 stands left of track 5; track 2 comes later, whatever its own number.
    frames = [seen(0, (5, True), (4, True), confirmed={4, 5})]
    frames += [seen(k, (2, True), (4, True), confirmed={2, 4, 5}) for k in range(1, 4)]
    identities = write(tmp_path, frames).cast.identities
    assert [next(iter(i.tracklet_ids)) for i in identities] == [4, 5, 2]
    assert [i.track_id for i in identities] == [1, 2, 3]


def test_nobody_waits_for_ever(tmp_path: Path) -> None:
    count = MAX_WAITING_FRAMES + 10
    frames = [seen(k, (1, True), confirmed=set()) for k in range(count)]
    frames.append(seen(count, (1, True), confirmed={1}))
    result = write(tmp_path, frames)
    assert result.cast.identities[0].visible.tolist() == list(range(10, count + 1))


def test_only_and_rest(tmp_path: Path) -> None:
    config = replace(MATTE, only=(2,), has_rest=True)
    frames = [seen(0, confirmed=set())]
    frames += [seen(k, (1, True), confirmed={1}) for k in range(1, 3)]
    frames += [seen(k, (2, True), (5, True), confirmed={1, 2, 5}) for k in range(3, 5)]
    result = write(tmp_path, frames, config)
    assert sorted(plan.file for plan in result.plans) == ["person_02.mkv", "rest.mkv"]
    assert visible_in(tmp_path / "person_02.mkv") == [3, 4]
    assert visible_in(tmp_path / "rest.mkv") == [1, 2, 3, 4]


def test_trimmed_to_the_span(tmp_path: Path) -> None:
    states = {3: True, 4: True, 7: True}
    frames = [seen(k, *(((1, True),) if k in states else ()), confirmed={1}) for k in range(10)]
    result = write(tmp_path, frames, replace(MATTE, is_trimmed=True))
    assert (result.plans[0].first, result.plans[0].last) == (3, 7)
    assert visible_in(tmp_path / "person_01.mkv") == [0, 1, 4]
    assert sum(1 for _ in read_alpha(tmp_path / "person_01.mkv")) == 5


@pytest.mark.parametrize("empty", [{3}, {6, 7}, {3, 4, 5, 6, 7}], ids=["first", "last", "all"])
def test_a_trimmed_stream_spans_frames_without_a_single_pixel(
    empty: set[int], tmp_path: Path
) -> None:
    nothing = AlphaFrame(0, 0, np.zeros((0, 0), np.float32))
    frames = [seen(k, *(((1, True),) if 3 <= k < 8 else ()), confirmed={1}) for k in range(10)]
    for k in empty:
        record = replace(frames[k].record, alphas=(pack_alpha(1, nothing, False),))
        frames[k] = replace(frames[k], record=record)
    result = write(tmp_path, frames, replace(MATTE, is_trimmed=True, still_frames=0))
    assert (result.plans[0].first, result.plans[0].last) == (3, 7)
    stream = [alpha.any() for alpha in read_alpha(tmp_path / "person_01.mkv")]
    assert stream == [k not in empty for k in range(3, 8)]


def test_who_was_asked_for_and_never_came_is_told_of(tmp_path: Path) -> None:
    frames = [seen(k, (1, True), confirmed={1}) for k in range(3)]
    result = write(tmp_path, frames, replace(MATTE, only=(1, 9)))
    assert result.rendered.warnings == ("only: there is no track 9; the clip has 1 people",)
    assert [plan.file for plan in result.plans] == ["person_01.mkv"]


def test_a_fault_leaves_nothing(tmp_path: Path) -> None:
    good = [seen(k, (1, True), confirmed={1}) for k in range(3)]
    with pytest.raises(ValueError, match="does not follow the frame before"):
        write(tmp_path, [*good, replace(good[-1], record=good[-1].record)])
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise AlphaWriteError("the disk is full")

    monkeypatch.setattr("instmatt_video.media.alpha_stream.AlphaStream.write", full)
    with pytest.raises(AlphaWriteError, match="the disk is full"):
        write(tmp_path, [seen(k, (1, True), confirmed={1}) for k in range(40)])
    assert not list(tmp_path.iterdir())


def test_a_fault_at_the_end_leaves_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads_back_wrong("person_02", monkeypatch)
    with pytest.raises(AlphaWriteError, match="reads back wrong"):
        write(tmp_path, [seen(k, (1, True), (2, True), confirmed={1, 2}) for k in range(3)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("every", [1, 3])
def test_a_clip_gives_the_streams_of_a_stored_run(tmp_path: Path, every: int) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 36, has_audio=True)
    detection = DetectionConfig(detect_every=every)
    stored = MatteConfig(output=MATTE, detection=detection)
    online = replace(ONLINE, detection=detection)
    manifests = [
        matte_video(clip, tmp_path / name, config, detector=ColorDetector(), matter=BoxMatter())
        for name, config in (("stored", stored), ("online", online))
    ]
    first, second = manifests
    assert len(second.tracks) == 3
    for a, b in zip(first.tracks, second.tracks, strict=True):
        # Matroska files carry a random number, and a portrait may be of another frame.
        differing = {"thumbnail", "sha256"}
        assert a.model_dump(exclude=differing) == b.model_dump(exclude=differing)
        assert a.file is not None
        paths = [tmp_path / name / "walk" / a.file for name in ("stored", "online")]
        for left, right in zip(*(read_alpha(path) for path in paths), strict=True):
            assert np.array_equal(left, right)
    folder = tmp_path / "online" / "walk"
    assert load_manifest(folder) == second
    assert second.settings["run"]["is_online"] and second.alpha_store_bytes == 0
    assert not (folder / "alphas").exists()
    rows = [set((tmp_path / n / "walk" / "tracks.txt").open()) for n in ("stored", "online")]
    assert rows[0] == rows[1]
    assert (folder / "report.html").is_file()


def test_sound_and_preview(tmp_path: Path) -> None:
    import av

    clip = write_clip(tmp_path / "walk.mp4", 12, has_audio=True)
    config = replace(ONLINE, output=OutputConfig())
    matte_video(clip, tmp_path, config, detector=ColorDetector(), matter=BoxMatter())
    with av.open(tmp_path / "walk" / "person_02.mov") as container:
        assert container.streams.audio
    with av.open(tmp_path / "walk" / "preview.mp4") as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == 12
    assert np.abs(pictures[10].astype(int) - pictures[0]).max() > 50


def test_online_and_resume_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="an online run keeps nothing to resume from"):
        RunConfig(is_online=True, is_resumed=True)


KILLED = """
import sys
from pathlib import Path
from instmatt_video import MatteConfig, matte_video
from instmatt_video.config import RunConfig
from tests.synthetic_clip import BoxMatter, ColorDetector

def report(progress):
    print(progress.stage, progress.done, flush=True)
    if progress.done == 30:
        sys.stdin.read()

matte_video(
    sys.argv[1], sys.argv[2], MatteConfig(run=RunConfig(is_online=True)), report,
    detector=ColorDetector(), matter=BoxMatter(),
)
"""


def test_a_kill_leaves_no_file_under_a_final_name(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 36)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(clip), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None and process.stdin is not None
    for line in process.stdout:
        if line.split() == ["stream", "30"]:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    process.stdin.close()
    folder = tmp_path / "walk"
    assert list(folder.iterdir())
    assert all(path.name.startswith(".") for path in folder.iterdir())
    config = replace(ONLINE, run=RunConfig(is_online=True, is_overwriting=True))
    matte_video(clip, tmp_path, config, detector=ColorDetector(), matter=BoxMatter())
    assert not list(folder.glob(".*"))
