"""The commands as `cli.py` mounts them: tables, JSON, CSV and the page."""

from __future__ import annotations

import argparse
import csv
import errno
import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from instmatt_video.errors import AlphaWriteError, MatteReadError, OptionError
from instmatt_video.evaluation import reports
from instmatt_video.evaluation.command import add_arguments, run
from instmatt_video.evaluation.histogram import draw_histogram
from instmatt_video.evaluation.side_by_side import make_panels, paint_error
from tests.evaluation.made_benchmarks import Clip, disc, write_images, write_matte

Images = dict[str, list[npt.NDArray[np.uint8]]]


def call(*words: object) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(word) for word in words]))


@pytest.fixture
def folders(tmp_path: Path, images: Images) -> tuple[Path, Path]:
    """Predictions with a shifted person, a missed one and an invented one."""
    targets = write_images(tmp_path / "gt", images)
    predicted = {name: list(alphas) for name, alphas in images.items()}
    predicted["street"][0] = disc(13, 18)
    predicted["stage"].pop()
    predicted["room"].append(disc(5, 5, 4))
    return write_images(tmp_path / "pred", predicted), targets


def write_clips(root: Path, clip: Clip) -> Path:
    for n, frames in enumerate(clip):
        for t, alpha in enumerate(frames):
            write_matte(root / "walk" / "pha" / str(n) / f"{t:03d}.png", alpha)
    return root


def assert_self_contained(page: str) -> None:
    assert page.startswith("<!doctype html>")
    for forbidden in ("http:", "https:", "<script", "<link", "@import", "url("):
        assert forbidden not in page
    sources = re.findall(r'src="([^"]*)"', page)
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_images(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = call("images", *folders, "--jobs", 1, "--table1", "ours", "--csv", tmp_path / "a.csv")
    out = capsys.readouterr().out
    assert status == 0
    assert "IMQ" in out and "RQ" in out
    assert "| ours |" in out and "gt IMQ_mad" in out
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    outcomes = [(row["image"], row["outcome"], row["target"], row["prediction"]) for row in rows]
    assert ("stage", "missed", "02", "") in outcomes
    assert ("room", "invented", "", "01") in outcomes
    assert sum(row["outcome"] == "hit" for row in rows) == 5
    shifted = next(row for row in rows if row["image"] == "street" and row["target"] == "00")
    assert float(shifted["mad"]) > 0


def test_json_is_alone_on_stdout(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    call("images", *folders, "--json", "--jobs", 1)
    document = json.loads(capsys.readouterr().out)
    assert document["total"]["tp"] == 5
    assert document["total"]["fn"] == document["total"]["fp"] == 1
    assert len(document["people"]) == 7


def test_an_undefined_score_is_null(
    tmp_path: Path, images: Images, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = write_images(tmp_path / "gt", images)
    predictions = write_images(tmp_path / "pred", {"room": []})
    call("images", predictions, targets, "--json", "--protocol", "official", "--jobs", 1)
    assert json.loads(capsys.readouterr().out)["total"]["mq"]["mad"] is None
    call("images", predictions, targets, "--protocol", "official", "--jobs", 1)
    assert "–" in capsys.readouterr().out


def test_images_that_the_official_protocol_skips_are_named(
    folders: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    shutil.rmtree(folders[0] / "stage")
    page = tmp_path / "report.html"
    call("images", *folders, "--protocol", "official", "--jobs", 1, "--html", page)
    assert "IMQ of 2 of 3 images, official" in capsys.readouterr().out
    assert "Left out: not predicted" in page.read_text()
    (message,) = caplog.messages
    assert "pred: 1 images of " in message and "stage first, are not predicted" in message
    call("images", *folders, "--protocol", "official", "--jobs", 1, "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["num_images"], document["skipped"]) == (3, ["stage"])


def test_images_that_are_not_predicted_are_missed_when_strict(
    folders: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    shutil.rmtree(folders[0] / "stage")
    call("images", *folders, "--jobs", 1)
    assert "IMQ of 3 images, strict" in capsys.readouterr().out
    assert caplog.messages == []
    call("images", *folders, "--jobs", 1, "--json")
    document = json.loads(capsys.readouterr().out)
    assert (document["total"]["fn"], document["skipped"]) == (3, [])


def test_the_page_of_images_is_self_contained(folders: tuple[Path, Path], tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    for name in ("room", "stage", "street"):
        write_matte(photographs / f"{name}.jpg", np.full((36, 64, 3), 120, np.uint8))
    page = tmp_path / "report.html"
    call("images", *folders, "--html", page, "--images", photographs, "--jobs", 1)
    text = page.read_text()
    assert_self_contained(text)
    assert text.count("<svg") == 5
    assert "stage: missed 02" in text and "room: invented 01" in text
    for caption in ("image", "prediction", "truth", "error (red: too much, blue: too little)"):
        assert f"<figcaption>{caption}</figcaption>" in text
    # The worst matte is the shifted one.
    assert text.index("street: 00") < text.index("room: 00")


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 there")
def test_names_that_are_not_utf_8_are_read_and_spelled_out(
    tmp_path: Path, folders: tuple[Path, Path]
) -> None:
    name = os.fsdecode(b"caf\xe9")
    for folder in folders:
        (folder / "stage").rename(folder / name)
        (folder / name / "00.png").rename(folder / name / f"{name}.png")
    photographs = tmp_path / "photographs"
    write_matte(photographs / "one.jpg", np.full((36, 64, 3), 120, np.uint8))
    (photographs / "one.jpg").rename(photographs / f"{name}.jpg")
    page, table = tmp_path / "report.html", tmp_path / "people.csv"
    words = ["--html", page, "--csv", table, "--images", photographs, "--jobs", 1]
    assert call("images", *folders, *words) == 0
    assert r"caf\udce9: missed 02" in page.read_text() and r"caf\udce9" in table.read_text()


def test_table1_has_the_columns_of_the_paper(
    tmp_path: Path, images: Images, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = {f"{part}/{k}": v for part in ("comp", "natural") for k, v in images.items()}
    targets = write_images(tmp_path / "gt", truth)
    call("images", targets, targets, "--jobs", 1, "--table1", "InstMatt")
    row = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("| InstMatt"))
    assert row == "| InstMatt |" + " 100.00 |" * 8
    for name, alphas in images.items():
        write_matte(tmp_path / "RWP636" / f"{name}.png", alphas[0])
    call("images", tmp_path / "RWP636", tmp_path / "RWP636", "--jobs", 1, "--table1", "InstMatt")
    row = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("| InstMatt"))
    assert row == "| InstMatt |" + " 100.00 |" * 2


@pytest.mark.parametrize("protocol", ["strict", "official", "maggie"])
def test_video(
    tmp_path: Path, clip: Clip, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = write_clips(tmp_path / "gt", clip)
    predictions = write_clips(tmp_path / "pred", clip // 2 + clip // 3)
    page, table = tmp_path / "report.html", tmp_path / "people.csv"
    options = ["--protocol", protocol, "--jobs", 1, "--html", page, "--csv", table]
    assert call("video", predictions, targets, *options) == 0
    out = capsys.readouterr().out
    assert "VMQ" in out and "moving edge" in out
    _, title, metrics = out.partition("MaGGIe's metrics")
    assert bool(title) == (protocol == "maggie")
    assert all(name in metrics for name in ("MAD", "dtSSD", "MESSDdt") if title)
    assert_self_contained(page.read_text())
    assert "walk, frame" in page.read_text()
    assert len(table.read_text().splitlines()) == 3
    call("video", predictions, targets, *options, "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["clips"]["walk"]["tp"] == 2
    assert ("MAD" in document["maggie"]) == (protocol == "maggie")


def test_people_of_a_clip_are_recognised_or_failures(
    tmp_path: Path, clip: Clip, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = write_clips(tmp_path / "gt", clip)
    elsewhere = np.roll(clip[1:], 5, axis=2)  # of the second person's 14 rows
    predictions = write_clips(tmp_path / "pred", np.concatenate([clip[:1], elsewhere]))
    page, table = tmp_path / "report.html", tmp_path / "people.csv"
    call("video", predictions, targets, "--jobs", 1, "--html", page, "--csv", table)
    with table.open() as file:
        rows = [(row["outcome"], row["target"] + row["prediction"]) for row in csv.DictReader(file)]
    assert rows == [("hit", "00"), ("missed", "1"), ("invented", "1")]
    _, _, people = capsys.readouterr().out.partition("Recognised people")
    assert [row.split()[1:6:2] for row in people.splitlines() if "walk" in row] == [
        ["walk", "0", "0"]
    ]
    text = page.read_text()
    assert "Recognition failures (2)" in text
    assert text.count(", n 1</text>") == 4  # of each histogram
    assert "walk, frame 1: 0" in text and ": 1, MAD" not in text


def test_worst_frames_have_their_own_errors(tmp_path: Path) -> None:
    person = np.zeros((1, 4, 36, 64), np.uint8)
    person[..., 10:20, 10:20] = 255
    targets = write_clips(tmp_path / "gt", person)
    for frame, wrong_rows in ((1, 4), (2, 1)):
        person[:, frame, 10 : 10 + wrong_rows] = 0
    page = tmp_path / "report.html"
    call("video", write_clips(tmp_path / "pred", person), targets, "--jobs", 1, "--html", page)
    # By hand: 4 and 1 of 10 rows in their frames, 5 of 40 in the clip.
    assert re.findall(r"walk, frame (\d): 0, MAD ([\d.]+)", page.read_text()) == [
        ("2", "0.4"),
        ("3", "0.1"),
    ]
    assert "0.125" in page.read_text()


@pytest.mark.parametrize(
    ("kind", "header"),
    [
        ("images", "image,outcome,target,prediction,iou,mad,mse,grad,conn"),
        ("video", "clip,outcome,target,prediction,iou,mad,dtssd,messddt,moving_edge"),
    ],
)
def test_a_csv_of_nobody_has_its_header(
    tmp_path: Path, images: Images, kind: str, header: str
) -> None:
    people = {"images": {"stage": images["stage"]}, "video": {}}  # the former are skipped
    write_images(tmp_path / "gt", {"room": [], **people[kind]})
    write_images(tmp_path / "pred", {"room": []})
    table = tmp_path / "people.csv"
    call(kind, tmp_path / "pred", tmp_path / "gt", "--protocol", "official", "--csv", table)
    assert table.read_text().splitlines() == [header]


def test_tracks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("trackeval")
    tracks = tmp_path / "tracks.txt"
    tracks.write_text("".join(f"{t},1,{5 * t},10,20,40,1,-1,-1,-1\n" for t in range(1, 6)))
    page = tmp_path / "report.html"
    assert call("tracks", tracks, tracks, "--html", page) == 0
    assert "HOTA" in capsys.readouterr().out
    assert_self_contained(page.read_text())
    call("tracks", tracks, tracks, "--json")
    assert json.loads(capsys.readouterr().out)["total"]["idf1"] == 1


def test_errors_and_their_exit_status(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(MatteReadError, match="nowhere") as caught:
        call("images", tmp_path / "nowhere", folders[1])
    assert caught.value.exit_status == 3
    for words in (["--iou", "50"], ["--jobs", "0"], ["--protocol", "paper"]):
        with pytest.raises(SystemExit):
            call("images", *folders, *words)


@pytest.mark.parametrize("weight", ["-10", "0", "nan", "inf"])
@pytest.mark.parametrize("kind", ["images", "video"])
def test_weights_that_make_no_quality_are_refused(
    kind: str, weight: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        call(kind, "pred", "gt", f"--weight={weight}")
    assert f"{weight} is not above 0" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--iou", "--weight", "--jobs"])
def test_what_is_no_number_is_called_so(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call("images", "pred", "gt", option, "x")
    assert f"argument {option}: 'x' is no number" in capsys.readouterr().err


def test_more_processes_than_pictures_are_not_started(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("images", *folders, "--jobs", 10**20, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert call("images", *folders, "--jobs", 1, "--json") == 0
    assert document == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("option", ["--html", "--csv"])
@pytest.mark.parametrize("name", ["nowhere/report", "."])
def test_files_that_cannot_be_written_are_refused_before_anything_is_read(
    tmp_path: Path, option: str, name: str
) -> None:
    with pytest.raises(OptionError, match="cannot write"):
        call("images", tmp_path / "no", tmp_path / "no", option, tmp_path / name)


@pytest.mark.parametrize("option", ["--html", "--csv"])
def test_a_place_that_may_not_be_written_is_refused_before_anything_is_read(
    tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # an administrator may write everywhere
    with pytest.raises(AlphaWriteError, match=r"report cannot be written: Permission denied"):
        call("images", tmp_path / "no", tmp_path / "no", option, tmp_path / "report")


def test_what_was_measured_is_printed_before_it_is_written(
    folders: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(AlphaWriteError, match=r"report\.html cannot be written: No space left"):
        call("images", *folders, "--jobs", 1, "--html", tmp_path / "report.html")
    assert "IMQ" in capsys.readouterr().out


@pytest.mark.parametrize("width", [20, 80])
def test_tables_are_whole_on_narrow_consoles(
    tmp_path: Path,
    clip: Clip,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    name = "take[red] of the dancers in the studio, the whole ensemble from the left"
    for side in ("pred", "gt"):
        (write_clips(tmp_path / side, clip) / "walk").rename(tmp_path / side / name)
    call("video", tmp_path / "pred", tmp_path / "gt", "--jobs", 1)
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if name in line)
    assert row.count("100.00") == 5
    assert "…" not in out


def test_only_failures_that_are_shown_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path / "gt", {"crowd": [disc(3 * k, 18, 4) for k in range(20)]})
    write_images(tmp_path / "pred", {"crowd": []})
    drawn: list[object] = []
    monkeypatch.setattr(reports, "make_panels", lambda *args: drawn.append(args) or [])
    page = tmp_path / "report.html"
    call("images", tmp_path / "pred", tmp_path / "gt", "--jobs", 1, "--html", page)
    assert "Recognition failures (20)" in page.read_text()
    assert len(drawn) == reports.MAX_CASES


# What the page is made of.


def test_errors_are_red_and_blue() -> None:
    prediction, target = np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32)
    prediction[0, 0], target[1, 1] = 1, 1
    painted = paint_error(prediction, target)
    assert tuple(painted[0, 0]) == (255, 0, 0)
    assert painted[1, 1, 2] == 255 and painted[1, 1, 0] == 0
    assert not painted[0, 1].any()


def test_panels_of_one_side_alone() -> None:
    alpha = disc(20, 18)
    assert [panel.caption for panel in make_panels(alpha, None)] == ["prediction"]
    assert [panel.caption for panel in make_panels(None, alpha)] == ["truth"]
    assert make_panels(None, None) == []


def test_histogram_counts_all_and_leaves_out_the_undefined() -> None:
    svg = draw_histogram("a < b", [0.1, 0.1, 5.0, float("nan")], num_bins=10)
    assert "n 3" in svg and "a &lt; b" in svg
    assert re.findall(r": (\d)</title>", svg) == ["0", "2", *["0"] * 7, "1"]
    assert "none" in draw_histogram("empty", [])
