"""The command line: words to one call, errors to one line and a status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest

from instmatt_video import pipeline
from instmatt_video.cli import main
from instmatt_video.config import MatteConfig
from instmatt_video.console import ProgressView
from instmatt_video.errors import (
    AlphaWriteError,
    BatchError,
    DeviceError,
    FrameDecodeError,
    InstMattVideoError,
    MaskReadError,
    OptionError,
    VideoOpenError,
    WeightsError,
)
from instmatt_video.progress import Progress
from tests.synthetic_clip import write_clip

ROOT = Path(__file__).parents[1]


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SimpleNamespace]:
    """Replace the work; return what it was called with, or let it fail."""

    def replace_work(error: BaseException | None = None) -> SimpleNamespace:
        seen = SimpleNamespace()

        def matte_video(clip: str, out: Path, config: MatteConfig, progress: Any) -> Any:
            seen.clip, seen.out, seen.config = clip, out, config
            progress(Progress("analyse", 1, 1, 0))
            if error is not None:
                raise error
            return SimpleNamespace(
                source=SimpleNamespace(name="walk", frame_count=10),
                tracks=(1, 2),
                wall_s=4.0,
                alpha_store_bytes=2_500_000,
                model_dump=lambda mode: {"mode": mode},
            )

        monkeypatch.setattr(pipeline, "matte_video", matte_video)
        return seen

    return replace_work


class TestMainJob:
    def test_defaults(self, job: Callable[..., SimpleNamespace]) -> None:
        seen = job()
        assert main(["walk.mp4", "--out-dir", "out"]) == 0
        assert (str(seen.clip), seen.out, seen.config) == ("walk.mp4", Path("out"), MatteConfig())

    def test_every_option_reaches_its_setting(self, job: Callable[..., SimpleNamespace]) -> None:
        seen = job()
        words = """
            walk --out-dir out --detector masks:m --detect-every 2 --steady-frames 3
            --no-small-people --fps 30000/1001 --model base
            --matte-size 320 --no-refinement --device cpu --precision fp32 --format matte-ffv1
            --filename {name}.{ext} --foreground source --only 1,3 --rest --trim
            --still-frames 1 --no-audio --no-preview --no-report --resume --clean --offline
        """
        assert main(words.split()) == 0
        c = seen.config
        assert (c.detection.detector, c.detection.detect_every) == ("masks:m", 2)
        assert (c.detection.steady_frames, c.output.still_frames) == (3, 1)
        assert not c.detection.finds_small_people
        assert c.frame_rate == Fraction(30000, 1001)
        assert (c.matting.model, c.matting.matte_size, c.matting.has_refinement) == (
            "base",
            320,
            False,
        )
        assert (c.matting.device, c.matting.precision) == ("cpu", "fp32")
        assert (c.output.format, c.output.filename, c.output.foreground) == (
            "matte-ffv1",
            "{name}.{ext}",
            "source",
        )
        assert c.output.only == (1, 3) and c.output.has_rest and c.output.is_trimmed
        assert not (c.output.has_audio or c.output.has_preview or c.output.has_report)
        assert c.run.is_resumed and c.run.is_cleaned and not c.run.is_overwriting
        assert c.run.is_offline

    def test_flag_over_environment_over_file(
        self,
        job: Callable[..., SimpleNamespace],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        file = tmp_path / "s.toml"
        file.write_text("[matting]\nmatte_size = 128\ncontext = 0.4\n[output]\nquality = 9\n")
        monkeypatch.setenv("INSTMATT_VIDEO_MATTE_SIZE", "192")
        monkeypatch.setenv("INSTMATT_VIDEO_CONTEXT", "0.3")
        seen = job()
        words = ["w.mp4", "--out-dir", "o", "--config", str(file), "--matte-size", "256"]
        assert main(words) == 0
        matting = seen.config.matting
        assert (matting.matte_size, matting.context, seen.config.output.quality) == (256, 0.3, 9)

    def test_json_alone_on_stdout(
        self, job: Callable[..., SimpleNamespace], capsys: pytest.CaptureFixture[str]
    ) -> None:
        job()
        assert main(["walk.mp4", "--out-dir", "o", "--json"]) == 0
        out, _ = capsys.readouterr()
        assert json.loads(out) == {"mode": "json"}

    def test_a_person_reads_stderr(
        self, job: Callable[..., SimpleNamespace], capsys: pytest.CaptureFixture[str]
    ) -> None:
        job()
        assert main(["walk.mp4", "--out-dir", "o"]) == 0
        out, error = capsys.readouterr()
        assert out == ""
        assert "2 people in 10 frames, 4.0 s (2.50 frames/s), alpha store 2.5 MB" in error

    def test_quiet(
        self, job: Callable[..., SimpleNamespace], capsys: pytest.CaptureFixture[str]
    ) -> None:
        job()
        assert main(["walk.mp4", "--out-dir", "o", "--quiet"]) == 0
        assert capsys.readouterr() == ("", "")


class TestStatus:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (InstMattVideoError("x"), 1),
            (OptionError("x"), 2),
            (ValueError("x"), 2),
            (VideoOpenError("x"), 3),
            (FrameDecodeError("x"), 3),
            (MaskReadError("x"), 3),
            (BatchError("x"), 4),
            (DeviceError("x"), 5),
            (WeightsError("x"), 6),
            (AlphaWriteError("x"), 7),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
    )
    def test_errors_are_one_line(
        self,
        job: Callable[..., SimpleNamespace],
        capsys: pytest.CaptureFixture[str],
        error: Exception,
        status: int,
    ) -> None:
        job(type(error)("what happened"))
        assert main(["walk.mp4", "--out-dir", "o", "--quiet"]) == status
        assert capsys.readouterr() == ("", "instmatt-video: error: what happened\n")

    def test_a_traceback_only_when_asked(
        self, job: Callable[..., SimpleNamespace], capsys: pytest.CaptureFixture[str]
    ) -> None:
        job(OptionError("what happened"))
        assert main(["walk.mp4", "--out-dir", "o", "--verbose"]) == 2
        error = capsys.readouterr().err
        assert "Traceback" in error
        assert error.endswith("instmatt-video: error: what happened\n")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
    @pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
    def test_stopped_by_a_scheduler_or_a_closed_terminal(
        self, job: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        job()
        sent = getattr(signal, name)
        before = signal.signal(sent, signal.SIG_DFL)

        def be_stopped(view: ProgressView, progress: Progress) -> None:
            os.kill(os.getpid(), sent)

        monkeypatch.setattr(ProgressView, "show", be_stopped)
        try:
            assert main(["walk.mp4", "--out-dir", "o", "--quiet"]) == 130
        finally:
            assert signal.signal(sent, before) == signal.SIG_DFL

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
    def test_under_nohup_a_closed_terminal_stops_nothing(
        self, job: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job()
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

        def hang_up(view: ProgressView, progress: Progress) -> None:
            os.kill(os.getpid(), signal.SIGHUP)

        monkeypatch.setattr(ProgressView, "show", hang_up)
        try:
            assert main(["walk.mp4", "--out-dir", "o", "--quiet"]) == 0
        finally:
            signal.signal(signal.SIGHUP, before)

    @pytest.mark.parametrize(
        ("network", "checkpoint"),
        [(["matting", "--stage", "1"], "last.ckpt"), (["detector"], "crops/last.ckpt")],
        ids=["matting", "detector"],
    )
    def test_a_training_goes_on_from_a_checkpoint_that_is_there(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        network: list[str],
        checkpoint: str,
    ) -> None:
        def press(args: object) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr("instmatt_video.training.command.run", press)
        words = ["train", *network, "--data", "data.toml", "--out", str(tmp_path)]
        assert main(words) == 130
        assert capsys.readouterr().err == "stopped; there is no checkpoint yet to go on from\n"
        (tmp_path / checkpoint).parent.mkdir(exist_ok=True)
        (tmp_path / checkpoint).touch()
        assert main(words) == 130
        kept = "stopped; the same command goes on from the last checkpoint\n"
        assert capsys.readouterr().err == kept

    @pytest.mark.parametrize(
        ("words", "kept"),
        [
            (["walk.mp4", "--out-dir", "o"], "stopped; finished chunks are kept: --resume goes on"),
            (["walk.mp4", "--out-dir", "o", "--online"], "stopped; nothing is kept of an online"),
            (
                ["batch", "walk.mp4", "--out-dir", "o", "--online"],
                "stopped; what is finished is kept: the same command goes on\n",
            ),
            (
                ["batch", "walk.mp4", "--out-dir", "o", "--overwrite"],
                "stopped; what is finished is kept: the same command without --overwrite goes on\n",
            ),
            (["doctor"], "stopped\n"),
            (["live", "--source", "0", "--record", "o"], "stopped\n"),
        ],
        ids=["main job", "online", "batch", "batch anew", "another command", "live"],
    )
    def test_what_is_kept_is_said(
        self,
        job: Callable[..., SimpleNamespace],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        words: list[str],
        kept: str,
    ) -> None:
        def press(args: object) -> int:
            raise KeyboardInterrupt

        job(KeyboardInterrupt())
        monkeypatch.setattr("instmatt_video.doctor.run", press)
        monkeypatch.setattr("instmatt_video.live.command.run", press)
        monkeypatch.setattr("instmatt_video.batch.command.run", press)
        assert main(words) == 130
        assert kept in capsys.readouterr().err

    @pytest.mark.parametrize(
        "error",
        [
            RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
            RuntimeError("MPS backend out of memory (MPS allocated: 8.80 GB)"),
            MemoryError("Unable to allocate 3.7 GiB"),
            cv2.error("OpenCV alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate"),
        ],
        ids=["cuda", "metal", "the machine's", "OpenCV's"],
    )
    def test_memory_that_runs_out_is_one_line(
        self,
        job: Callable[..., SimpleNamespace],
        capsys: pytest.CaptureFixture[str],
        error: Exception,
    ) -> None:
        job(error)
        assert main(["walk.mp4", "--out-dir", "o", "--quiet"]) == 5
        said = f"instmatt-video: error: not enough memory: {error}\n"
        assert capsys.readouterr() == ("", said)

    def test_what_nobody_foresaw_is_not_hidden(self, job: Callable[..., SimpleNamespace]) -> None:
        job(RuntimeError("a bug"))
        with pytest.raises(RuntimeError, match="a bug"):
            main(["walk.mp4", "--out-dir", "o", "--quiet"])

    @pytest.mark.parametrize(
        ("words", "named"),
        [
            pytest.param([], "CLIP", id="nothing"),
            pytest.param(["walk.mp4"], "--out-dir", id="no folder"),
            pytest.param(["walk.mp4", "--out-dir", "o", "--sped"], "--sped", id="unknown"),
            pytest.param(["walk.mp4", "--out", "o"], "--out", id="no abbreviations"),
            pytest.param(["walk.mp4", "--out-dir", "o", "--only", "x"], "track numbers", id="list"),
            pytest.param(["walk.mp4", "--out-dir", "o", "--fps", "fast"], "--fps", id="rate"),
            pytest.param(["walk.mp4", "--out-dir", "o", "--fps", "25/0"], "--fps", id="no rate"),
            pytest.param(["walk.mp4", "--out-dir", "o", "--fps", "1e400"], "--fps", id="fast"),
            pytest.param(["walk.mp4", "--out-dir", "o", "--fps", "1e-400"], "--fps", id="slow"),
            pytest.param(
                ["walk.mp4", "--out-dir", "o", "--fps", "1e999999999"], "--fps", id="ever"
            ),
            pytest.param(["walk.mp4", "--out-dir", "o", "--fps", "100001"], "0.001..1", id="range"),
            pytest.param(
                ["compos", "o/walk", "--out", "x.mp4"], "is compose meant?", id="misspelt command"
            ),
            pytest.param(
                ["walk.mp4", "--out-dir", "o", "--resume", "--overwrite"], "contradict", id="both"
            ),
            pytest.param(
                ["walk.mp4", "--out-dir", "o", "--matte-size", "9"], "matte_size", id="range"
            ),
            pytest.param(
                ["walk.mp4", "--out-dir", "o", "--config", "no.toml"], "no.toml", id="config"
            ),
        ],
    )
    def test_usage(
        self,
        job: Callable[..., SimpleNamespace],
        capsys: pytest.CaptureFixture[str],
        words: list[str],
        named: str,
    ) -> None:
        job()
        assert main(words) == 2
        assert named in capsys.readouterr().err

    def test_a_name_that_would_be_read_as_an_option(
        self,
        job: Callable[..., SimpleNamespace],
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seen = job()
        monkeypatch.chdir(tmp_path)
        Path("-dash.mp4").touch()
        assert main(["-dash.mp4", "--out-dir", "o"]) == 2
        said = "instmatt-video: error: -dash.mp4 would be read as an option: write ./-dash.mp4\n"
        assert capsys.readouterr().err == said
        for words in (["./-dash.mp4"], ["--", "-dash.mp4"]):
            assert main(["--out-dir", "o", *words]) == 0
            assert str(seen.clip) == words[-1]


class TestRealFaults:
    """No network is reached: these are refused before."""

    def test_no_clip(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = [str(tmp_path / "nothing.mp4"), "--out-dir", str(tmp_path), "--quiet"]
        assert main(words) == 3
        assert "nothing.mp4" in capsys.readouterr().err

    def test_no_such_format(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        words = ["walk.mp4", "--out-dir", str(tmp_path), "--format", "gif"]
        assert main(words) == 2
        assert "prores4444" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("option", "status"),
        [
            (("--device", "cuda:77"), 5),
            (("--device", "tpu"), 2),
            (("--detector", "magic"), 2),
            (("--detector", "masks:nowhere"), 3),
            (("--model", "nowhere.safetensors", "--detector", "compact"), 6),
        ],
        ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
    )
    def test_what_is_not_here(self, tmp_path: Path, option: tuple[str, ...], status: int) -> None:
        clip = write_clip(tmp_path / "walk.mp4", 2)
        assert main([str(clip), "--out-dir", str(tmp_path / "o"), "--quiet", *option]) == status


class TestCommands:
    def test_help_lists_them(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--help"]) == 0
        text = capsys.readouterr().out
        for word in ("demo", "link", "train", "eval", "weights", "doctor", "predict-images"):
            assert f"\n  {word} " in text

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        from instmatt_video import __version__

        assert main(["--version"]) == 0
        assert capsys.readouterr().out.split() == ["instmatt-video", __version__]

    @pytest.mark.parametrize(
        "word", ["demo", "link", "train", "eval", "weights", "doctor", "predict-images"]
    )
    def test_each_has_help(self, word: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([word, "--help"]) == 0
        assert f"instmatt-video {word}" in capsys.readouterr().out

    def test_a_clip_of_the_name_of_a_command(self, job: Callable[..., SimpleNamespace]) -> None:
        seen = job()
        assert main(["./demo", "--out-dir", "o"]) == 0
        assert str(seen.clip) == "./demo"

    def test_link(self, tmp_path: Path) -> None:
        rows = [f"{k},-1,{10 + 2 * k},20,30,60,0.9,-1,-1,-1\n" for k in range(1, 21)]
        (tmp_path / "det.txt").write_text("".join(rows))
        words = ["link", str(tmp_path / "det.txt"), "--out", str(tmp_path / "tracks.txt")]
        assert main(words) == 0
        lines = (tmp_path / "tracks.txt").read_text().splitlines()
        assert {line.split(",")[1] for line in lines} == {"1"}


def test_as_a_program() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "instmatt_video.cli", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.startswith("usage: instmatt-video")
