"""The whole flow on a clip whose truth is known."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video import MatteConfig
from instmatt_video.config import DetectionConfig, RunConfig
from instmatt_video.errors import AlphaWriteError, OptionError, VideoOpenError
from instmatt_video.manifest import load_manifest
from instmatt_video.matting.frame_matter import FrameMatter
from instmatt_video.progress import Progress
from tests.made_run import FRAMES, LIGHT, alphas, run
from tests.synthetic_clip import SIZE, BoxMatter, ColorDetector, boxes_at, write_clip, write_frames


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES, has_audio=True)


def test_one_stream_a_person_with_the_truth_in_every_frame(clip: Path, tmp_path: Path) -> None:
    manifest = run(clip, tmp_path)
    assert [t.first_frame for t in manifest.tracks] == [1, 7, 25]
    assert [t.last_frame for t in manifest.tracks] == [40, 20, 40]
    for person, track in enumerate(manifest.tracks):
        assert track.file == f"person_{person + 1:02d}.mkv"
        found = alphas(tmp_path / "walk" / track.file)
        assert found.shape == (FRAMES, SIZE[1], SIZE[0])
        for index in range(FRAMES):
            truth = np.zeros(found.shape[1:], np.float32)
            box = boxes_at(index).get(person)
            if box is not None:
                left, top, right, bottom = box
                truth[top:bottom, left:right] = 1
            assert np.abs(found[index] - truth).mean() < 0.002, (person, index)


def test_manifest_tracks_and_report_say_the_same(clip: Path, tmp_path: Path) -> None:
    manifest = run(clip, tmp_path)
    folder = tmp_path / "walk"
    assert load_manifest(folder) == manifest
    rows = np.loadtxt(folder / "tracks.txt", delimiter=",")
    assert set(rows[:, 1]) == {1, 2, 3}
    visible = {track.id: track.frames_visible for track in manifest.tracks}
    assert {i: int((rows[:, 1] == i).sum()) for i in visible} == visible
    page = (folder / "report.html").read_text()
    assert all(track.name in page for track in manifest.tracks)
    assert manifest.alpha_store_bytes == sum(
        p.stat().st_size for p in (folder / "alphas").glob("*.chunk")
    )


def test_prores_with_sound_and_preview(clip: Path, tmp_path: Path) -> None:
    manifest = run(clip, tmp_path, MatteConfig())
    folder = tmp_path / "walk"
    import av

    with av.open(folder / "person_01.mov") as container:
        # Written from 10 bits; FFmpeg decodes ProRes 4444 to 12.
        assert container.streams.video[0].codec_context.pix_fmt == "yuva444p12le"
        assert container.streams.audio
    with av.open(folder / "preview.mp4") as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES
    assert manifest.audio == "copied"
    inside = alphas(folder / "person_01.mov")[10]
    left, top, right, bottom = boxes_at(10)[0]
    assert (inside[top:bottom, left:right] == 1).mean() > 0.99


@pytest.mark.parametrize("is_online", [False, True], ids=["stored", "online"])
def test_nobody_is_no_error_but_told(
    is_online: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_clip(tmp_path / "empty.mp4", 3, picture=lambda _: np.zeros((96, 160, 3), "u1"))
    config = replace(LIGHT, run=RunConfig(is_online=is_online))
    manifest = run(source, tmp_path / "out", config, detector=GuessingDetector())
    assert manifest.tracks == ()
    assert not list((tmp_path / "out" / "empty").glob("person_*"))
    (line,) = manifest.warnings
    assert "to have a stream; where somebody is there, try --detector maskrcnn, or masks" in line
    assert line in caplog.messages
    given = run(source, tmp_path / "given", config)
    assert given.warnings == ("the masks show nobody, so nobody has a stream",)


@pytest.mark.parametrize(
    ("format", "words"),
    [
        ("prores4444", "straight, linear, full range"),
        ("matte-ffv1", "matte alone, linear, full range"),
        ("matte-prores", "matte alone, linear, video range"),
        ("exr", "premultiplied, linear, full range"),
    ],
)
def test_manifest_and_report_say_how_a_format_holds_alpha(
    format: str, words: str, tmp_path: Path
) -> None:
    if format == "exr":
        pytest.importorskip("OpenEXR")
    source = write_clip(tmp_path / "walk.mp4", 3)
    output = replace(LIGHT.output, format=format)
    assert run(source, tmp_path, replace(LIGHT, output=output)).alpha == words
    page = (tmp_path / "walk" / "report.html").read_text()
    assert f"<dt>Alpha</dt><dd>{words}</dd>" in page


@pytest.mark.parametrize("is_online", [False, True], ids=["stored", "online"])
def test_a_rate_in_place_of_a_videos_own_is_told_of(
    is_online: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_clip(tmp_path / "walk.mp4", 3)
    run_config = RunConfig(is_online=is_online)
    manifest = run(source, tmp_path, replace(LIGHT, frame_rate=Fraction(12), run=run_config))
    assert manifest.source.frame_rate == "12"
    warning = "its own 25 frames/s are replaced by 12, as asked (--fps)"
    assert warning in manifest.warnings and warning in caplog.messages


class GuessingDetector(ColorDetector):
    """Its masks are no drawings, of which everybody would be kept."""

    has_exact_masks = False


def test_whoever_comes_with_the_last_frames_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clip = write_clip(tmp_path / "late.mp4", 26)  # the last person comes with frame 25
    with caplog.at_level("WARNING"):
        manifest = run(clip, tmp_path / "out", detector=GuessingDetector())
    assert len(manifest.tracks) == 2
    (line,) = manifest.warnings
    assert "the last frame, 26, shows somebody too new" in line
    assert line in caplog.text and line in (tmp_path / "out/late/report.html").read_text()


def test_only_rest_and_trim(clip: Path, tmp_path: Path) -> None:
    output = replace(LIGHT.output, only=(2,), has_rest=True, is_trimmed=True)
    manifest = run(clip, tmp_path, replace(LIGHT, output=output))
    folder = tmp_path / "walk"
    assert [t.file for t in manifest.tracks] == [None, "person_02.mkv", None]
    assert len(alphas(folder / "person_02.mkv")) == 14
    rest = alphas(folder / "rest.mkv")
    assert len(rest) == FRAMES
    expected = sum((r - left) * (b - t) for k, (left, t, r, b) in boxes_at(30).items() if k != 1)
    assert rest[30].sum() == pytest.approx(expected, rel=0.02)


def test_detection_now_and_then_follows_people_in_between(clip: Path, tmp_path: Path) -> None:
    detector = ColorDetector()
    config = replace(LIGHT, detection=DetectionConfig(detect_every=3))
    manifest = run(clip, tmp_path, config, detector=detector)
    assert len(detector.looks) < FRAMES / 2
    first = manifest.tracks[0]
    assert first.frames_visible == FRAMES
    found = alphas(tmp_path / "walk" / "person_01.mkv")
    for index in (7, 16, 28):
        left, top, right, bottom = boxes_at(index)[0]
        truth = np.zeros(found.shape[1:], np.float32)
        truth[top:bottom, left:right] = 1
        overlap = np.minimum(truth, found[index]).sum() / np.maximum(truth, found[index]).sum()
        assert overlap > 0.8, index


def test_an_earlier_output_is_neither_lost_nor_mixed(clip: Path, tmp_path: Path) -> None:
    run(clip, tmp_path)
    with pytest.raises(OptionError, match="--resume goes on with it, --overwrite replaces it"):
        run(clip, tmp_path)
    stray = tmp_path / "walk" / "notes.txt"
    stray.write_text("mine")
    config = replace(LIGHT, run=RunConfig(is_overwriting=True))
    run(clip, tmp_path, config)
    assert stray.read_text() == "mine"


def test_the_manifest_counts_the_frames_of_every_stage(clip: Path, tmp_path: Path) -> None:
    config = replace(LIGHT, run=RunConfig(chunk_frames=16))  # 40 frames: two chunks and a part
    manifest = run(clip, tmp_path, config)
    counted = {stage.name: stage.frames for stage in manifest.stages}
    once = dict.fromkeys(("detect", "steady", "matte", "pack", "store", "still"), FRAMES)
    people = len(manifest.tracks)
    assert counted == once | {
        "decode": 2 * FRAMES,
        "foreground": sum(track.frames_visible for track in manifest.tracks),
        "encode": people * FRAMES,
        "verify": people,
    }


def test_a_detector_comes_from_one_place(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="provide_networks provides detector and matter"):
        run(clip, tmp_path, provide_networks=lambda *_: pytest.fail("asked"))
    assert not (tmp_path / "walk").exists()


def test_nobody_else_works_in_the_folder_meanwhile(clip: Path, tmp_path: Path) -> None:
    refused = []

    def interfere(progress: Progress) -> None:
        if progress.done != 12:
            return
        for choice in (RunConfig(is_resumed=True), RunConfig(is_overwriting=True)):
            with pytest.raises(OptionError, match="walk is being rendered by another process"):
                run(clip, tmp_path, replace(LIGHT, run=choice))
            refused.append(progress.stage)

    manifest = run(clip, tmp_path, progress=interfere)
    assert len(refused) == 4 and len(set(refused)) == 2, "while matting and while rendering"
    assert all((tmp_path / "walk" / track.file).is_file() for track in manifest.tracks)
    run(clip, tmp_path, replace(LIGHT, run=RunConfig(is_resumed=True)))


@pytest.mark.parametrize(
    ("stage", "is_online"),
    [
        pytest.param("analyse", False, id="while matting"),
        pytest.param("render", False, id="while rendering"),
        pytest.param("stream", True, id="online"),
    ],
)
@pytest.mark.parametrize("is_folder", [False, True], ids=["a video", "a folder"])
def test_a_clip_that_changes_meanwhile_is_told_of_and_costs_nothing(
    is_folder: bool, stage: str, is_online: bool, clip: Path, tmp_path: Path
) -> None:
    changing = tmp_path / "walk.mp4"
    if is_folder:
        changing = write_frames(tmp_path / "walk", FRAMES) / f"{FRAMES - 1:04d}.png"
    else:
        shutil.copy(clip, changing)
    source, former = changing.parent if is_folder else changing, tmp_path / "former"

    def overwrite(progress: Progress) -> None:
        if (progress.stage, progress.done) == (stage, 20):
            changing.rename(former)
            changing.write_bytes(former.read_bytes())

    choice = RunConfig(chunk_frames=8, is_online=is_online)
    with pytest.raises(VideoOpenError, match=f"{source} has changed while it was read"):
        run(source, tmp_path / "out", replace(LIGHT, run=choice), progress=overwrite)
    folder = tmp_path / "out" / "walk"
    assert [path.name for path in folder.iterdir()] == ([] if is_online else ["alphas"])
    if is_online:
        return
    former.rename(changing)
    detector = ColorDetector()
    resumed = replace(LIGHT, run=RunConfig(chunk_frames=8, is_resumed=True))
    run(source, tmp_path / "out", resumed, detector=detector)
    kept = 32 if is_folder else 16  # of a folder, what was made of the files that did not change
    assert min(detector.looks, default=FRAMES) == (kept if stage == "analyse" else FRAMES)
    run(source, tmp_path / "whole")
    for name in ("person_01.mkv", "person_02.mkv", "person_03.mkv"):
        whole = alphas(tmp_path / "whole" / "walk" / name)
        assert np.array_equal(alphas(folder / name), whole)


def test_clean_removes_the_store(clip: Path, tmp_path: Path) -> None:
    run(clip, tmp_path, replace(LIGHT, run=RunConfig(is_cleaned=True)))
    assert not (tmp_path / "walk" / "alphas").exists()
    assert (tmp_path / "walk" / "person_01.mkv").exists()


def test_missing_clip(tmp_path: Path) -> None:
    with pytest.raises(VideoOpenError, match=r"nothing\.mp4"):
        run(tmp_path / "nothing.mp4", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unwritable_output(clip: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(AlphaWriteError, match="cannot be written"):
        run(clip, blocked)


def test_disk_full_in_the_store(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("instmatt_video.alpha_store.os.fsync", full)
    with pytest.raises(AlphaWriteError, match="No space left on device"):
        run(clip, tmp_path)


def test_progress_is_told_of_both_phases(clip: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []
    run(clip, tmp_path, progress=lambda p: seen.append((p.stage, p.done)))
    assert [d for s, d in seen if s == "analyse"] == list(range(1, FRAMES + 1))
    assert [d for s, d in seen if s == "render"] == list(range(1, FRAMES + 1))


def test_manifest_is_plain_json(clip: Path, tmp_path: Path) -> None:
    started = time.time()
    run(clip, tmp_path)
    data = json.loads((tmp_path / "walk" / "manifest.json").read_text())
    assert data["schema_version"] == 1
    assert data["source"]["frame_count"] == FRAMES
    assert 0 < data["wall_s"] < time.time() - started + 1


def test_a_matter_of_ones_own_needs_no_more_than_it_is_told() -> None:
    """The one that mattes here and in most tests has nothing else."""
    asked, has = (
        {name for name in vars(kind) if not name.startswith("_")}
        for kind in (FrameMatter, BoxMatter)
    )
    assert asked == has
