"""Worker processes: each clip once, deaths survived, Ctrl-C clean."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from instmatt_video.batch.clip_work import matte_clip
from instmatt_video.batch.job import Outcome
from instmatt_video.batch.processes import ProcessEngine
from instmatt_video.config import RunConfig
from instmatt_video.manifest import load_manifest
from instmatt_video.progress import Progress, ignore
from tests.batch.deadly import Deadly
from tests.batch.stubs import LIGHT, StubNetworks, chunks_of, job_of
from tests.synthetic_clip import write_clip

FRAMES = 20


class Notes:
    """A `Listener` that remembers."""

    def __init__(self, stops_at: int | None = None) -> None:
        self.stops_at = stops_at
        self.outcomes: dict[int, Outcome] = {}
        self.starts: list[int] = []
        self.seen: list[tuple[int, Progress]] = []

    def started(self, index: int) -> None:
        self.starts.append(index)

    def progressed(self, index: int, progress: Progress) -> None:
        self.seen.append((index, progress))
        if self.stops_at is not None and progress.done >= self.stops_at:
            raise KeyboardInterrupt

    def finished(self, index: int, outcome: Outcome) -> None:
        assert index not in self.outcomes
        self.outcomes[index] = outcome


def test_a_worker_that_dies_is_replaced_and_its_clip_goes_on(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", FRAMES)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    marker = tmp_path / "died"
    jobs = [job_of(path, tmp_path / "out") for path in (clip, broken)]
    notes = Notes()
    ProcessEngine(2, StubNetworks(dies_at=13, marker=marker)).run(jobs, notes)
    assert marker.exists(), notes.outcomes
    assert sorted(notes.starts) == [0, 0, 1]
    assert notes.outcomes[0].state == "done"
    assert notes.outcomes[1].exit_status == 3
    assert {p.stage for i, p in notes.seen if i == 0} == {"analyse", "render"}
    whole = job_of(clip, tmp_path / "whole")
    assert matte_clip(whole, ignore, StubNetworks()).state == "done"
    assert chunks_of(jobs[0]) == chunks_of(whole)
    assert load_manifest(jobs[0].folder).tracks[0].frames_visible == FRAMES
    assert not multiprocessing.active_children()


class IdleKilled(Notes):
    """Kills whichever worker has just finished, as a system short of memory does."""

    def finished(self, index: int, outcome: Outcome) -> None:
        super().finished(index, outcome)
        for process in multiprocessing.active_children():
            process.kill()
            process.join()


def test_a_worker_that_dies_idle_is_replaced(tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / f"{name}.mp4", 6) for name in "ab"]
    notes = IdleKilled()
    jobs = [job_of(clip, tmp_path / "out") for clip in clips]
    ProcessEngine(1, StubNetworks()).run(jobs, notes)
    assert notes.starts == [0, 1]
    assert {outcome.state for outcome in notes.outcomes.values()} == {"done"}


def test_a_clip_that_kills_every_worker_fails_and_the_next_is_tried(tmp_path: Path) -> None:
    jobs = [job_of(tmp_path / name, tmp_path / "out") for name in ("a.mp4", "b.mp4")]
    notes = Notes()
    ProcessEngine(1, Deadly()).run(jobs, notes)  # type: ignore[arg-type]
    assert notes.starts == [0, 0, 1, 1]
    for index in (0, 1):
        assert notes.outcomes[index].state == "failed"
        assert "died (exit status 7), twice" in (notes.outcomes[index].error or "")


class GroupStopped(Notes):
    """What a terminal and a scheduler do: their signals go to parent and workers."""

    def __init__(self) -> None:
        super().__init__(stops_at=1)
        self.workers: list[BaseProcess] = []

    def progressed(self, index: int, progress: Progress) -> None:
        self.workers = multiprocessing.active_children()
        for worker in self.workers:
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGINT)
            os.kill(worker.pid, signal.SIGTERM)
        super().progressed(index, progress)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
def test_a_stop_leaves_no_worker_and_keeps_whole_chunks(tmp_path: Path) -> None:
    job = job_of(write_clip(tmp_path / "walk.mp4", 2 * FRAMES), tmp_path / "out")
    notes = GroupStopped()
    with pytest.raises(KeyboardInterrupt):
        ProcessEngine(1, StubNetworks()).run([job], notes)
    assert not multiprocessing.active_children()
    assert [worker.exitcode for worker in notes.workers] == [0], "it closed its files itself"
    assert not list(job.folder.glob("person_*"))
    kept = chunks_of(job)
    assert matte_clip(job, ignore, StubNetworks()).state == "done"
    assert kept.items() <= chunks_of(job).items()


def test_a_manifest_of_another_version_stays_with_the_corrections_in_it(tmp_path: Path) -> None:
    job = job_of(write_clip(tmp_path / "walk.mp4", FRAMES), tmp_path / "out")
    assert matte_clip(job, ignore, StubNetworks()).state == "done"
    manifest = job.folder / "manifest.json"
    newer = manifest.read_text().replace('"schema_version": 1', '"schema_version": 2', 1)
    manifest.write_text(newer)
    outcome = matte_clip(job, ignore, StubNetworks())
    assert (outcome.state, outcome.exit_status) == ("failed", 3)
    assert manifest.read_text() == newer


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(RunConfig(is_resumed=True), id="stored"),
        pytest.param(RunConfig(is_resumed=True, is_cleaned=True), id="cleaned"),
        pytest.param(RunConfig(is_online=True), id="online"),
    ],
)
@pytest.mark.parametrize("is_damaged", [False, True], ids=["whole", "damaged manifest"])
def test_the_same_batch_again_loses_nothing_that_was_painted(
    kind: RunConfig, is_damaged: bool, tmp_path: Path
) -> None:
    config = replace(LIGHT, output=replace(LIGHT.output, format="png"), run=kind)
    job = job_of(write_clip(tmp_path / "walk.mp4", FRAMES), tmp_path / "out", config)
    assert matte_clip(job, ignore, StubNetworks()).state == "done"
    (job.folder / "person_01" / "000004.png").write_bytes(b"painted by hand")
    if is_damaged:
        (job.folder / "manifest.json").write_text("{")
    matte_clip(job, ignore, StubNetworks())
    assert b"painted by hand" in {path.read_bytes() for path in job.folder.rglob("*.png")}


def test_a_batch_replaces_nothing_of_a_recording_that_was_broken_off(tmp_path: Path) -> None:
    online = replace(LIGHT, run=RunConfig(is_online=True))
    job = job_of(write_clip(tmp_path / "walk.mp4", FRAMES), tmp_path / "out", online)
    job.folder.mkdir(parents=True)
    (job.folder / "person_01.incomplete.mkv").write_bytes(b"all that is left")
    assert matte_clip(job, ignore, StubNetworks()).state == "failed"
    assert (job.folder / "person_01.incomplete.mkv").read_bytes() == b"all that is left"


def test_a_worker_is_needed() -> None:
    with pytest.raises(ValueError, match="workers must be 1 or more, not 0"):
        ProcessEngine(0)
