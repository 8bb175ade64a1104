"""Clips that are none, or may not be read, or break off, or are odd.

Each fault ends in its exit status, in one line on stderr that names it, and in no half-written file
under a final name.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from instmatt_video import networks
from instmatt_video.cli import main
from instmatt_video.detection.detector import DetectorChoice
from instmatt_video.manifest import load_manifest
from instmatt_video.media import image_sequence
from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.media.image_sequence import read_picture
from tests.bad_input.runs import FRAMES, QUICK, coverage_of, deny, partial_files, succeed
from tests.media.made_clips import disc_picture, write_video
from tests.synthetic_clip import COLORS, WALL, ColorDetector, boxes_at, write_frames


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

    def test_has_a_whole_preview_once_it_is_read_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Callable[..., str]
    ) -> None:
        # Who is there has left before the clip breaks off: nothing of them is new.
        folder = write_frames(tmp_path / "shot", 30)
        for index in range(6, 30):
            wall = np.full((96, 160, 3), WALL, np.uint8)
            assert cv2.imwrite(str(folder / f"{index:04d}.png"), wall)
        monkeypatch.setenv("INSTMATT_VIDEO_CHUNK_FRAMES", "5")
        options = ["--fps", "25", "--trim", "--quiet", "--format", "matte-ffv1"]
        command = [str(folder), "--out-dir", str(tmp_path / "out"), *options]
        away = [folder / f"{index:04d}.png" for index in range(20, 30)]
        with monkeypatch.context() as patch:
            patch.setattr(
                image_sequence,
                "read_picture",
                lambda path: None if path in away else read_picture(path),
            )
            assert main(command) == 3
        assert main([*command, "--resume"]) == 0
        with av.open(tmp_path / "out" / "shot" / "preview.mp4") as preview:
            assert sum(1 for _ in preview.decode(video=0)) == 30

    def test_is_read_on_by_resume_when_its_disk_is_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Callable[..., str]
    ) -> None:
        folder = write_frames(tmp_path / "shot", FRAMES + 9)
        monkeypatch.setenv("INSTMATT_VIDEO_CHUNK_FRAMES", "5")
        away = [folder / f"{index:04d}.png" for index in range(BROKEN_AT, FRAMES + 9)]
        with monkeypatch.context() as patch:
            patch.setattr(
                image_sequence,
                "read_picture",
                lambda path: None if path in away else read_picture(path),
            )
            fails(3, folder)
        manifest = succeed(folder, tmp_path / "out", "--resume")
        assert manifest.source.breaks_off is None
        assert manifest.source.frame_count == FRAMES + 9
        succeed(folder, tmp_path / "whole")
        streams = [tmp_path / run / "shot" / "person_01.mkv" for run in ("out", "whole")]
        first, second = (np.stack(list(read_alpha(stream))) for stream in streams)
        assert np.array_equal(first, second)


def test_somebody_who_came_just_before_a_clip_broke_off_is_there_from_the_first_frame_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, boxes: None, fails: Callable[..., str]
) -> None:
    came, broken_at = 14, 17

    class Guesser(ColorDetector):
        has_exact_masks = False

    monkeypatch.setattr(
        networks, "create_detector", lambda *_, **__: DetectorChoice(Guesser(), "made for tests")
    )
    folder = tmp_path / "shot"
    folder.mkdir()
    for index in range(30):
        image = np.full((96, 160, 3), WALL, np.uint8)
        image[20:68, 40:64] = COLORS[0]
        if index >= came:  # before the other: what a ghost has of them is given back
            image[30:78, 52:90] = COLORS[1]
        assert cv2.imwrite(str(folder / f"{index:04d}.png"), image[..., ::-1])
    monkeypatch.setenv("INSTMATT_VIDEO_CHUNK_FRAMES", "5")
    away = [folder / f"{index:04d}.png" for index in range(broken_at, 30)]
    with monkeypatch.context() as patch:
        patch.setattr(
            image_sequence,
            "read_picture",
            lambda path: None if path in away else read_picture(path),
        )
        fails(3, folder)
    succeed(folder, tmp_path / "out", "--resume")
    covered = coverage_of(tmp_path / "out" / "shot" / "person_02.mkv")
    assert [index for index, pixels in enumerate(covered) if pixels] == [*range(came, 30)]


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
        # Of a disc of five pixels, in the lowest clip, the network makes nothing in one frame.
        assert all(float(alpha.mean()) > 0 for alpha in alphas[height < 20 :])
        assert all(float(alpha.mean()) < 0.9 for alpha in alphas)
