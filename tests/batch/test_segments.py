"""Segments between cuts: planned without gap, analysed apart, merged to the same bytes."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instmatt_video.batch import cluster_work
from instmatt_video.batch.clip_work import matte_clip
from instmatt_video.batch.job import Outcome
from instmatt_video.batch.segments import (
    Segment,
    SegmentSource,
    analyse_segment,
    find_cuts,
    merge_segments,
    plan_segments,
    segments_folder,
)
from instmatt_video.checksums import sha256_of
from instmatt_video.config import RunConfig
from instmatt_video.errors import AlphaWriteError, FrameDecodeError, OptionError, VideoOpenError
from instmatt_video.media.source import open_source
from instmatt_video.progress import ignore
from tests.batch.stubs import CUTS, LIGHT, SHOT_FRAMES, StubNetworks, chunks_of, job_of, write_shots
from tests.synthetic_clip import write_frames

SEGMENTS = [Segment(0, 20), Segment(20, 40), Segment(40, 60)]


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shots(tmp_path_factory.mktemp("clip") / "shots.mp4")


@given(
    st.integers(1, 300).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.integers(1, n), unique=True).map(sorted))
    ),
    st.integers(0, 80),
)
def test_segments_cover_the_clip_and_begin_at_cuts(
    clip: tuple[int, list[int]], min_frames: int
) -> None:
    frame_count, cuts = clip
    cuts = [cut for cut in cuts if cut < frame_count]
    segments = plan_segments(cuts, frame_count, min_frames)
    assert (segments[0].first, segments[-1].stop) == (0, frame_count)
    for before, after in itertools.pairwise(segments):
        assert before.stop == after.first
        assert after.first in cuts
        assert before.stop - before.first >= min_frames
    if not min_frames:
        assert len(segments) == 1


def test_every_cut_that_can_is_used() -> None:
    assert plan_segments([10, 30, 50], 60, 20) == [
        Segment(0, 30),
        Segment(30, 50),
        Segment(50, 60),
    ]


def test_cuts_are_found_and_counted_with_the_frames(shots: Path) -> None:
    with open_source(shots) as clip:
        seen: list[int] = []
        assert find_cuts(clip, lambda p: seen.append(p.done)) == (list(CUTS), 3 * SHOT_FRAMES)
        assert seen == list(range(1, 3 * SHOT_FRAMES + 1))


def test_a_segment_is_a_clip_of_its_own(shots: Path) -> None:
    with open_source(shots) as clip:
        whole = list(clip)[25:40]
        part = list(SegmentSource(clip, Segment(20, 40)).frames(5))
    assert [frame.index for frame in part] == list(range(5, 20))
    assert [frame.time for frame in part] == [frame.time for frame in whole]
    assert all((a.image == b.image).all() for a, b in zip(part, whole, strict=True))


def test_a_segment_knows_of_its_own_files_alone_whether_they_changed(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "shot", 40)
    with open_source(folder) as clip:
        (folder / "0025.png").write_bytes(b"another")
        SegmentSource(clip, Segment(0, 20)).refuse_changed()
        later = SegmentSource(clip, Segment(20, 40))
        later.refuse_changed(0, 5)
        for asked in ((5, 6), (0, None)):
            with pytest.raises(VideoOpenError, match="has changed while it was read"):
                later.refuse_changed(*asked)


@pytest.mark.parametrize("detect_every", [1, 3])
def test_analysed_apart_and_merged_the_store_is_the_same(
    shots: Path, tmp_path: Path, detect_every: int
) -> None:
    detection = replace(LIGHT.detection, detect_every=detect_every)
    config = replace(LIGHT, detection=detection)
    whole, parts = (job_of(shots, tmp_path / name, config) for name in ("whole", "parts"))
    assert matte_clip(whole, ignore, StubNetworks()).state == "done"
    origin = sha256_of(shots) or ""
    # In any order: none knows of another.
    made = {
        segment: analyse_segment(parts, segment, origin, StubNetworks(), ignore)
        for segment in reversed(SEGMENTS)
    }
    merge_segments(parts, SEGMENTS, [made[segment] for segment in SEGMENTS])
    assert not segments_folder(parts).exists()
    assert chunks_of(parts) == chunks_of(whole)
    assert matte_clip(parts, ignore, StubNetworks()).state == "done"
    tracks = "tracks.txt"
    assert (parts.folder / tracks).read_bytes() == (whole.folder / tracks).read_bytes()


def test_only_whole_segments_of_the_same_networks_are_merged(shots: Path, tmp_path: Path) -> None:
    job = job_of(shots, tmp_path)
    made = analyse_segment(job, SEGMENTS[0], "origin", StubNetworks(), ignore)
    with pytest.raises(OptionError, match="analysed with different networks"):
        merge_segments(job, SEGMENTS[:2], [made, {**made, "detector": "another"}])
    with pytest.raises(AlphaWriteError, match="00000020 is not whole"):
        merge_segments(job, SEGMENTS[:2], [made, made])


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers work in this process, which stays as it is."""
    for name in ("keep_log_quiet", "take_threads"):
        monkeypatch.setattr(cluster_work, name, lambda *_: None)


@pytest.mark.usefixtures("here")
def test_a_folder_of_somebody_elses_is_no_place_for_segments(shots: Path, tmp_path: Path) -> None:
    job = job_of(shots, tmp_path)
    job.folder.mkdir()
    for name in ("tracks.txt", "report.html"):
        (job.folder / name).write_text("somebody's")
    outcome = cluster_work.plan_clip(job, 15, 1, ignore)
    assert isinstance(outcome, Outcome) and (outcome.state, outcome.exit_status) == ("failed", 2)
    assert "holds files, but no run to go on with" in str(outcome.error)
    assert sorted(path.name for path in job.folder.iterdir()) == ["report.html", "tracks.txt"]


@pytest.mark.usefixtures("here")
def test_a_clip_whose_manifest_is_damaged_is_planned_all_the_same(
    shots: Path, tmp_path: Path
) -> None:
    job = job_of(shots, tmp_path)
    (job.folder / "alphas").mkdir(parents=True)
    (job.folder / "manifest.json").write_text("{")
    resumed = replace(job, config=replace(job.config, run=RunConfig(is_resumed=True)))
    assert isinstance(cluster_work.plan_clip(resumed, 15, 1, ignore), cluster_work.ClipPlan)


@pytest.mark.usefixtures("here")
def test_a_clip_that_breaks_off_is_no_segments(tmp_path: Path) -> None:
    clip = write_frames(tmp_path / "shot", 40)
    for index in range(25, 34):
        (clip / f"{index:04d}.png").write_bytes(b"torn")
    job = job_of(clip, tmp_path / "out")
    plan = cluster_work.plan_clip(job, 10, 1, ignore)
    assert isinstance(plan, cluster_work.ClipPlan) and plan.segments == ()
    # One whose disk goes away only then is not merged without its end.
    segments = [Segment(0, 20), Segment(20, 40)]
    made = analyse_segment(job, segments[0], "origin", StubNetworks(), ignore)
    with pytest.raises(FrameDecodeError, match="more than 8 frames in a row"):
        analyse_segment(job, segments[1], "origin", StubNetworks(), ignore)
    with pytest.raises(AlphaWriteError, match="00000020 is not whole"):
        merge_segments(job, segments, [made, made])
