"""Which clips the words of a command line mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from instmatt_video.batch.clip_list import ListColumn
from instmatt_video.batch.inputs import find_clips
from instmatt_video.errors import OptionError, VideoOpenError

COLUMNS = {"rest": ListColumn("output.has_rest", lambda text: text == "true")}


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found(*inputs: object) -> list[str]:
    return [request.clip for request in find_clips([str(i) for i in inputs], COLUMNS)]


def test_a_folder_gives_its_videos_and_its_folders_of_pictures(tmp_path: Path) -> None:
    touch(tmp_path, "b10.mov", "b9.MP4", "notes.txt", "poster.jpg", ".hidden.mp4")
    touch(tmp_path, "frames/0001.png", "empty/readme.md", "deep/er/0001.png")
    expected = ["b9.MP4", "b10.mov", "frames"]
    assert found(tmp_path) == [str(tmp_path / name) for name in expected]


@pytest.mark.parametrize("suffix", ["y4m", "dv", "vob", "m2v", "gif", "nut", "asf", "f4v", "3g2"])
def test_old_and_plain_kinds_of_video_are_clips_too(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, f"clip.{suffix}", "clip.mp4")
    assert str(tmp_path / f"clip.{suffix}") in found(tmp_path)


def test_a_folder_of_pictures_alone_is_one_clip(tmp_path: Path) -> None:
    touch(tmp_path, "shot/0001.png", "shot/0002.png")
    assert found(tmp_path / "shot") == [str(tmp_path / "shot")]


def test_outputs_of_this_program_are_no_clips(tmp_path: Path) -> None:
    touch(tmp_path, "walk.mp4", "walk/manifest.json", "walk/0001.png")
    assert found(tmp_path) == [str(tmp_path / "walk.mp4")]


def test_a_pattern_of_videos_is_many_clips_and_one_of_pictures_is_one(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.mp4", "b/2.mkv", "b/2.txt", "c/0001.png", "s_1.png", "s_2.png")
    assert found(tmp_path / "*/?.*") == [str(tmp_path / "a/1.mp4"), str(tmp_path / "b/2.mkv")]
    for pattern in ("s_*.png", "s_%d.png"):
        assert found(tmp_path / pattern) == [str(tmp_path / pattern)]
    assert found(tmp_path / "[bc]") == [str(tmp_path / "b/2.mkv"), str(tmp_path / "c")]


def test_paths_are_absolute_and_nobody_comes_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.mp4")
    monkeypatch.chdir(tmp_path)
    assert found("a.mp4", tmp_path, "a.mp4") == [str(tmp_path / "a.mp4")]


def test_a_clip_that_is_not_there_is_left_to_fail_by_itself(tmp_path: Path) -> None:
    assert found(tmp_path / "gone.mp4") == [str(tmp_path / "gone.mp4")]


def test_a_list_counts_from_its_own_folder(tmp_path: Path) -> None:
    touch(tmp_path, "lists/a.mp4")
    list_file = tmp_path / "lists/shots.csv"
    list_file.write_text("clip,rest\na.mp4,true\n/elsewhere/b.mov,\n")
    first, second = find_clips([str(list_file)], COLUMNS)
    assert (first.clip, dict(first.options)) == (
        str(tmp_path / "lists/a.mp4"),
        {"output.has_rest": True},
    )
    assert (first.place, second.clip, dict(second.options)) == (
        f"{list_file}:2",
        "/elsewhere/b.mov",
        {},
    )


def test_one_clip_with_two_wishes_is_refused(tmp_path: Path) -> None:
    list_file = tmp_path / "shots.csv"
    list_file.write_text("clip,rest\na.mp4,true\na.mp4,false\n")
    with pytest.raises(OptionError, match=r"shots\.csv:3: .*a\.mp4 is asked for twice"):
        found(list_file)


@pytest.mark.parametrize("endless", ["-", "rtsp://camera/1", "/dev/video0"])
def test_what_never_ends_is_refused(endless: str) -> None:
    with pytest.raises(OptionError, match="a batch takes clips that have an end"):
        found(endless)


def test_a_folder_or_pattern_without_clips_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(VideoOpenError, match="no clips in it"):
        found(tmp_path)
    with pytest.raises(VideoOpenError, match="no file matches the pattern"):
        found(tmp_path / "*.mov")
