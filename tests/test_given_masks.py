"""A clip whose people somebody else has drawn: `--detector masks:DIR`, from command to streams."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.batch.clip_work import matte_clip
from instmatt_video.batch.job import ClipJob, Outcome
from instmatt_video.cli import main
from instmatt_video.config import DetectionConfig, OutputConfig, RunConfig
from instmatt_video.manifest import Manifest, load_manifest
from instmatt_video.matting.matter import Matter
from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.people.finder import MAX_COAST_FRAMES
from instmatt_video.progress import ignore
from instmatt_video.trackers import Tracker
from tests.synthetic_clip import SIZE, BoxMatter, boxes_at, write_clip

FRAMES = 24
Boxes = dict[str, tuple[int, int, int, int]]
"""By person."""


@pytest.fixture(autouse=True)
def boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matte people by their boxes: nothing here is the network's."""
    monkeypatch.setattr(Matter, "from_config", lambda *_: BoxMatter())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES)


def everybody(frame: int) -> Boxes:
    return {f"person{number}": box for number, box in boxes_at(frame).items()}


def without_legs(frame: int) -> Boxes:
    return {name: (a, b, c, d - 16) for name, (a, b, c, d) in everybody(frame).items()}


def draw(
    folder: Path, people: Callable[[int], Boxes] = everybody, layout: str = "{person}/{frame}.png"
) -> Path:
    """Write a mask for each person and frame; `{frame}.png` gets labels of everybody."""
    for frame in range(FRAMES):
        labels = np.zeros(SIZE[::-1], np.uint8)
        for label, (name, (left, top, right, bottom)) in enumerate(people(frame).items(), 1):
            mask = np.zeros_like(labels)
            mask[top:bottom, left:right] = 255
            labels[mask > 0] = label
            path = folder / layout.format(person=name, frame=f"{frame:04d}")
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), mask if "{person}" in layout else labels)
    return folder


def run(clip: Path, out: Path, masks: Path, *options: str) -> int:
    quick = ["--no-preview", "--quiet", "--format", "matte-ffv1"]
    words = [str(clip), "--out-dir", str(out), *quick, "--detector", f"masks:{masks}", *options]
    return main(words)


def made(clip: Path, out: Path, masks: Path, *options: str) -> Manifest:
    assert run(clip, out, masks, *options) == 0
    return load_manifest(out / "walk")


def test_other_masks_are_not_mixed_in(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks, other = draw(tmp_path / "masks"), draw(tmp_path / "other", without_legs)
    first = made(clip, tmp_path / "out", masks)
    for place in (other, draw(masks, without_legs)):
        assert run(clip, tmp_path / "out", place, "--resume") == 2
        assert "was made with another set of masks" in capsys.readouterr().err
        assert load_manifest(tmp_path / "out" / "walk") == first
    again = made(clip, tmp_path / "out", masks, "--overwrite")
    assert again.masks_sha256 != first.masks_sha256
    assert again.tracks[0].sha256 != first.tracks[0].sha256


def test_a_copy_is_the_same_masks(clip: Path, tmp_path: Path) -> None:
    masks = draw(tmp_path / "masks")
    first = made(clip, tmp_path / "out", masks)
    copied = Path(shutil.copytree(masks, tmp_path / "copy", copy_function=shutil.copyfile))
    again = made(clip, tmp_path / "out", copied, "--resume")
    assert again.settings["detection"]["detector"] == f"masks:{copied}"
    assert "matte" not in {stage.name for stage in again.stages}
    assert [t.sha256 for t in again.tracks] == [t.sha256 for t in first.tracks]


def test_a_batch_skips_a_clip_only_with_the_masks_that_it_was_made_with(
    clip: Path, tmp_path: Path
) -> None:
    masks = draw(tmp_path / "masks")
    config = MatteConfig(
        detection=DetectionConfig(detector=f"masks:{masks}"),
        output=OutputConfig(format="matte-ffv1", has_preview=False, has_report=False),
        run=RunConfig(is_resumed=True),
    )
    job = ClipJob(str(clip), tmp_path / "out" / "walk", config)

    def outcome(job: ClipJob = job) -> Outcome:
        return matte_clip(job, ignore)

    assert [outcome().state for _ in range(2)] == ["done", "skipped"]
    draw(masks, without_legs)
    failed = outcome()
    assert (failed.state, failed.exit_status) == ("failed", 2)
    assert "another set of masks" in (failed.error or "")
    run = RunConfig(is_overwriting=True)
    assert outcome(replace(job, config=replace(config, run=run))).state == "done"
    assert outcome().state == "skipped"
    shutil.rmtree(masks)
    assert outcome().exit_status == 3


def test_masks_are_carried_from_one_key_frame_to_the_next(clip: Path, tmp_path: Path) -> None:
    masks = draw(tmp_path / "masks")
    for path in masks.rglob("*.png"):
        if int(path.stem) not in (0, 18):
            path.unlink()
    whole = made(clip, tmp_path / "out", masks)
    assert whole.tracks[0].spans == ((1, FRAMES),)
    assert all(
        alpha.any() for alpha in read_alpha(tmp_path / "out" / "walk" / whole.tracks[0].file)
    )


def test_what_follows_the_last_key_frame_is_carried_no_farther_than_a_missed_person(
    tmp_path: Path,
) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 30)
    masks = draw(tmp_path / "masks", lambda frame: everybody(frame) if frame < 2 else {})
    manifest = made(clip, tmp_path / "out", masks)
    last = manifest.tracks[0].spans[-1][1]
    assert last <= 2 + MAX_COAST_FRAMES + 1


@pytest.mark.parametrize("fault", ["size", "torn"])
def test_masks_that_cannot_be_taken_are_told_before_any_work(
    fault: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = draw(tmp_path / "masks")
    last = masks / "person0" / f"{FRAMES - 1:04d}.png"
    if fault == "size":
        assert cv2.imwrite(str(last), np.zeros((60, 100), np.uint8))
    else:
        last.write_bytes(last.read_bytes()[:-20])
    assert run(clip, tmp_path / "out", masks) == 3
    assert str(last) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    made(clip, tmp_path / "out", draw(masks))


def with_a_visit(frame: int) -> Boxes:
    people = everybody(frame)
    return people if 8 <= frame < 14 else {"person0": people["person0"]}


@pytest.mark.parametrize("layout", ["{person}/{frame}.png", "{frame}/{person}.png", "{frame}.png"])
def test_a_short_visit_is_meant(layout: str, clip: Path, tmp_path: Path) -> None:
    masks = draw(tmp_path / "masks", with_a_visit, layout)
    manifest = made(clip, tmp_path / "out", masks)
    assert [track.spans for track in manifest.tracks] == [((1, 24),), ((9, 14),)]


def behind_a_pillar(frame: int) -> Boxes:
    people = everybody(frame) | {"statue": (140, 4, 156, 90)}
    return {"statue": people["statue"]} if 10 <= frame < 13 else people


@pytest.mark.parametrize("options", [[], ["--online"]], ids=["stored", "online"])
@pytest.mark.parametrize("layout", ["{person}/{frame}.png", "{frame}/{person}.png"])
def test_who_is_not_drawn_is_not_there(
    layout: str, options: list[str], clip: Path, tmp_path: Path
) -> None:
    masks = draw(tmp_path / "masks", behind_a_pillar, layout)
    manifest = made(clip, tmp_path / "out", masks, *options)
    assert manifest.tracks[0].spans == ((1, 10), (14, 24))
    alphas = read_alpha(tmp_path / "out" / "walk" / "person_01.mkv")
    assert [frame for frame, alpha in enumerate(alphas) if not alpha.any()] == [10, 11, 12]


def test_a_frame_without_masks_says_nothing_of_anybody(clip: Path, tmp_path: Path) -> None:
    masks = draw(tmp_path / "masks", behind_a_pillar)
    for path in masks.glob("*/*.png"):
        if int(path.stem) % 4:
            path.unlink()  # person 0 is drawn in frames 0, 4, 8, 16 and 20, and not in 12
    manifest = made(clip, tmp_path / "out", masks)
    assert manifest.tracks[0].spans == ((1, 12), (17, 24))


def changing_places(frame: int) -> Boxes:
    left, right = (10, 20, 34, 68), (110, 20, 134, 68)
    is_before = frame < FRAMES // 2
    return {"anna": left if is_before else right, "bert": right if is_before else left}


@pytest.mark.parametrize(
    ("layout", "is_told"),
    [("{person}/{frame}.png", True), ("{frame}.png", True), ("{frame}/{person}.png", False)],
)
def test_folders_of_people_and_labels_tell_who_is_who(
    layout: str, is_told: bool, clip: Path, tmp_path: Path
) -> None:
    manifest = made(clip, tmp_path / "out", draw(tmp_path / "masks", changing_places, layout))
    assert [track.spans for track in manifest.tracks] == [((1, 24),), ((1, 24),)]
    rows = np.loadtxt(tmp_path / "out" / "walk" / "tracks.txt", delimiter=",")
    lefts = rows[rows[:, 1] == 1, 2].tolist()
    assert lefts == ([10.0] * 12 + [110.0] * 12 if is_told else [10.0] * 24)


def test_corrections_keep_who_was_told(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made(clip, out, draw(tmp_path / "masks", changing_places))
    first = load_manifest(out / "walk")
    for words in (["split", "1@13"], ["undo"], ["render"]):
        assert main(["tracks", str(out / "walk"), *words, "--quiet"]) == 0
    assert load_manifest(out / "walk").tracks == first.tracks


@pytest.mark.parametrize("options", [(), ("--online",)], ids=["whole", "online"])
def test_people_are_called_as_their_folders(
    options: tuple[str, ...], clip: Path, tmp_path: Path
) -> None:
    masks = draw(tmp_path / "masks", changing_places)
    named = ("--filename", "{track}_{name}.{ext}", *options)
    manifest = made(clip, tmp_path / "out", masks, *named)
    assert [(t.id, t.name, t.file) for t in manifest.tracks] == [
        (1, "anna", "1_anna.mkv"),
        (2, "bert", "2_bert.mkv"),
    ]


@pytest.mark.parametrize("layout", ["{person}/{frame}.png", "{frame}.png"])
@pytest.mark.parametrize("options", [(), ("--online",)], ids=["whole", "online"])
def test_people_are_numbered_in_the_order_of_the_masks(
    layout: str, options: tuple[str, ...], clip: Path, tmp_path: Path
) -> None:
    """Anna, the first, comes when Bert is there already; `--only 1` is Anna."""

    def anna_comes_later(frame: int) -> Boxes:
        nowhere = {"anna": (0, 0, 0, 0)} if frame < 4 else {}
        return changing_places(frame) | nowhere

    masks = draw(tmp_path / "masks", anna_comes_later, layout)
    manifest = made(clip, tmp_path / "out", masks, "--only", "1", *options)
    assert [(t.id, t.first_frame, t.file) for t in manifest.tracks] == [
        (1, 5, "person_01.mkv"),
        (2, 1, None),
    ]


def test_a_tracker_of_ones_own_numbers_people_itself(clip: Path, tmp_path: Path) -> None:
    masks = draw(tmp_path / "masks", layout="{frame}.png")
    for path in masks.iterdir():  # nobody is label 1
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert cv2.imwrite(str(path), np.where(labels > 0, labels + 1, 0).astype(np.uint8))
    config = MatteConfig(
        output=OutputConfig(format="matte-ffv1", has_preview=False),
        detection=DetectionConfig(detector=f"masks:{masks}"),
        run=RunConfig(is_online=True),
    )
    manifest = matte_video(clip, tmp_path / "out", config, tracker=Tracker())
    assert [track.id for track in manifest.tracks] == list(range(1, len(manifest.tracks) + 1))
    assert len({track.file for track in manifest.tracks}) == len(manifest.tracks) >= 2


def test_who_gets_no_stream_needs_no_name_of_a_file(clip: Path, tmp_path: Path) -> None:
    masks = draw(tmp_path / "masks", changing_places)
    only = ("--only", "2", "--filename", "star.{ext}")
    manifest = made(clip, tmp_path / "out", masks, *only)
    assert [(t.name, t.file) for t in manifest.tracks] == [("anna", None), ("bert", "star.mkv")]


def test_whose_folder_shows_nobody_takes_no_number(clip: Path, tmp_path: Path) -> None:
    masks = draw(tmp_path / "masks", changing_places)
    (masks / "abel").mkdir()
    assert cv2.imwrite(str(masks / "abel" / "0000.png"), np.zeros(SIZE[::-1], np.uint8))
    manifest = made(clip, tmp_path / "out", masks)
    assert [(t.id, t.name) for t in manifest.tracks] == [(1, "anna"), (2, "bert")]


@pytest.mark.parametrize("layout", ["{frame}.png", "{frame}/{person}.png"])
def test_people_of_other_layouts_are_called_by_number(
    layout: str, clip: Path, tmp_path: Path
) -> None:
    manifest = made(clip, tmp_path / "out", draw(tmp_path / "masks", changing_places, layout))
    assert [track.name for track in manifest.tracks] == ["person_01", "person_02"]


def test_corrections_keep_what_people_are_called(clip: Path, tmp_path: Path) -> None:
    out, masks = tmp_path / "out", draw(tmp_path / "masks", changing_places)
    named = ("--filename", "{name}.{ext}")
    made(clip, out, masks, *named)

    def names_after(*words: str) -> list[str]:
        assert main(["tracks", str(out / "walk"), *words, "--quiet"]) == 0
        assert main(["tracks", str(out / "walk"), "render", "--quiet"]) == 0
        tracks = load_manifest(out / "walk").tracks
        assert [track.file for track in tracks] == [f"{track.name}.mkv" for track in tracks]
        assert all((out / "walk" / str(track.file)).is_file() for track in tracks)
        return [track.name for track in tracks]

    assert names_after("rename", "1", "Carla") == ["Carla", "bert"]
    assert names_after("split", "2@13") == ["Carla", "bert", "person_03"]
    assert names_after("merge", "2", "3") == ["Carla", "bert"]
    resumed = made(clip, out, masks, "--resume", *named)
    assert [track.name for track in resumed.tracks] == ["Carla", "bert"]
    for left in (["Carla", "bert", "person_03"], ["Carla", "bert"], ["anna", "bert"]):
        assert names_after("undo") == left


@pytest.mark.parametrize(
    ("name", "options", "status", "reason"),
    [
        pytest.param("a" * 81, (), 3, "at most 80 characters", id="long"),
        pytest.param("a\nb", (), 3, "nobody can be called 'a\\nb'", id="unprintable"),
        pytest.param("ANNA", ("--filename", "{name}.{ext}"), 2, "use {track}", id="alike"),
        pytest.param("rest", ("--filename", "{name}.{ext}", "--rest"), 2, "rest.mkv", id="taken"),
    ],
)
def test_names_that_cannot_be_are_refused_before_any_work(
    name: str,
    options: tuple[str, ...],
    status: int,
    reason: str,
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    masks = draw(tmp_path / "masks", changing_places)
    (masks / "bert").rename(masks / name)
    assert run(clip, tmp_path / "out", masks, *options) == status
    told = capsys.readouterr().err
    assert reason in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_a_mac_leaves_beside_masks_is_no_mask(clip: Path, tmp_path: Path) -> None:
    masks = draw(tmp_path / "masks")
    first = made(clip, tmp_path / "out", masks)
    (masks / "person0" / "._0001.png").write_bytes(b"a Mac's notes")
    (masks / ".trash").mkdir()
    (masks / ".trash" / "0001.png").write_bytes(b"gone")
    assert made(clip, tmp_path / "out", masks, "--resume").tracks == first.tracks
