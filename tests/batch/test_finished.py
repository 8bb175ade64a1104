"""A clip is skipped only if its output is whole and what is wanted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from instmatt_video.batch.clip_work import matte_clip
from instmatt_video.batch.finished import finished_manifest
from instmatt_video.batch.job import ClipJob
from instmatt_video.checksums import digest
from instmatt_video.config import OutputConfig
from instmatt_video.manifest import WeightsRecord, load_manifest
from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.progress import Progress, ignore
from instmatt_video.weights.cache import weights_path
from instmatt_video.weights.registry import CHECKSUMS, ENTRIES, seal
from tests.batch.stubs import LIGHT, StubNetworks, job_of, overwriting
from tests.synthetic_clip import write_clip, write_frames

FRAMES = 20


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> ClipJob:
    folder = tmp_path_factory.mktemp("made")
    job = job_of(write_clip(folder / "walk.mp4", FRAMES), folder / "out")
    assert matte_clip(job, ignore, StubNetworks()).state == "done"
    return job


@pytest.fixture
def job(made: ClipJob, tmp_path: Path) -> ClipJob:
    """Return a finished clip that a test may spoil."""
    clip = tmp_path / "walk.mp4"
    shutil.copy(made.clip, clip)
    shutil.copytree(made.folder, tmp_path / "out" / "walk")
    return job_of(clip, tmp_path / "out")


def stages_of(job: ClipJob) -> tuple[str, set[str]]:
    """Return the state of one more run and the stages that it went through."""
    seen: list[Progress] = []
    outcome = matte_clip(job, seen.append, StubNetworks())
    return outcome.state, {progress.stage for progress in seen}


def test_a_finished_clip_is_skipped_with_its_figures(job: ClipJob) -> None:
    outcome = matte_clip(job, ignore, StubNetworks())
    assert (outcome.state, outcome.frames, outcome.people) == ("skipped", FRAMES, 2)
    assert outcome.wall_s > 0


def spoil_stream(job: ClipJob) -> None:
    (job.folder / "person_02.mkv").write_bytes(b"cut short")


def spoil_manifest(job: ClipJob) -> None:
    (job.folder / "manifest.json").write_text('{"schema_version": 1')


def lose_stream(job: ClipJob) -> None:
    (job.folder / "person_01.mkv").unlink()


def lose_tracks(job: ClipJob) -> None:
    (job.folder / "tracks.txt").unlink()


@pytest.mark.parametrize("spoil", [spoil_stream, spoil_manifest, lose_stream, lose_tracks])
def test_what_is_not_whole_is_made_again_without_the_networks(
    job: ClipJob, spoil: Callable[[ClipJob], None]
) -> None:
    spoil(job)
    assert finished_manifest(job) is None
    assert stages_of(job) == ("done", {"render"})
    assert finished_manifest(job) is not None
    assert len(list(read_alpha(job.folder / "person_02.mkv"))) == FRAMES


def lose_a_picture(folder: Path) -> None:
    (folder / "person_02" / "000007.png").unlink()


def empty_a_picture(folder: Path) -> None:
    (folder / "person_02" / "000007.png").write_bytes(b"")


def empty_the_report(folder: Path) -> None:
    (folder / "report.html").write_bytes(b"")


def look_at_a_folder(folder: Path) -> None:
    (folder / "person_02" / ".DS_Store").write_bytes(b"icons")


@pytest.mark.parametrize(
    ("spoil", "is_done"),
    [
        (lose_a_picture, False),
        (empty_a_picture, False),
        (empty_the_report, False),
        (look_at_a_folder, True),
    ],
)
def test_every_picture_of_a_folder_is_there(
    job: ClipJob, spoil: Callable[[Path], None], is_done: bool
) -> None:
    output = OutputConfig(format="png", has_preview=False)
    job = replace(job, config=replace(LIGHT, output=output))
    assert stages_of(job) == ("done", {"render"})
    assert stages_of(job) == ("skipped", set())
    spoil(job.folder)
    assert stages_of(job) == (("skipped", set()) if is_done else ("done", {"render"}))
    assert len(list((job.folder / "person_02").glob("*.png"))) == FRAMES
    assert (job.folder / "report.html").stat().st_size


def spoil_rest(job: ClipJob) -> None:
    (job.folder / "rest.mkv").write_bytes(b"cut short")


def lose_rest(job: ClipJob) -> None:
    (job.folder / "rest.mkv").unlink()


@pytest.mark.parametrize("spoil", [spoil_rest, lose_rest])
def test_the_rest_is_whole_too(job: ClipJob, spoil: Callable[[ClipJob], None]) -> None:
    output = replace(LIGHT.output, has_rest=True, only=(1,))
    job = replace(job, config=replace(LIGHT, output=output))
    assert stages_of(job) == ("done", {"render"})
    assert finished_manifest(job) is not None
    spoil(job)
    assert finished_manifest(job) is None
    assert stages_of(job) == ("done", {"render"})
    assert len(list(read_alpha(job.folder / "rest.mkv"))) == FRAMES


def test_another_format_is_another_output(job: ClipJob) -> None:
    output = OutputConfig(format="matte-mp4", has_preview=False, has_report=False)
    other = replace(job, config=replace(LIGHT, output=output))
    assert stages_of(other) == ("done", {"render"})
    assert (job.folder / "person_01.mp4").exists()


def test_settings_that_change_no_output_do_not_count(job: ClipJob) -> None:
    run = replace(LIGHT.run, chunk_frames=5, is_resumed=False)
    assert finished_manifest(replace(job, config=replace(LIGHT, run=run))) is not None


def test_another_source_of_the_same_name_is_not_mixed_in(job: ClipJob) -> None:
    write_clip(Path(job.clip), FRAMES + 1)
    outcome = matte_clip(job, ignore, StubNetworks())
    assert (outcome.state, outcome.exit_status) == ("failed", 2)
    assert "made with another source" in (outcome.error or "")
    outcome = matte_clip(replace(job, config=overwriting()), ignore, StubNetworks())
    assert (outcome.state, outcome.frames) == ("done", FRAMES + 1)


def test_weights_that_were_trained_on_are_others(job: ClipJob, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(b"trained")
    weights = (WeightsRecord(name=str(own), sha256=digest(own)),)
    load_manifest(job.folder).model_copy(update={"weights": weights}).save(job.folder)
    assert finished_manifest(job) is not None
    own.write_bytes(b"trained on")
    assert finished_manifest(job) is None
    own.unlink()
    assert finished_manifest(job) is not None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache, for torchvision's files too."""
    folder = tmp_path / "home"
    folder.mkdir()
    for variable in ("INSTMATT_VIDEO_HOME", "TORCH_HOME"):
        monkeypatch.setenv(variable, str(folder))
    return folder


def is_finished_with(job: ClipJob, name: str, sha256: str) -> bool:
    """Say whether a clip is done that was matted with weights of that name and checksum."""
    weights = (WeightsRecord(name=name, sha256=sha256),)
    load_manifest(job.folder).model_copy(update={"weights": weights}).save(job.folder)
    return finished_manifest(job) is not None


@pytest.mark.parametrize("name", ["lite", "compact"])
def test_embedded_weights_that_were_replaced_are_others(job: ClipJob, name: str) -> None:
    assert is_finished_with(job, name, digest(weights_path(ENTRIES[name])))
    assert not is_finished_with(job, name, 64 * "0")


def test_weights_that_are_pinned_are_known_without_their_file(job: ClipJob, home: Path) -> None:
    assert is_finished_with(job, "maskrcnn", "73cbd019" + 56 * "0")
    assert not is_finished_with(job, "maskrcnn", 64 * "0")


def test_weights_that_were_converted_again_are_others(job: ClipJob, home: Path) -> None:
    base = weights_path(ENTRIES["base"])
    assert is_finished_with(job, "base", 64 * "0"), "of what is not here nobody can tell"
    base.write_bytes(b"converted")
    sha256 = seal(base)
    assert is_finished_with(job, "base", sha256)
    assert not is_finished_with(job, "base", 64 * "0")
    (home / CHECKSUMS).write_text("torn")
    assert not is_finished_with(job, "base", sha256)


def test_overwriting_does_even_a_finished_clip_again(job: ClipJob) -> None:
    again = replace(job, config=overwriting())
    assert stages_of(again) == ("done", {"analyse", "render"})


def test_an_online_run_that_broke_off_begins_again(job: ClipJob) -> None:
    run = replace(LIGHT.run, is_resumed=False, is_online=True)
    online = replace(job, config=replace(LIGHT, run=run))
    (job.folder / "manifest.json").unlink()
    assert matte_clip(online, ignore, StubNetworks()).state == "done"
    assert matte_clip(online, ignore, StubNetworks()).state == "skipped"


def test_a_folder_of_pictures_is_known_by_its_path(made: ClipJob, tmp_path: Path) -> None:
    import cv2

    from tests.synthetic_clip import picture

    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(3):
        cv2.imwrite(str(folder / f"{index:03d}.png"), picture(index)[..., ::-1])
    job = job_of(folder, tmp_path / "out")
    assert [matte_clip(job, ignore, StubNetworks()).state for _ in range(2)] == ["done", "skipped"]
    moved = folder.rename(tmp_path / "else")
    assert finished_manifest(replace(job, clip=str(moved))) is None


def test_a_clip_that_breaks_off_is_finished_so_far_but_never_done(tmp_path: Path) -> None:
    clip = write_frames(tmp_path / "shot", FRAMES + 9)
    for index in range(FRAMES, FRAMES + 9):
        (clip / f"{index:04d}.png").write_bytes(b"torn")
    job = job_of(clip, tmp_path / "out")
    for _ in range(2):
        outcome = matte_clip(job, ignore, StubNetworks())
        assert (outcome.state, outcome.exit_status) == ("failed", 3)
        assert "more than 8 frames in a row" in str(outcome.error)
        assert len(list(read_alpha(job.folder / "person_01.mkv"))) == FRAMES
