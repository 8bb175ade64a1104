"""The doctor: every fault that it knows is made here, and must be told in the right degree."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tomllib
from collections import namedtuple
from fractions import Fraction
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import av
import pytest

from instmatt_video import doctor, extras
from instmatt_video.doctor import Check, check_machine
from instmatt_video.media.encodings import ENCODINGS
from instmatt_video.media.frame import ClipInfo
from instmatt_video.weights.registry import WeightsEntry, seal

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
FREE = namedtuple("FREE", "total used free")


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    doctor.add_arguments(parser)
    return parser.parse_args(words)


def entry(home: Any, file_name: str) -> WeightsEntry:
    return WeightsEntry("mine", file_name, home, "matting", "MIT", advice="make it")


class TestTheWhole:
    def test_every_check_has_a_name_and_a_sentence(self, tmp_path: Path) -> None:
        checks = check_machine(tmp_path)
        assert len({check.name for check in checks}) == len(checks)
        assert all(check.sentence.endswith((".", "…")) for check in checks)
        assert {"python", "packages", "prores_ks", "device", "weights lite", "disk"} <= {
            check.name for check in checks
        }

    @pytest.mark.parametrize(
        ("state", "status", "is_ready"),
        [
            pytest.param("ok", 0, True, id="ok"),
            pytest.param("warn", 0, True, id="a-warning-is-no-failure"),
            pytest.param("fail", 1, False, id="fail"),
        ],
    )
    def test_status_and_both_forms(
        self,
        state: Any,
        status: int,
        is_ready: bool,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        checks = [Check("python", "ok", "Fine."), Check("[bold]", state, "A [red]sentence[/red].")]
        monkeypatch.setattr(doctor, "check_machine", lambda out_dir: checks)
        assert doctor.run(parsed()) == status
        # Brackets are words, not markup.
        assert f"{state:5}[bold]  A [red]sentence[/red].\n" in capsys.readouterr().out
        assert doctor.run(parsed("--json")) == status
        document = json.loads(capsys.readouterr().out)
        assert document["is_ready"] == is_ready
        assert document["checks"][1] == {
            "name": "[bold]",
            "state": state,
            "sentence": "A [red]sentence[/red].",
        }

    def test_the_folder_is_the_one_that_was_named(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        doctor.run(parsed("--json", "--out-dir", str(tmp_path / "new" / "deeper")))
        disk = json.loads(capsys.readouterr().out)["checks"][-2]
        assert disk["name"] == "disk" and str(tmp_path) in disk["sentence"]


class TestPythonAndPackages:
    def test_the_table_is_that_of_the_project_file(self) -> None:
        project = tomllib.loads(PYPROJECT.read_text())["project"]
        assert project["dependencies"] == [
            f"{name}>={lowest}" for name, lowest in doctor.PACKAGES.items()
        ]
        assert project["requires-python"] == ">=" + ".".join(map(str, doctor.MIN_PYTHON))

    def test_an_old_python(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "version_info", (3, 10, 9))
        assert doctor._check_python().state == "fail"

    @pytest.mark.parametrize(
        ("versions", "words"),
        [
            pytest.param({"av": "16.1.0"}, "av 16.1.0 is older than 17", id="old"),
            pytest.param({"torch": "2.10.0+cpu"}, None, id="2.10-is-newer-than-2.6"),
            pytest.param({"scipy": None}, "scipy is missing", id="missing"),
        ],
    )
    def test_versions(
        self, versions: dict[str, str | None], words: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def version(name: str) -> str:
            found = versions.get(name, doctor.PACKAGES[name])
            if found is None:
                raise PackageNotFoundError(name)
            return found

        monkeypatch.setattr(doctor, "version", version)
        check = doctor._check_packages()
        assert check.state == ("ok" if words is None else "fail")
        assert words is None or words in check.sentence

    def test_a_module_whose_library_is_missing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        words = "libGL.so.1: cannot open shared object file"
        (tmp_path / "cv2.py").write_text(f"raise ImportError({words!r})")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "cv2")
        check = doctor._check_import("cv2", "OpenCV")
        assert check.state == "fail"
        assert words in check.sentence and "apt-get install libgl1" in check.sentence

    def test_what_hangs_on_a_broken_module_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "_import_error", lambda module: "broken")
        assert [check.state for check in doctor._check_encoders()] == ["fail"]
        assert doctor._check_device().state == "fail"

    def test_two_opencvs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "version", lambda name: "4.12")
        assert doctor._check_opencv_twins().state == "warn"


class TestFfmpeg:
    def test_every_formats_encoder_is_looked_for(self) -> None:
        rate = Fraction(25)
        info = ClipInfo("clip", None, 640, 360, rate, 1 / rate)
        for name, make in ENCODINGS.items():
            assert name in doctor.ENCODERS[make(info, 8)[0].codec]

    @pytest.mark.parametrize(
        ("missing", "state"), [("prores_ks", "fail"), ("libx264", "warn"), ("ffv1", "warn")]
    )
    def test_a_missing_encoder(
        self, missing: str, state: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        codec = av.Codec

        def without(name: str, mode: Any) -> av.Codec:
            return codec("no_such_codec" if name == missing else name, mode)

        monkeypatch.setattr(av, "Codec", without)
        states = {check.name: check.state for check in doctor._check_encoders()}
        assert states.pop(missing) == state
        assert set(states.values()) == {"ok"}

    def test_no_binary(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None)
        check = doctor._check_ffmpeg_binary()
        assert check.state == "warn" and "compose" in check.sentence

    @pytest.mark.skipif(os.name == "nt", reason="the fakes are shell scripts")
    @pytest.mark.parametrize(
        ("script", "state", "words"),
        [
            pytest.param(
                "echo ffmpeg version 7.1 Copyright the developers", "ok", "ffmpeg version 7.1 at"
            ),
            pytest.param("exit 127", "warn", "exit status 127"),
        ],
        ids=["works", "broken"],
    )
    def test_the_binary_is_run(
        self,
        script: str,
        state: str,
        words: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        program = tmp_path / "ffmpeg"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        check = doctor._check_ffmpeg_binary()
        assert check.state == state and words in check.sentence


class TestDevice:
    def test_a_driver_without_its_torch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        torch = pytest.importorskip("torch")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
        check = doctor._check_device()
        assert check.state == "warn" and "sees no GPU" in check.sentence

    def test_a_cpu_is_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        torch = pytest.importorskip("torch")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        monkeypatch.setattr(shutil, "which", lambda name: None)
        check = doctor._check_device()
        assert check.state == "ok" and "No GPU" in check.sentence

    @pytest.mark.gpu
    def test_a_gpu_is_named(self) -> None:
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("no CUDA GPU here")
        check = doctor._check_device()
        assert check.state == "ok" and torch.cuda.get_device_name(0) in check.sentence


class TestOnnx:
    def test_not_installed_is_no_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(extras, "find_spec", lambda name: None)
        check = doctor._check_onnx()
        assert check.state == "ok" and 'pip install "instmatt-video[onnx]"' in check.sentence

    def test_there(self) -> None:
        onnxruntime = pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
        check = doctor._check_onnx()
        assert check.state == "ok" and onnxruntime.__version__ in check.sentence

    def test_a_library_that_does_not_load(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(extras, "find_spec", lambda name: name)
        monkeypatch.setattr(doctor, "_import_error", lambda module: "libgomp.so.1")
        check = doctor._check_onnx()
        assert check.state == "warn" and "libgomp.so.1" in check.sentence


class TestWeights:
    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("INSTMATT_VIDEO_HOME", str(tmp_path))
        return tmp_path

    def test_embedded_ones_must_be_there(self) -> None:
        check = doctor._check_weights(entry("package", "no_such.safetensors"))
        assert check.state == "fail" and "are missing" in check.sentence

    def test_others_need_not(self) -> None:
        check = doctor._check_weights(entry("cache", "mine.safetensors"))
        assert check.state == "ok" and check.sentence.startswith("Not here")

    def test_whole_ones_are_named_with_their_checksum(self, home: Path) -> None:
        path = home / "mine.safetensors"
        path.write_bytes(b"abc")
        seal(path)
        check = doctor._check_weights(entry("cache", path.name))
        # SHA-256 of "abc": FIPS 180-2, appendix B.1.
        assert check.state == "ok" and "ba7816bf8f01" in check.sentence

    def test_a_changed_file_is_noticed(self, home: Path) -> None:
        path = home / "mine.safetensors"
        path.write_bytes(b"abc")
        seal(path)
        path.write_bytes(b"abd")
        check = doctor._check_weights(entry("cache", path.name))
        assert check.state == "warn" and "delete it" in check.sentence


class TestDiskAndDisplay:
    @pytest.mark.parametrize(
        ("free_gb", "state"), [(0.4, "fail"), (0.6, "warn"), (9.9, "warn"), (10.1, "ok")]
    )
    def test_free_space(
        self, free_gb: float, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: FREE(0, 0, int(free_gb * 1e9)))
        check = doctor._check_disk(tmp_path / "not" / "there" / "yet")
        assert check.state == state and f"{free_gb} GB free at {tmp_path}" in check.sentence

    def test_a_file_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        check = doctor._check_disk(tmp_path / "file" / "tracks")
        assert check.state == "fail" and "is no folder" in check.sentence

    @pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="these always have windows")
    @pytest.mark.parametrize(("answers", "state"), [(False, "warn"), (True, "ok")])
    def test_display(self, answers: bool, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "has_display", lambda environment: answers)
        assert doctor._check_display().state == state

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays have other names")
    def test_a_display_that_does_not_answer_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DISPLAY", ":4242")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        assert doctor._check_display().state == "warn"
