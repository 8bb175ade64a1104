"""Outputs that cannot be, options that do not go together, masks that do not fit.

Each fault ends in its exit status, in one line on stderr that names it, and in no half-written file
under a final name.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from instmatt_video.cli import main
from instmatt_video.media.folder_stream import FolderAlphaStream
from instmatt_video.media.video_stream import VideoAlphaStream
from tests.bad_input.runs import FRAMES, coverage_of, deny, partial_files, succeed
from tests.synthetic_clip import boxes_at, write_frames


@pytest.mark.usefixtures("people")
class TestOutput:
    def test_a_file_where_the_folder_should_be(
        self, clip: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        (tmp_path / "out").write_text("mine")
        assert "cannot be written" in fails(7, clip)
        assert (tmp_path / "out").read_text() == "mine"

    @pytest.mark.parametrize(
        "words",
        [
            pytest.param(["{clip}", "--out-dir", ""], id="clip"),
            pytest.param(["predict-images", "{home}", "--out", " "], id="images"),
            pytest.param(["live", "--source", "{clip}", "--record", ""], id="recording"),
        ],
    )
    def test_a_folder_without_a_name(
        self, words: list[str], clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([w.format(clip=clip, home=tmp_path) for w in words]) == 2
        assert capsys.readouterr().err.endswith(": names no folder; . is the current one\n")

    def test_a_folder_that_may_not_be_written(
        self,
        clip: Path,
        fails: Callable[..., str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def refuse(path: Path, *args: object, **kwargs: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Path, "mkdir", refuse)  # an administrator may write everywhere
        assert "walk cannot be written: Permission denied" in fails(7, clip)

    def test_a_folder_that_may_not_be_looked_into(
        self, clip: Path, tmp_path: Path, fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deny(monkeypatch, tmp_path / "out" / "walk")
        assert "walk cannot be written: Permission denied" in fails(7, clip)

    @pytest.mark.parametrize(
        ("place", "options", "left"),
        [
            pytest.param("store", [], [], id="alpha store"),
            pytest.param("video", [], [], id="stream"),
            pytest.param("end of a video", [], ["person_01.mkv"], id="end of a stream"),
            pytest.param("folder", ["--format", "png"], [], id="folder of pictures"),
            pytest.param(".streams.jsonl", [], [], id="list of finished streams"),
            pytest.param(".manifest.json", [], ["person_01.mkv", "person_02.mkv"], id="manifest"),
        ],
    )
    def test_a_full_disk_and_then_room_again(
        self,
        place: str,
        options: list[str],
        left: list[str],
        clip: Path,
        tmp_path: Path,
        fails: Callable[..., str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        write_text, finish = Path.write_text, VideoAlphaStream._finish

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def full_at_last(path: Path, *args: Any, **kwargs: Any) -> int:
            return full() if place in path.name else write_text(path, *args, **kwargs)  # type: ignore

        def full_for_the_second(stream: VideoAlphaStream) -> None:
            return full() if stream.path.stem == "person_02" else finish(stream)

        with monkeypatch.context() as patch:
            if place == "store":
                patch.setattr("instmatt_video.alpha_store.os.fsync", full)
            elif place == "video":
                patch.setattr(VideoAlphaStream, "_mux", full)
            elif place == "end of a video":
                patch.setattr(VideoAlphaStream, "_finish", full_for_the_second)
            elif place == "folder":
                patch.setattr(FolderAlphaStream, "_write", full)
            else:
                patch.setattr(Path, "write_text", full_at_last)
            line = fails(7, clip, *options)
        assert "No space left on device" in line or "disk is full" in line
        folder = tmp_path / "out" / "walk"
        assert not (folder / "manifest.json").exists()
        streams = sorted(folder.glob("person_*"))
        assert [stream.name for stream in streams] == left
        assert all(len(coverage_of(stream)) == FRAMES for stream in streams)
        manifest = succeed(clip, tmp_path / "out", "--resume", *options)
        assert {len(coverage_of(folder / t.file)) for t in manifest.tracks if t.file} == {FRAMES}
        assert partial_files(folder) == []

    def test_an_earlier_output_is_refused(
        self, clip: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        succeed(clip, tmp_path / "out")
        stream = tmp_path / "out" / "walk" / "person_01.mkv"
        before = stream.stat().st_mtime_ns
        line = fails(2, clip)
        assert "--resume" in line and "--overwrite" in line
        assert stream.stat().st_mtime_ns == before
        succeed(clip, tmp_path / "out", "--overwrite")
        assert stream.stat().st_mtime_ns != before

    @pytest.mark.parametrize(
        ("status", "options"),
        [
            pytest.param(2, ["--format", "matte-ffv1", "--quality", "3"], id="format"),
            pytest.param(2, ["--detector", "guess"], id="detector"),
            pytest.param(5, ["--device", "cuda:99"], id="device"),
            pytest.param(6, ["--model", "no.safetensors"], id="weights"),
        ],
    )
    def test_what_cannot_be_does_not_cost_the_earlier_output(
        self,
        status: int,
        options: list[str],
        clip: Path,
        tmp_path: Path,
        fails: Callable[..., str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        succeed(clip, tmp_path / "out")
        monkeypatch.undo()  # the real detector and matter from here on
        fails(status, clip, "--overwrite", *options)
        assert (tmp_path / "out" / "walk" / "person_01.mkv").exists()


class TestOptions:
    """Refused before any work, with the real networks in place."""

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            pytest.param(["--format", "gif"], "prores4444", id="no such format"),
            pytest.param(["--format", "prores4444", "--quality", "99"], "1..64", id="quality"),
            pytest.param(["--format", "matte-ffv1", "--quality", "3"], "no quality", id="lossless"),
            pytest.param(["--format", "matte-mp4", "--quality", "30"], "0..12", id="crf"),
            pytest.param(["--filename", "{clip}.{ext}.{oops}"], "oops", id="file name"),
            pytest.param(["--filename", "{clip}.{ext}"], "the same name", id="one name for all"),
            pytest.param(["--detector", "guess"], "maskrcnn", id="detector"),
            pytest.param(["--detect-every", "0"], "detect_every", id="interval"),
            pytest.param(["--steady-frames", "9"], "0..8", id="reach"),
        ],
    )
    def test_status_2_and_what_would_work(
        self, options: list[str], named: str, clip: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        assert named in fails(2, clip, *options)
        assert not list((tmp_path / "out").rglob("*.chunk"))

    def test_a_device_that_is_absent(
        self, clip: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        count = torch.cuda.device_count()
        line = fails(5, clip, "--device", f"cuda:{count}")
        assert f"cuda:{count}" in line and f"{count} CUDA GPUs" in line
        assert not (tmp_path / "out" / "walk").exists()

    def test_weights_of_a_wrong_checksum(
        self,
        clip: Path,
        tmp_path: Path,
        fails: Callable[..., str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        from instmatt_video.weights import cache
        from instmatt_video.weights.registry import ENTRIES

        damaged = tmp_path / "weights"
        damaged.mkdir()
        original = cache.weights_path(ENTRIES["lite"])
        shutil.copy(original.parent / "checksums.json", damaged)
        data = bytearray(original.read_bytes())
        data[-1] ^= 1
        (damaged / original.name).write_bytes(data)
        monkeypatch.setattr(
            cache,
            "weights_path",
            lambda entry: (
                damaged / entry.file_name
                if entry.name == "lite"
                else original.parent / entry.file_name
            ),
        )
        line = fails(6, clip)
        assert "matting_lite.safetensors" in line and "SHA-256" in line
        assert not (tmp_path / "out" / "walk").exists()


@pytest.mark.usefixtures("boxes")
class TestMasks:
    def masks(self, folder: Path, indices: Iterable[int], size: tuple[int, int]) -> Path:
        folder.mkdir()
        for index in indices:
            labels = np.zeros((size[1], size[0]), np.uint8)
            left, top, right, bottom = boxes_at(index)[0]
            labels[top:bottom, left:right] = 1
            assert cv2.imwrite(str(folder / f"{index:04d}.png"), labels)
        return folder

    def test_of_another_size(self, clip: Path, tmp_path: Path, fails: Callable[..., str]) -> None:
        folder = self.masks(tmp_path / "masks", range(FRAMES), (80, 48))
        line = fails(3, clip, "--detector", f"masks:{folder}")
        assert "0000.png" in line and "80×48" in line and "160×96" in line
        assert not list((tmp_path / "out").rglob("person_*"))

    @pytest.mark.parametrize("spec", ["masks:", "masks: "])
    def test_of_no_folder(self, spec: str, clip: Path, fails: Callable[..., str]) -> None:
        assert f"{spec!r} names no folder: use masks:DIR" in fails(2, clip, "--detector", spec)

    def test_of_a_longer_clip(self, clip: Path, tmp_path: Path, fails: Callable[..., str]) -> None:
        folder = self.masks(tmp_path / "masks", range(FRAMES + 3), (160, 96))
        line = fails(3, clip, "--detector", f"masks:{folder}")
        assert f"{FRAMES:04d}.png" in line and f"frames are 0 to {FRAMES - 1}" in line

    def test_of_some_frames_only(self, clip: Path, tmp_path: Path) -> None:
        folder = self.masks(tmp_path / "masks", range(0, FRAMES, 2), (160, 96))
        manifest = succeed(clip, tmp_path / "out", "--detector", f"masks:{folder}")
        (track,) = manifest.tracks
        assert (track.first_frame, track.frames_visible) == (1, FRAMES)

    def test_numbered_as_their_folder_of_frames(self, tmp_path: Path) -> None:
        shot = write_frames(tmp_path / "shot", FRAMES, first=1001)
        folder = self.masks(tmp_path / "masks", range(FRAMES), (160, 96))
        for path in sorted(folder.iterdir()):
            path.rename(path.with_stem(str(int(path.stem) + 1001)))
        manifest = succeed(shot, tmp_path / "out", "--detector", f"masks:{folder}", "--fps", "25")
        assert [track.frames_visible for track in manifest.tracks] == [FRAMES]
