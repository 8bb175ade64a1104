"""What a run keeps, removes or sets aside of what lies in its folder: nobody's work is lost."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from instmatt_video import MatteConfig
from instmatt_video.config import OutputConfig, RunConfig
from instmatt_video.errors import AlphaWriteError, OptionError
from instmatt_video.manifest import load_manifest
from tests.made_run import FRAMES, LIGHT, run
from tests.synthetic_clip import write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES, has_audio=True)


def files_in(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "alphas" not in path.parts
    )


EVERYTHING = OutputConfig(format="matte-ffv1", has_rest=True, filename="{name}/matte.{ext}")


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(RunConfig(), id="stored"),
        pytest.param(RunConfig(is_cleaned=True), id="cleaned"),
        pytest.param(RunConfig(is_online=True), id="online"),
    ],
)
@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(
            replace(EVERYTHING, only=(2,), has_report=False, has_preview=False, has_rest=False),
            ["manifest.json", "person_02/matte.mkv", "tracks.txt"],
            id="less",
        ),
        pytest.param(
            replace(EVERYTHING, format="matte-mp4", only=(2,)),
            [
                *("manifest.json", "person_02/matte.mp4", "preview.mp4"),
                *("report.html", "rest.mp4", "tracks.txt"),
            ],
            id="another format",
        ),
    ],
)
def test_a_resumed_run_leaves_what_its_manifest_tells_of(
    before: RunConfig, output: OutputConfig, expected: list[str], clip: Path, tmp_path: Path
) -> None:
    run(clip, tmp_path, MatteConfig(output=EVERYTHING, run=before))
    folder = tmp_path / "walk"
    assert len(files_in(folder)) == 8
    run(clip, tmp_path, MatteConfig(output=output, run=RunConfig(is_resumed=True)))
    assert files_in(folder) == expected
    assert not (folder / "person_01").exists()
    assert load_manifest(folder).tracks[1].file == expected[1]


@pytest.mark.parametrize("is_cleaned", [False, True], ids=["stored", "cleaned"])
def test_a_resumed_run_removes_nothing_of_anybody_elses(
    is_cleaned: bool, clip: Path, tmp_path: Path
) -> None:
    with_rest = replace(LIGHT.output, has_rest=True)
    run(clip, tmp_path, MatteConfig(output=with_rest, run=RunConfig(is_cleaned=is_cleaned)))
    folder = tmp_path / "walk"
    for name in ("person_01.mkv", "rest.mkv"):
        (folder / name).write_bytes(b"graded by hand")
    (folder / "notes.txt").write_text("mine")
    (folder / "person_07.mkv").write_text("mine")
    output = replace(LIGHT.output, only=(2,))
    run(clip, tmp_path, MatteConfig(output=output, run=RunConfig(is_resumed=True)))
    assert files_in(folder) == [
        *("manifest.json", "notes.txt", "person_01.mkv", "person_02.mkv"),
        *("person_07.mkv", "report.html", "rest.mkv", "tracks.txt"),
    ]
    for name in ("person_01.mkv", "rest.mkv"):
        assert (folder / name).read_bytes() == b"graded by hand"


PICTURES = replace(LIGHT.output, format="png")


@pytest.mark.parametrize("is_cleaned", [False, True], ids=["stored", "cleaned"])
def test_a_resumed_run_leaves_pictures_that_somebody_painted(
    is_cleaned: bool, clip: Path, tmp_path: Path
) -> None:
    run(clip, tmp_path, MatteConfig(output=PICTURES, run=RunConfig(is_cleaned=is_cleaned)))
    painted = tmp_path / "walk" / "person_01" / "000004.png"
    painted.write_bytes(b"painted by hand")
    output = replace(LIGHT.output, only=(2,))
    run(clip, tmp_path, MatteConfig(output=output, run=RunConfig(is_resumed=True)))
    assert painted.read_bytes() == b"painted by hand"
    assert not (tmp_path / "walk" / "person_03").exists(), "nobody has touched these"


def test_painted_pictures_are_set_aside_where_the_stream_is_written_again(
    clip: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(clip, tmp_path, replace(LIGHT, output=PICTURES))
    folder, resumed = tmp_path / "walk", RunConfig(is_resumed=True)
    whole = (folder / "person_01" / "000004.png").read_bytes()
    for number in (1, 2):
        (folder / "person_01" / "000004.png").write_bytes(b"painted by hand %d" % number)
        run(clip, tmp_path, MatteConfig(output=PICTURES, run=resumed))
        assert "person_01 was changed since it was written: now person_01_c" in caplog.text
        assert (folder / "person_01" / "000004.png").read_bytes() == whole
    run(clip, tmp_path, MatteConfig(output=PICTURES, run=RunConfig(is_overwriting=True)))
    for number in (1, 2):
        aside = folder / f"person_01_changed_{number}"
        assert (aside / "000004.png").read_bytes() == b"painted by hand %d" % number
    assert len(list(folder.glob("person_*"))) == 5, "only what was changed"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(RunConfig(is_cleaned=True), RunConfig(is_resumed=True), id="cleaned"),
        pytest.param(RunConfig(is_online=True), RunConfig(is_resumed=True), id="online"),
        pytest.param(RunConfig(), RunConfig(is_resumed=True), id="its alphas removed"),
        pytest.param(RunConfig(is_online=True), RunConfig(is_overwriting=True), id="overwritten"),
    ],
)
def test_painted_pictures_are_set_aside_where_the_manifest_alone_tells_of_them(
    before: RunConfig, after: RunConfig, clip: Path, tmp_path: Path
) -> None:
    run(clip, tmp_path, MatteConfig(output=PICTURES, run=before))
    folder = tmp_path / "walk"
    (folder / "person_01" / "000004.png").write_bytes(b"painted by hand")
    shutil.rmtree(folder / "alphas", ignore_errors=True)
    manifest = run(clip, tmp_path, MatteConfig(output=PICTURES, run=after))
    aside = folder / "person_01_changed_1"
    assert (aside / "000004.png").read_bytes() == b"painted by hand"
    (told,) = [text for text in manifest.warnings if "changed" in text]
    said = "was changed since it was written: now person_01_changed_1"
    assert re.fullmatch(f"(person_01:|an earlier person_01) {said}", told)
    assert len(list(folder.glob("person_*"))) == len(manifest.tracks) + 1


def test_pictures_that_were_kept_under_their_name_are_set_aside_later(
    clip: Path, tmp_path: Path
) -> None:
    run(clip, tmp_path, MatteConfig(output=PICTURES))
    folder = tmp_path / "walk"
    (folder / "person_01" / "000004.png").write_bytes(b"painted by hand")
    run(clip, tmp_path, replace(LIGHT, run=RunConfig(is_resumed=True)))
    assert (folder / "person_01" / "000004.png").read_bytes() == b"painted by hand"
    for number, config in enumerate((RunConfig(is_resumed=True), RunConfig(is_overwriting=True))):
        run(clip, tmp_path, MatteConfig(output=PICTURES, run=config))
        aside = folder / f"person_01_changed_{number + 1}" / "000004.png"
        assert aside.read_bytes() == b"painted by hand"
        (folder / "person_01" / "000004.png").write_bytes(b"painted by hand")


def test_other_files_among_the_pictures_are_told_of_before_anything_is_written(
    clip: Path, tmp_path: Path
) -> None:
    run(clip, tmp_path, MatteConfig(output=PICTURES))
    folder = tmp_path / "walk"
    (folder / "person_01" / "notes.txt").write_text("mine")
    ledger = (folder / "alphas" / "streams.jsonl").read_text()
    trimmed = MatteConfig(output=replace(PICTURES, is_trimmed=True), run=RunConfig(is_resumed=True))
    before = files_in(folder)
    with pytest.raises(OptionError, match="person_01 holds other files beside its pictures: move"):
        run(clip, tmp_path, trimmed)
    assert files_in(folder) == before
    assert (folder / "alphas" / "streams.jsonl").read_text() == ledger
    (folder / "person_01" / "notes.txt").unlink()
    (folder / "person_01" / "000004.png").write_bytes(b"painted by hand")
    run(clip, tmp_path, trimmed)
    assert (folder / "person_01_changed_1" / "000004.png").read_bytes() == b"painted by hand"


def test_what_no_run_has_made_is_not_replaced_by_streams_of_other_names(
    clip: Path, tmp_path: Path
) -> None:
    run(clip, tmp_path, LIGHT)
    folder = tmp_path / "walk"
    (folder / "comp_1.mkv").write_bytes(b"a compositor's own")
    before = files_in(folder)
    output = replace(LIGHT.output, filename="comp_{track}.{ext}")
    resumed = MatteConfig(output=output, run=RunConfig(is_resumed=True))
    with pytest.raises(AlphaWriteError, match=r"comp_1\.mkv is in the way"):
        run(clip, tmp_path, resumed)
    assert (folder / "comp_1.mkv").read_bytes() == b"a compositor's own"
    assert files_in(folder) == before
    (folder / "comp_1.mkv").unlink()
    run(clip, tmp_path, resumed)
    assert "comp_2.mkv" in files_in(folder)


def test_pictures_of_another_format_take_the_place_of_earlier_ones(
    clip: Path, tmp_path: Path
) -> None:
    pytest.importorskip("OpenEXR")
    run(clip, tmp_path, replace(LIGHT, output=PICTURES))
    output = replace(PICTURES, format="exr")
    run(clip, tmp_path, MatteConfig(output=output, run=RunConfig(is_resumed=True)))
    names = [path.name for path in (tmp_path / "walk" / "person_01").iterdir()]
    assert sorted(names) == [f"{number:06d}.exr" for number in range(1, FRAMES + 1)]
