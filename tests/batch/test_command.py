"""`instmatt-video batch` from its words to its exit status, record and table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from instmatt_video.batch import processes, record
from instmatt_video.cli import main
from tests.batch.stubs import InlineEngine
from tests.synthetic_clip import write_clip

FLAGS = ["--format", "matte-ffv1", "--no-preview", "--no-report"]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder / "a.mp4", 4)
    (folder / "b.mp4").write_bytes(b"no video")
    write_clip(folder / "c.mp4", 4)
    return folder


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ProcessEngine", lambda workers: InlineEngine())


def states(path: Path) -> list[str]:
    return [clip["state"] for clip in json.loads(path.read_text())["clips"]]


def test_one_bad_clip_never_stops_the_rest(
    clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["batch", str(clips), "--out-dir", str(tmp_path / "out"), *FLAGS]
    assert main(words) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "1/3 a: done" in shown.err
    assert "1 of 3 clips failed" in shown.err
    assert "b.mp4: cannot be opened" in shown.err
    assert states(tmp_path / "out/batch.json") == ["done", "failed", "done"]
    assert (tmp_path / "out/c/person_01.mkv").exists()

    assert main([*words, "--json", "--quiet"]) == 4
    shown = capsys.readouterr()
    document = record.BatchRecord.model_validate_json(shown.out)
    assert [clip.state for clip in document.clips] == ["skipped", "failed", "skipped"]
    assert (document.clips[1].exit_status, document.clips[0].people) == (3, 1)
    assert "done" not in shown.err

    (clips / "b.mp4").unlink()
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_shards_share_the_clips_and_keep_records_of_their_own(clips: Path, tmp_path: Path) -> None:
    (clips / "b.mp4").unlink()
    out = tmp_path / "out"
    for shard in ("1/2", "2/2"):
        words = ["batch", str(clips), "--out-dir", str(out), "--shard", shard, *FLAGS]
        assert main([*words, "--quiet"]) == 0
    assert [states(out / f"batch-{i}of2.json") for i in (1, 2)] == [["done"], ["done"]]
    assert {path.name for path in out.glob("*/manifest.json")} == {"manifest.json"}


def test_the_record_is_written_as_it_goes_and_ctrl_c_keeps_it(
    clips: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(processes, "ProcessEngine", lambda workers: InlineEngine(stops_at=2))
    seen: list[list[str]] = []
    save = record.RecordFile.save
    monkeypatch.setattr(
        record.RecordFile,
        "save",
        lambda file: (save(file), seen.append(states(file.path))),
    )
    assert main(["batch", str(clips), "--out-dir", str(tmp_path), *FLAGS]) == 130
    assert seen[:4] == [
        ["waiting"] * 3,
        ["running", "waiting", "waiting"],
        ["done", "waiting", "waiting"],
        ["done", "running", "waiting"],
    ]
    assert states(tmp_path / "batch.json") == ["done", "failed", "stopped"]
    assert "stopped" in capsys.readouterr().err


def test_a_list_gives_clips_their_own_options(clips: Path, tmp_path: Path) -> None:
    (clips / "l.csv").write_text("clip,format,out-dir\na.mp4,,day1\nc.mp4,matte-mp4,\n")
    out = tmp_path / "out"
    assert main(["batch", str(clips / "l.csv"), "--out-dir", str(out), *FLAGS, "--quiet"]) == 0
    assert (out / "day1/a/person_01.mkv").exists()
    assert (out / "c/person_01.mp4").exists()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["nowhere/*.mp4"], 3, "no file matches the pattern"),
        (["-"], 2, "clips that have an end"),
        (["a.mp4", "b/a.mp4"], 2, "would both be written"),
        (["a.mp4", "--shard", "3/2"], 2, "shard must be 1/2 to 2/2"),
        (["a.mp4", "--jobs", "2", "--engine", "ray"], 2, "--jobs is for this machine"),
        (["a.mp4", "--jobs", "0"], 2, "--jobs must be 1 or more, not 0"),
        (["a.mp4", "--format", "gif"], 2, "gif"),
    ],
)
def test_what_cannot_be_is_refused_before_work_starts(
    words: list[str],
    status: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert main(["batch", *words, "--out-dir", str(out)]) == status
    assert message in capsys.readouterr().err
    assert not out.exists()
