"""What lies in a clip's folder already: ours is replaced, everything else is left alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.config import DetectionConfig, OutputConfig, RunConfig
from instmatt_video.errors import OptionError
from instmatt_video.manifest import Manifest, load_manifest
from tests.synthetic_clip import BoxMatter, ColorDetector, write_clip, write_frames

LIGHT = MatteConfig(output=OutputConfig(format="matte-ffv1", has_preview=False))
AGAIN = replace(LIGHT, run=RunConfig(is_overwriting=True))


def run(clip: str | Path, out: Path, config: MatteConfig = LIGHT) -> Manifest:
    return matte_video(clip, out, config, detector=ColorDetector(), matter=BoxMatter())


@pytest.mark.parametrize("has_manifest", [True, False], ids=["finished", "broken off"])
def test_overwriting_removes_our_streams_and_nothing_else(
    has_manifest: bool, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    run(clip, tmp_path / "out")
    folder = tmp_path / "out" / "walk"
    if not has_manifest:
        (folder / "manifest.json").unlink()
    ours = {path.name for path in folder.iterdir()}
    for name in ("segments/000000/journal.jsonl", "segments/000000/000000.chunk"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "person_07.mov").write_text("of which nothing tells")
    (folder / "person_08").mkdir()
    (folder / "person_08" / "000001.png").touch()
    foreign = ["person_01_retouched.mov", "person_02_comp/shot.nk", "restored/a", "person_03.txt"]
    foreign += ["person_09/person_09.nk", "segments/notes.txt"]
    for name in foreign:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("mine")
    run(clip, tmp_path / "out", AGAIN)
    assert all((folder / name).read_text() == "mine" for name in foreign)
    left = {path.name for path in folder.iterdir()} - {name.split("/")[0] for name in foreign}
    assert left == ours | {"manifest.json", "person_07_changed_1.mov", "person_08_changed_1"}
    assert (folder / "person_07_changed_1.mov").read_text() == "of which nothing tells"
    assert [path.name for path in (folder / "person_08_changed_1").iterdir()] == ["000001.png"]


@pytest.mark.parametrize(
    "text", ["{", '{"schema_version": 99}'], ids=["damaged", "of a newer version"]
)
def test_a_manifest_that_cannot_be_read_is_replaced_with_its_streams(
    text: str, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    run(clip, tmp_path)
    folder = tmp_path / "walk"
    (folder / "manifest.json").write_text(text)
    mp4 = replace(AGAIN, output=replace(AGAIN.output, format="matte-mp4"))
    assert run(clip, tmp_path, mp4) == load_manifest(folder)
    assert {path.suffix for path in folder.glob("person_*")} == {".mp4"}


@pytest.mark.parametrize("text", ["{", '{"schema_version": 99}'], ids=["damaged", "newer"])
def test_where_nothing_tells_what_was_painted_nothing_is_removed(text: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    pictures = replace(LIGHT.output, format="png")
    run(clip, tmp_path, MatteConfig(output=pictures, run=RunConfig(is_cleaned=True)))
    folder = tmp_path / "walk"
    (folder / "person_01" / "000004.png").write_bytes(b"painted by hand")
    (folder / "manifest.json").write_text(text)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(OptionError, match="nothing else tells what the earlier run wrote: move"):
        run(clip, tmp_path, replace(AGAIN, output=pictures))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_folders_of_pictures_are_replaced_with_what_a_file_manager_left(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    pictures = replace(LIGHT.output, format="png")
    run(clip, tmp_path, replace(LIGHT, output=pictures))
    stream = tmp_path / "walk" / "person_01"
    for name in (".DS_Store", "Thumbs.db", "._000001.png"):
        (stream / name).write_text("looked at")
    run(clip, tmp_path, replace(AGAIN, output=pictures))
    assert {path.suffix for path in stream.iterdir()} == {".png"}
    (stream / "retouched.psd").write_text("mine")
    before = sorted((tmp_path / "walk").rglob("*"))
    with pytest.raises(OptionError, match="person_01 holds other files beside its pictures"):
        run(clip, tmp_path, replace(AGAIN, output=pictures))
    assert sorted((tmp_path / "walk").rglob("*")) == before, "refused before anything is removed"


@pytest.mark.parametrize("is_cleaned", [False, True], ids=["stored", "cleaned"])
def test_pictures_that_somebody_painted_are_set_aside_and_nothing_else(
    is_cleaned: bool, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    pictures = replace(LIGHT.output, format="png", only=(1,), has_rest=True)
    earlier = MatteConfig(output=pictures, run=RunConfig(is_cleaned=is_cleaned))
    run(clip, tmp_path, earlier)
    folder = tmp_path / "walk"
    whole = {name: (folder / name / "000004.png").read_bytes() for name in ("person_01", "rest")}
    for name in whole:
        (folder / name / "000004.png").write_bytes(b"painted by hand")
        run(clip, tmp_path, replace(AGAIN, output=pictures))
        aside = folder / f"{name}_changed_1" / "000004.png"
        assert aside.read_bytes() == b"painted by hand"
        assert (folder / name / "000004.png").read_bytes() == whole[name]
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {
        *("alphas", "person_01", "person_01_changed_1", "rest", "rest_changed_1")
    }


def test_a_manifest_from_elsewhere_leads_to_nothing_outside_the_folder(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    run(clip, tmp_path / "out")
    folder = tmp_path / "out" / "walk"
    others = (tmp_path / "out" / "other" / "000001.png", tmp_path / "out" / "other.mov")
    for path in others:
        path.parent.mkdir(exist_ok=True)
        path.write_text("somebody's")
    manifest = load_manifest(folder)
    for name in ("../other", "../other.mov"):
        track = manifest.tracks[0].model_copy(update={"file": name})
        manifest.model_copy(update={"tracks": (track,)}).save(folder)
        run(clip, tmp_path / "out", AGAIN)
    assert all(path.read_text() == "somebody's" for path in others)


def test_streams_of_a_template_are_replaced_too(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    output = replace(LIGHT.output, filename="mattes/{name}_v1.{ext}")
    run(clip, tmp_path, replace(LIGHT, output=output))
    folder = tmp_path / "walk"
    (folder / "manifest.json").unlink()  # broken off: the store's ledger knows what was written
    run(clip, tmp_path, AGAIN)
    assert not (folder / "mattes").exists()
    assert (folder / "person_01.mkv").is_file()


@pytest.mark.parametrize("config", [LIGHT, AGAIN], ids=["first", "overwrite"])
@pytest.mark.parametrize("kind", ["folder", "pattern", "video"])
def test_a_clip_is_never_written_over_itself(
    kind: str, config: MatteConfig, tmp_path: Path
) -> None:
    home = tmp_path / "shots" / "person_00"
    if kind == "video":
        home.mkdir(parents=True)
        source = str(write_clip(home / "person_00.mkv", 4))
    else:
        write_frames(home, 4, "person_%02d.png")
        source = str(home / "person_%02d.png") if kind == "pattern" else str(home)
    before = {path: path.read_bytes() for path in home.rglob("*")}
    # A pattern is called after what stands still in it.
    out = tmp_path if kind == "pattern" else tmp_path / "shots"
    if kind == "pattern":
        home.rename(tmp_path / "person")
        home = tmp_path / "person"
        source = str(home / "person_%02d.png")
        before = {path: path.read_bytes() for path in home.rglob("*")}
    with pytest.raises(OptionError, match="holds the clip itself: give another --out-dir"):
        run(source, out, config)
    assert {path: path.read_bytes() for path in home.rglob("*")} == before


def test_a_folder_above_is_called_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = write_frames(tmp_path / "shot", 8) / "mattes"
    here.mkdir()
    monkeypatch.chdir(here)
    run("..", Path("tracks"))
    assert [path.name for path in here.iterdir()] == ["tracks"]
    assert (here / "tracks" / "shot" / "person_01.mkv").is_file()


@pytest.mark.parametrize(
    "filename", ["alphas/{track}.{ext}", "Alphas/{track}.{ext}", "tracks.txt", "manifest.json"]
)
def test_streams_are_not_called_what_else_is_there(filename: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 2)
    config = replace(LIGHT, output=replace(LIGHT.output, filename=filename))
    with pytest.raises(OptionError, match="which another output of the clip is called"):
        run(clip, tmp_path / "out", config)
    assert not (tmp_path / "out").exists(), "refused before anything is done"


def test_foreign_files_are_nothing_to_go_on_with(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    folder = tmp_path / "out" / "walk"
    folder.mkdir(parents=True)
    (folder / ".DS_Store").touch()
    (folder / "person_01.mkv").write_text("mine")
    resumed = replace(LIGHT, run=RunConfig(is_resumed=True))
    with pytest.raises(OptionError, match="no run to go on with"):
        run(clip, tmp_path / "out", resumed)
    assert (folder / "person_01.mkv").read_text() == "mine"
    (folder / "person_01.mkv").unlink()
    (folder / "segments" / "00000000").mkdir(parents=True)  # a clip broken off in parts is ours
    assert run(clip, tmp_path / "out", resumed).tracks  # what is hidden is no file of anybody's


def test_what_can_be_known_before_is_refused_before(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    wrong = replace(LIGHT, output=replace(LIGHT.output, filename="{name}_{track}"))
    with pytest.raises(OptionError, match=r"matte-ffv1 is written to \.mkv files"):
        run(clip, tmp_path / "out", wrong)
    with pytest.raises(OptionError, match="- can be read only once: add --online"):
        run("-", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_a_refused_run_has_analysed_is_taken_by_the_corrected_command(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    wrong, right = (replace(LIGHT, output=replace(LIGHT.output, only=(n,))) for n in (9, 1))
    with pytest.raises(OptionError, match="there is no track 9; the clip has 1"):
        run(clip, tmp_path / "out", wrong)
    with pytest.raises(OptionError, match="is there already: --overwrite replaces it"):
        run(clip, tmp_path / "out", replace(right, run=RunConfig(is_online=True)))
    manifest = run(clip, tmp_path / "out", right)
    assert "detect" not in {stage.name for stage in manifest.stages}, "nothing is analysed twice"
    assert (tmp_path / "out" / "walk" / "person_01.mkv").is_file()


def test_alphas_of_other_settings_are_not_taken_unasked(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    run(clip, tmp_path / "out")
    folder = tmp_path / "out" / "walk"
    for path in [*folder.iterdir()]:
        if path.is_file():
            path.unlink()
    for detection, what in (
        (DetectionConfig(detect_every=2), "interval of detection"),
        (DetectionConfig(finds_small_people=False), "look for small people"),
    ):
        with pytest.raises(OptionError, match=rf"another {what}.*use --overwrite"):
            run(clip, tmp_path / "out", replace(LIGHT, detection=detection))
    (folder / "alphas" / "journal.jsonl").write_text("")  # broken off at its beginning
    with pytest.raises(OptionError, match="--resume goes on with it, --overwrite replaces it"):
        run(clip, tmp_path / "out")


def test_what_an_overwriting_run_set_aside_stops_no_later_one(tmp_path: Path) -> None:
    """It may have been stopped before there was anything to go on with."""
    clip = write_clip(tmp_path / "walk.mp4", 8)
    folder = tmp_path / "walk"
    folder.mkdir()
    (folder / "person_01_changed_1.mkv").write_text("graded")
    resumed = replace(LIGHT, run=RunConfig(is_resumed=True))
    assert len(run(clip, tmp_path, resumed).tracks) == 2
    assert (folder / "person_01_changed_1.mkv").read_text() == "graded"


def test_empty_folders_of_a_run_that_was_broken_off_are_removed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "walk.mp4", 8)
    run(clip, tmp_path)
    (tmp_path / "walk" / "person_07").mkdir()
    run(clip, tmp_path, AGAIN)
    assert not list((tmp_path / "walk").glob("person_07*"))
