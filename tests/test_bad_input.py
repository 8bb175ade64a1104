"""What the world and the user can do wrong, through the command line.

Each fault ends in its exit status, in one line on stderr that names it, and in no half-written file
under a final name. Kills in both phases are in `test_pipeline.py`, faults of single writers and
readers in `media/`.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from instmatt_video import networks
from instmatt_video.cli import main
from instmatt_video.detection.detector import DetectorChoice
from instmatt_video.manifest import Manifest, load_manifest
from instmatt_video.matting.matter import Matter
from instmatt_video.media import image_sequence
from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.media.folder_stream import FolderAlphaStream
from instmatt_video.media.image_sequence import read_image
from instmatt_video.media.video_stream import VideoAlphaStream
from tests.media.made_clips import disc_picture, write_video
from tests.synthetic_clip import BoxMatter, ColorDetector, boxes_at, write_clip, write_frames

FRAMES = 16
"""Enough for a person who is missed in one of them to be believed in."""
QUICK = ["--no-preview", "--quiet", "--format", "matte-ffv1"]


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matte people by their boxes: these faults lie outside of the network."""
    monkeypatch.setattr(Matter, "from_config", lambda *_: BoxMatter())


@pytest.fixture
def people(boxes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find people exactly, too."""
    choice = DetectorChoice(ColorDetector(), "made for tests")
    monkeypatch.setattr(networks, "create_detector", lambda *_, **__: choice)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "walk.mp4", FRAMES)


@pytest.fixture
def fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a job that must fail with a status; return the one line that it says."""

    def run(status: int, clip: Path, *options: str, out: Path | None = None) -> str:
        words = [str(clip), "--out-dir", str(out or tmp_path / "out"), *QUICK, *options]
        assert main(words) == status
        lines = capsys.readouterr().err.splitlines()
        complaints = [line for line in lines if line.startswith("instmatt-video: error: ")]
        assert len(complaints) == 1 and lines[-1] == complaints[0], lines
        return complaints[0]

    return run


def succeed(clip: Path | str, out: Path, *options: str) -> Manifest:
    assert main([str(clip), "--out-dir", str(out), *QUICK, *options]) == 0
    (manifest,) = out.glob("*/manifest.json")
    return load_manifest(manifest.parent)


def coverage_of(path: Path) -> list[float]:
    return [float(alpha.sum()) for alpha in read_alpha(path)]


def partial_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".partial" in path.name]


class TestNoClip:
    @pytest.mark.parametrize(
        ("kind", "named"),
        [
            pytest.param("missing", "no such file or folder", id="no such file"),
            pytest.param("empty", "the file is empty", id="empty file"),
            pytest.param("text", "cannot be opened", id="a text called mp4"),
            pytest.param("headless", "moov atom not found", id="truncated before its index"),
            pytest.param("sound", "only audio", id="sound only"),
            pytest.param("folder", "no frames in the folder", id="empty folder"),
        ],
    )
    def test_is_status_3_and_leaves_nothing(
        self, kind: str, named: str, clip: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        path = tmp_path / "input.mp4"
        if kind == "empty":
            path.touch()
        elif kind == "text":
            path.write_text("no pictures here\n" * 99)
        elif kind == "headless":
            whole = clip.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
        elif kind == "sound":
            write_sound(path)
        elif kind == "folder":
            path.mkdir()
        line = fails(3, path)
        assert named in line and "input.mp4" in line
        assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems take no such names")
class TestNamesThatAreNoText:
    NAME = os.fsdecode(b"caf\xe9")

    @pytest.mark.parametrize("kind", ["video", "folder", "frames", "on the way"])
    def test_of_a_clip_are_refused_before_any_work(
        self, kind: str, clip: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        path = tmp_path / self.NAME
        if kind == "video":
            shutil.copy(clip, path := path.with_suffix(".mp4"))
        elif kind == "folder":
            write_frames(tmp_path / "shot", 2).rename(path)
        elif kind == "frames":
            path = write_frames(tmp_path / "shot", 2)
            (path / "0001.png").rename(path / f"{self.NAME}.png")
        else:
            path.mkdir()
            shutil.copy(clip, path := path / "clip.mp4")
        assert r"caf\xe9" in (line := fails(3, path)) and "not UTF-8: rename it" in line
        assert not (tmp_path / "out").exists()
        if kind != "frames":
            assert main(["batch", str(path), "--out-dir", str(tmp_path / "out")]) == 3

    @pytest.mark.parametrize("option", ["--filename", "--detector", "--model"])
    def test_of_settings_are_refused_before_any_work(
        self, option: str, clip: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        assert r"caf\xe9 is not UTF-8: rename it" in fails(2, clip, option, f"masks:{self.NAME}")
        assert not (tmp_path / "out").exists()

    def test_of_the_folder_of_outputs_are_refused_too(
        self, clip: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        line = fails(2, clip, out=tmp_path / self.NAME)
        assert line.endswith(r"caf\xe9/walk: the name is not UTF-8: give another --out-dir")
        assert not list(tmp_path.iterdir())


def deny(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """Let the system tell nothing of a place, as of one below a closed folder."""
    stat = Path.stat  # an administrator may look everywhere

    def refuse(path: Path, **kwargs: Any) -> Any:
        if path == place:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **kwargs)

    monkeypatch.setattr(Path, "stat", refuse)


@pytest.mark.parametrize("words", [["{}", "--out-dir", "o"], ["batch", "{}", "--out-dir", "o"]])
def test_a_clip_that_may_not_be_read_is_status_3(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    deny(monkeypatch, tmp_path / "shots")
    assert main([word.format(tmp_path / "shots") for word in words]) == 3
    assert "shots: cannot be read: Permission denied" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_an_output_that_may_not_be_read_is_status_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert main(["tracks", str(tmp_path), "list"]) == 3
    assert "manifest.json: cannot be read: Permission denied" in capsys.readouterr().err


def write_sound(path: Path) -> None:
    import av

    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate, sound.pts = 16000, 0
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))


@pytest.mark.usefixtures("people")
class TestDamagedClip:
    def test_one_that_breaks_off_gives_what_is_there(self, tmp_path: Path) -> None:
        whole = tmp_path / "whole.avi"
        write_video(whole, count=20, options={"g": "5", "bf": "0"})
        cut = tmp_path / "cut.avi"
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
        manifest = succeed(cut, tmp_path / "out")
        assert 5 <= manifest.source.frame_count < 20
        assert any("truncated?" in warning for warning in manifest.warnings)

    @pytest.mark.parametrize("bad", [0, 3, FRAMES - 1], ids=["first", "middle", "last"])
    def test_a_corrupt_frame_of_a_folder_keeps_its_place_and_is_named(
        self, bad: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = write_frames(tmp_path / "shot", FRAMES)
        torn = folder / f"{bad:04d}.png"
        torn.write_bytes(torn.read_bytes()[:60])
        # Chunks shorter than the clip: the next one begins after the gap.
        monkeypatch.setenv("INSTMATT_VIDEO_CHUNK_FRAMES", "2")
        manifest = succeed(folder, tmp_path / "out", "--fps", "25")
        assert any(torn.name in warning for warning in manifest.warnings)
        assert manifest.source.unreadable == ((bad, bad),)
        assert manifest.source.frame_count == FRAMES
        stream = np.stack(list(read_alpha(tmp_path / "out" / "shot" / "person_01.mkv")))
        assert len(stream) == FRAMES
        for index, found in enumerate(stream):
            truth = np.zeros_like(found)
            if index or not bad == 0:  # nobody is known before the first picture
                left, top, right, bottom = boxes_at(index - 1 if index == bad else index)[0]
                truth[top:bottom, left:right] = 1
            assert np.array_equal(found, truth), index

    def test_online_a_corrupt_frame_keeps_its_place_too(self, tmp_path: Path) -> None:
        folder = write_frames(tmp_path / "shot", FRAMES)
        for index in (5, 6):
            (folder / f"{index:04d}.png").write_bytes(b"torn")
        manifests = [
            succeed(folder, tmp_path / name, "--fps", "25", *options)
            for name, options in (("stored", []), ("online", ["--online"]))
        ]
        assert [m.source.unreadable for m in manifests] == [((5, 6),)] * 2
        stored, online = (
            np.stack(list(read_alpha(tmp_path / name / "shot" / "person_01.mkv")))
            for name in ("stored", "online")
        )
        assert np.array_equal(stored, online) and len(stored) == FRAMES
        assert np.array_equal(stored[6], stored[4])

    def test_no_number_is_missing_among_the_pictures(self, tmp_path: Path) -> None:
        folder = write_frames(tmp_path / "shot", FRAMES, first=1001)
        torn = folder / "1004.png"
        torn.write_bytes(b"torn")
        succeed(folder, tmp_path / "out", "--fps", "25", "--format", "png")
        names = sorted(p.name for p in (tmp_path / "out" / "shot" / "person_01").iterdir())
        assert names == [f"00{n}.png" for n in range(1001, 1001 + FRAMES)]

    @pytest.mark.parametrize(
        ("bad", "fails_at"),
        [pytest.param([1], 11, id="after them"), pytest.param([4, 5, 6], 7, id="among them")],
    )
    def test_a_run_that_broke_off_at_corrupt_frames_resumes(
        self, bad: list[int], fails_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = write_frames(tmp_path / "shot", FRAMES)
        for index in bad:
            (folder / f"{index:04d}.png").write_bytes(b"torn")
        monkeypatch.setenv("INSTMATT_VIDEO_CHUNK_FRAMES", "2")
        with monkeypatch.context() as patch:
            choice = DetectorChoice(ColorDetector(fails_at=fails_at), "made for tests")
            patch.setattr(networks, "create_detector", lambda *_, **__: choice)
            with pytest.raises(RuntimeError, match="pulled the plug"):
                main([str(folder), "--out-dir", str(tmp_path / "out"), *QUICK])
        succeed(folder, tmp_path / "out", "--resume")
        succeed(folder, tmp_path / "whole")
        streams = [tmp_path / run / "shot" / "person_01.mkv" for run in ("out", "whole")]
        first, second = (np.stack(list(read_alpha(stream))) for stream in streams)
        assert np.array_equal(first, second)


BROKEN_AT = 12
"""Nine corrupt frames begin here: what comes before them is finished, and nothing behind them."""


@pytest.mark.usefixtures("people")
class TestClipThatBreaksOff:
    @pytest.fixture
    def broken(self, tmp_path: Path) -> Path:
        folder = write_frames(tmp_path / "shot", FRAMES + 9)
        for index in range(BROKEN_AT, BROKEN_AT + 9):
            (folder / f"{index:04d}.png").write_bytes(b"torn")
        return folder

    @pytest.mark.parametrize("options", [[], ["--online"]], ids=["stored", "online"])
    def test_is_finished_up_to_there(
        self, options: list[str], broken: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        line = fails(3, broken, "--fps", "25", *options)
        assert "0020.png: more than 8 frames in a row cannot be decoded" in line
        folder = tmp_path / "out" / "shot"
        assert f"the {BROKEN_AT} frames before are finished in {folder}" in line
        source = load_manifest(folder).source
        assert (source.frame_count, source.duration_s) == (BROKEN_AT, BROKEN_AT / 25)
        assert source.breaks_off is not None and source.breaks_off in line
        assert source.breaks_off in (folder / "report.html").read_text()
        for index, found in enumerate(read_alpha(folder / "person_01.mkv")):
            left, top, right, bottom = boxes_at(index)[0]
            assert found.sum() == (right - left) * (bottom - top)
        assert index == BROKEN_AT - 1
        assert partial_files(folder) == []

    def test_can_be_corrected_and_rendered_and_ends_alike_when_resumed(
        self, broken: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        line = fails(3, broken, "--fps", "25")
        folder = tmp_path / "out" / "shot"
        assert main(["tracks", str(folder), "rename", "1", "Anna"]) == 0
        assert main(["tracks", str(folder), "render"]) == 0
        before = (folder / "person_01.mkv").stat().st_mtime_ns
        assert fails(3, broken, "--fps", "25", "--resume") == line
        assert (folder / "person_01.mkv").stat().st_mtime_ns == before
        assert load_manifest(folder).tracks[0].name == "Anna"

    def test_is_read_on_by_resume_when_its_disk_is_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Callable[..., str]
    ) -> None:
        folder = write_frames(tmp_path / "shot", FRAMES + 9)
        monkeypatch.setenv("INSTMATT_VIDEO_CHUNK_FRAMES", "5")
        away = [folder / f"{index:04d}.png" for index in range(BROKEN_AT, FRAMES + 9)]
        with monkeypatch.context() as patch:
            patch.setattr(
                image_sequence,
                "read_image",
                lambda path: None if path in away else read_image(path),
            )
            fails(3, folder)
        manifest = succeed(folder, tmp_path / "out", "--resume")
        assert manifest.source.breaks_off is None
        assert manifest.source.frame_count == FRAMES + 9
        succeed(folder, tmp_path / "whole")
        streams = [tmp_path / run / "shot" / "person_01.mkv" for run in ("out", "whole")]
        first, second = (np.stack(list(read_alpha(stream))) for stream in streams)
        assert np.array_equal(first, second)


@pytest.mark.usefixtures("people")
class TestOutput:
    def test_a_file_where_the_folder_should_be(
        self, clip: Path, tmp_path: Path, fails: Callable[..., str]
    ) -> None:
        (tmp_path / "out").write_text("mine")
        assert "cannot be written" in fails(7, clip)
        assert (tmp_path / "out").read_text() == "mine"

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
        ("place", "options"),
        [
            pytest.param("store", [], id="alpha store"),
            pytest.param("video", [], id="stream"),
            pytest.param("folder", ["--format", "png"], id="folder of pictures"),
            pytest.param(".streams.jsonl", [], id="list of finished streams"),
            pytest.param(".manifest.json", [], id="manifest"),
        ],
    )
    def test_a_full_disk_and_then_room_again(
        self,
        place: str,
        options: list[str],
        clip: Path,
        tmp_path: Path,
        fails: Callable[..., str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        write_text = Path.write_text

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def full_at_last(path: Path, *args: Any, **kwargs: Any) -> int:
            return full() if place in path.name else write_text(path, *args, **kwargs)  # type: ignore

        with monkeypatch.context() as patch:
            if place == "store":
                patch.setattr("instmatt_video.alpha_store.os.fsync", full)
            elif place == "video":
                patch.setattr(VideoAlphaStream, "_mux", full)
            elif place == "folder":
                patch.setattr(FolderAlphaStream, "_write", full)
            else:
                patch.setattr(Path, "write_text", full_at_last)
            line = fails(7, clip, *options)
        assert "No space left on device" in line or "disk is full" in line
        folder = tmp_path / "out" / "walk"
        assert not (folder / "manifest.json").exists()
        for stream in folder.glob("person_*"):
            assert len(coverage_of(stream)) == FRAMES
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

    def test_of_a_longer_clip(self, clip: Path, tmp_path: Path, fails: Callable[..., str]) -> None:
        folder = self.masks(tmp_path / "masks", range(FRAMES + 3), (160, 96))
        line = fails(3, clip, "--detector", f"masks:{folder}")
        assert f"{FRAMES:04d}.png" in line and f"{FRAMES} frames" in line

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


class TestUnusualClips:
    """The real networks, on clips that are strange but in order."""

    def test_nobody(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        clip = tmp_path / "wall.mp4"
        write_video(clip, count=3, width=96, height=64)
        assert main([str(clip), "--out-dir", str(tmp_path / "out"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["tracks"] == []
        folder = tmp_path / "out" / "wall"
        assert load_manifest(folder).tracks == ()
        assert (folder / "tracks.txt").read_text() == ""
        assert (folder / "report.html").exists()
        assert not list(folder.glob("person_*"))

    def test_a_line_of_pictures_is_searched_like_any_other(self, tmp_path: Path) -> None:
        clip = tmp_path / "line.mkv"
        write_video(clip, count=3, width=2000, height=4, codec="ffv1", pixel_format="yuv444p")
        assert succeed(clip, tmp_path / "out").source.frame_count == 3

    @pytest.mark.parametrize(
        ("width", "height", "count"),
        [
            pytest.param(161, 97, 2, id="odd sides"),
            pytest.param(96, 64, 1, id="one frame"),
            pytest.param(16, 64, 2, id="16 px wide"),
            pytest.param(64, 16, 2, id="16 px high"),
            pytest.param(8, 1920, 2, id="8 px wide"),
        ],
    )
    @pytest.mark.parametrize("format", ["prores4444", "matte-mp4"])
    def test_are_matted(
        self, width: int, height: int, count: int, format: str, tmp_path: Path
    ) -> None:
        clip, masks = tmp_path / "clip.mkv", tmp_path / "masks"
        write_video(
            clip, count=count, width=width, height=height, codec="ffv1", pixel_format="yuv444p"
        )
        masks.mkdir()
        for index in range(count):
            red = disc_picture(index, width, height)[..., 0] > 180
            assert cv2.imwrite(str(masks / f"{index:04d}.png"), red.astype(np.uint8))
        manifest = succeed(
            clip,
            tmp_path / "out",
            "--detector",
            f"masks:{masks}",
            "--matte-size",
            "64",
            "--format",
            format,
        )
        (track,) = manifest.tracks
        assert track.frames_visible == count
        assert track.file is not None
        alphas = list(read_alpha(tmp_path / "out" / "clip" / track.file))
        assert [alpha.shape for alpha in alphas] == [(height, width)] * count
        assert all(0 < float(alpha.mean()) < 0.9 for alpha in alphas)
