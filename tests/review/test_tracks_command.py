"""`instmatt-video tracks` from its arguments to its exit status."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from instmatt_video.cli import main
from instmatt_video.progress import Progress
from tests.loaded_modules import modules_after


def test_list_and_show(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tracks", str(folder), "list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["No.", "name", "from", "to", "frames", "score", "stream"]
    assert rows[2] == ["2", "person_02", "7", "20", "14", "0.90", "person_02_02.mkv"]
    assert main(["tracks", str(folder), "show", "3"]) == 0
    assert "seen     25–40" in capsys.readouterr().out
    assert main(["tracks", str(folder), "show", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spans"] == [[25, 40]]
    shutil.rmtree(folder / "alphas")
    assert main(["tracks", str(folder), "list"]) == 0


@pytest.mark.parametrize(
    "words",
    [["tracks", "in.mp4", "list"], ["compose", "in.mp4", "--out", "x.mp4"]],
    ids=lambda w: w[0],
)
def test_a_clip_is_no_output(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: name)  # compose asks for ffmpeg first
    Path("in.mp4").write_bytes(b"a clip")
    assert main(words) == 3
    words_said = "no manifest.json in in.mp4: it is no output of this program"
    assert capsys.readouterr().err == f"instmatt-video: error: {words_said}\n"


def test_corrections_one_after_the_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["split", "1@10"],
        ["merge", "3", "2"],
        ["swap", "1", "4@12", "--quiet"],
        ["rename", "4", "Anna B."],
        ["drop", "1"],
    ):
        assert main(["tracks", str(folder), *words]) == 0, words
    spoken = capsys.readouterr()
    assert spoken.out == "" and "split 1 at frame 10" in spoken.err
    assert f"not rendered yet: instmatt-video tracks {folder} render" in spoken.err
    assert main(["tracks", str(folder), "undo", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [c["kind"] for c in document["corrections"]] == ["split", "merge", "swap", "rename"]
    assert document["history"][-1] == "rename 4 to Anna B."
    assert [(p["id"], p["name"]) for p in document["people"]] == [
        (1, "person_01"),
        (3, "person_03"),
        (4, "Anna B."),
    ]
    assert document["is_rendered"] is False
    assert main(["tracks", str(folder), "render", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["is_rendered"] is True
    assert "Anna B._04.mkv" in document["written"]
    assert document["removed"] == ["person_02_02.mkv"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["merge", "1", "9"], 2, "there is no person 9; there is 1, 2, 3"),
        (["show", "9"], 2, "there is no person 9"),
        (["split", "1@99"], 2, "frame 99 is outside the clip, whose frames are 1 to 40"),
        (["split", "1"], 2, "'1' is no person at a frame, as 2@120"),
        (["drop", "anna"], 2, "'anna' is no number of a person"),
        (["rename", "1", ""], 2, "name"),
        (["rename", "1", "../../Bob"], 2, "gives no visible name"),
        (["undo"], 2, "there is no correction to undo"),
        (["render", "--source", "nowhere.mp4"], 3, "error: nowhere.mp4: no such file or folder\n"),
        (["explode"], 2, "invalid choice"),
    ],
)
def test_errors(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    message: str,
) -> None:
    before = (folder / "manifest.json").read_bytes()
    assert main(["tracks", str(folder), *words]) == status
    spoken = capsys.readouterr()
    assert message in spoken.err and "Traceback" not in spoken.err
    assert (folder / "manifest.json").read_bytes() == before


def test_a_stream_that_becomes_the_rest_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "preview.mp4").unlink()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["settings"]["output"]["has_preview"] = False
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert main(["tracks", str(folder), "drop", "2", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["tracks", str(folder), "render", "--rest", "--json"]) == 0
    spoken = capsys.readouterr()
    assert "renamed: person_02_02.mkv to rest.mkv" in spoken.err and "nothing" not in spoken.err
    document = json.loads(spoken.out)
    assert document["renamed"] == {"person_02_02.mkv": "rest.mkv"} and document["written"] == []


def test_ctrl_c_leaves_everything_as_it_was(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(self: object, progress: Progress) -> None:
        if progress.done == 10:
            raise KeyboardInterrupt

    before = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    main(["tracks", str(folder), "drop", "2", "--quiet"])
    monkeypatch.setattr("instmatt_video.console.ProgressView.show", press)
    assert main(["tracks", str(folder), "render", "--quiet"]) == 130
    assert "the streams are as they were: render again" in capsys.readouterr().err
    after = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    assert after.pop("manifest.json") != before.pop("manifest.json")
    assert after == before


def test_a_folder_of_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tracks", str(tmp_path), "list"]) == 3
    assert "it is no output of this program" in capsys.readouterr().err


def test_a_run_that_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "manifest.json").unlink()
    assert main(["tracks", str(folder), "list"]) == 3
    assert "the run is not finished; once it has stopped, --resume" in capsys.readouterr().err


def test_a_live_recording_can_only_be_looked_at(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["drop", "1"], ["undo"], ["render"], ["render", "--source", "nowhere.mp4"]):
        assert main(["tracks", str(recording), *words, "--quiet"]) == 3
        said = "instmatt-video: error: walk was recorded live: nothing can be corrected\n"
        assert capsys.readouterr().err == said
    assert main(["tracks", str(recording), "list"]) == 0


def test_no_network_library_is_waited_for(folder: Path) -> None:
    words = [["drop", "2"], ["list"], ["undo"]]
    loaded = modules_after(
        "from instmatt_video.cli import main\n"
        f"for words in {words}:\n    assert main(['tracks', {str(folder)!r}, *words]) == 0"
    )
    assert "instmatt_video.review.session" in loaded
    assert "torch" not in loaded
