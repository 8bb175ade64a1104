"""Ray on this machine: what `--jobs 1` writes, with a worker killed on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instmatt_video.batch.cluster_work import NoticeBoard
from instmatt_video.batch.processes import ProcessEngine
from instmatt_video.batch.ray_engine import RayEngine
from instmatt_video.errors import OptionError
from instmatt_video.manifest import load_manifest
from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.progress import Progress
from tests.batch.stubs import LIGHT, SHOT_FRAMES, StubNetworks, chunks_of, job_of, write_shots
from tests.batch.test_processes import Notes
from tests.synthetic_clip import write_clip

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(Path(__file__).parents[2])  # from where workers can import the stubs
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=80_000_000,
            log_to_driver=False,
        )
    yield ray
    ray.shutdown()


def test_outputs_are_those_of_one_process_though_a_worker_is_killed(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shots, walk = write_shots(tmp_path / "shots.mp4"), write_clip(tmp_path / "walk.mp4", 20)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    clips, marker = (shots, broken, walk), tmp_path / "died"
    alone = [job_of(clip, tmp_path / "alone") for clip in clips]
    spread = [job_of(clip, tmp_path / "spread") for clip in clips]
    ProcessEngine(1, StubNetworks()).run(alone, Notes())

    put, stored = ray.put, []
    monkeypatch.setattr(ray, "put", lambda value: stored.append(value) or put(value))
    engine = RayEngine(
        cpus_per_clip=1,
        gpus_per_clip=0,
        segment_frames=15,
        provide_networks=StubNetworks(dies_at=13, marker=marker),
    )
    notes = Notes()
    engine.run(spread, notes)

    assert marker.exists()
    assert len(stored) == 1, "networks are put into the object store once"
    assert [notes.outcomes[i].state for i in range(3)] == ["done", "failed", "done"]
    assert notes.outcomes[1].exit_status == 3
    assert sorted(notes.starts) == [0, 1, 2]
    totals = {p.total for i, p in notes.seen if i == 0 and p.stage in ("cuts", "analyse")}
    assert totals == {3 * SHOT_FRAMES}
    for one, other in ((alone[0], spread[0]), (alone[2], spread[2])):
        assert chunks_of(one) == chunks_of(other)
        tracks = "tracks.txt"
        assert (one.folder / tracks).read_bytes() == (other.folder / tracks).read_bytes()
        manifests = [load_manifest(job.folder) for job in (one, other)]
        assert manifests[0].cuts == manifests[1].cuts
        files = [track.file for track in manifests[0].tracks]
        assert files and files == [track.file for track in manifests[1].tracks]
        for file in files:
            pairs = zip(read_alpha(one.folder / file), read_alpha(other.folder / file), strict=True)
            assert all(np.array_equal(a, b) for a, b in pairs)
    assert load_manifest(spread[0].folder).cuts == (21, 41)

    again = Notes()
    engine.run(spread, again)
    assert [again.outcomes[i].state for i in range(3)] == ["skipped", "failed", "skipped"]


def test_ctrl_c_ends_the_tasks_and_the_next_run_goes_on(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instmatt_video.batch.ray_engine.GRACE_S", 5.0)
    job = job_of(write_clip(tmp_path / "walk.mp4", 40), tmp_path / "out")
    marker = tmp_path / "goes on"
    networks = StubNetworks(waits_at=30, marker=marker)  # the task does not end by itself
    engine = RayEngine(cpus_per_clip=1, gpus_per_clip=0, provide_networks=networks)
    with pytest.raises(KeyboardInterrupt):
        engine.run([job], Notes(stops_at=1))
    kept = chunks_of(job)
    marker.touch()
    notes = Notes()
    engine.run([job], notes)
    assert notes.outcomes[0].state == "done"
    assert kept.items() <= chunks_of(job).items()


def test_a_lost_notice_board_ends_no_batch(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, found = tmp_path / "lost", tmp_path / "found"

    class MortalBoard(NoticeBoard):
        def take(self) -> dict[tuple[int, int], Progress]:
            if not lost.exists():
                lost.touch()
                os._exit(3)
            found.touch()
            return super().take()

    monkeypatch.setattr("instmatt_video.batch.ray_engine.NoticeBoard", MortalBoard)
    job = job_of(write_clip(tmp_path / "walk.mp4", 20), tmp_path / "out")
    networks = StubNetworks(waits_at=13, marker=found)  # until the board is there again
    notes = Notes()
    RayEngine(cpus_per_clip=1, gpus_per_clip=0, provide_networks=networks).run([job], notes)
    assert lost.exists()
    assert notes.outcomes[0].state == "done"


def test_missing_weights_fail_their_clips_only(cluster: Any, tmp_path: Path) -> None:
    config = replace(LIGHT, matting=replace(LIGHT.matting, model="nowhere.safetensors"))
    job = job_of(write_clip(tmp_path / "walk.mp4", 4), tmp_path / "out", config)
    notes = Notes()
    RayEngine(cpus_per_clip=1, gpus_per_clip=0).run([job], notes)
    assert (notes.outcomes[0].state, notes.outcomes[0].exit_status) == ("failed", 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cpus_per_clip": 0}, "cpus_per_clip must be 1 or more"),
        ({"gpus_per_clip": -1.0}, "gpus_per_clip must be 0 or more"),
        ({"gpus_per_clip": float("nan")}, "gpus_per_clip must be 0 or more"),
        ({"segment_frames": -1}, "segment_frames must be 0 or more"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RayEngine(**options)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(OptionError, match=r'pip install "instmatt-video\[ray\]"'):
        RayEngine()
