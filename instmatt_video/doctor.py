"""`instmatt-video doctor`: whether this machine has what a run needs, in one sentence a thing.

Looks and tells; installs, fetches and changes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from .errors import OptionError, WeightsError
from .extras import require_extra
from .live.display import has_display
from .weights.registry import ENTRIES, WeightsEntry

State = Literal["ok", "warn", "fail"]

MIN_PYTHON = (3, 11)

PACKAGES = {
    "av": "17",
    "ffmpeg-python": "0.2",
    "filterpy": "1.4.5",
    "numpy": "2",
    "opencv-python": "4.10",
    "platformdirs": "4",
    "pooch": "1.8",
    "pydantic": "2.8",
    "rich": "13.7",
    "safetensors": "0.5",
    "scipy": "1.14",
    "torch": "2.6",
    "torchvision": "0.21",
}
"""The lowest versions that work, as pyproject.toml has them."""

NATIVE_MODULES = {"av": "PyAV", "cv2": "OpenCV", "torch": "torch"}
"""Installed is not enough for these: a library of the system may be missing beneath them."""

ENCODERS = {
    "prores_ks": "prores4444 and matte-prores",
    "ffv1": "matte-ffv1",
    "libx264": "matte-mp4 and the preview",
    "libvpx-vp9": "webm",
}
"""FFmpeg's encoders and the formats that need them."""
DEFAULT_ENCODER = "prores_ks"

LOW_DISK_GB = 10.0
"""Below it a clip of a few minutes may not fit."""
NO_DISK_GB = 0.5

_MARKS: dict[State, str] = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    """`warn` is what only some commands miss; `fail` is what every run misses."""
    sentence: str
    """What was found and, unless all is well, what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--out-dir",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="the folder whose free space matters (default: the current one)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a list")


def run(args: argparse.Namespace) -> int:
    """Print every check; return 0, or 1 where one fails."""
    checks = check_machine(args.out_dir)
    has_failed = any(check.state == "fail" for check in checks)
    if args.json:
        document = {"is_ready": not has_failed, "checks": [asdict(check) for check in checks]}
        print(json.dumps(document, indent=2))
    else:
        _print(checks)
    return 1 if has_failed else 0


def check_machine(out_dir: Path = Path()) -> list[Check]:
    """Return what was found, in the order in which things are needed.

    Args:
        out_dir: Where outputs would be written; need not exist.
    """
    return [
        _check_python(),
        _check_packages(),
        *(_check_import(module, title) for module, title in NATIVE_MODULES.items()),
        _check_opencv_twins(),
        *_check_encoders(),
        _check_ffmpeg_binary(),
        _check_device(),
        _check_onnx(),
        *(_check_weights(entry) for entry in ENTRIES.values()),
        _check_disk(out_dir),
        _check_display(),
    ]


def _print(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks)
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:  # of this, too, there is something to tell
        for check in checks:
            print(f"{check.state:5}{check.name:{width}}  {check.sentence}")
        return
    console = Console()
    for check in checks:
        line = Text(f"{check.state:5}", _MARKS[check.state])
        line.append(f"{check.name:{width}}  {check.sentence}", "default")
        console.print(line, soft_wrap=True)


def _check_python() -> Check:
    found = platform.python_version()
    if sys.version_info < MIN_PYTHON:
        wanted = ".".join(map(str, MIN_PYTHON))
        return Check("python", "fail", f"Python {found} is too old: {wanted} or later is needed.")
    return Check("python", "ok", f"Python {found} on {platform.system()} {platform.machine()}.")


def _check_packages() -> Check:
    found, wrong = [], []
    for name, lowest in PACKAGES.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            wrong.append(f"{name} is missing")
            continue
        found.append(f"{name} {installed}")
        if _as_numbers(installed) < _as_numbers(lowest):
            wrong.append(f"{name} {installed} is older than {lowest}")
    if wrong:
        advice = "install again: pip install --upgrade instmatt-video"
        return Check("packages", "fail", f"{', '.join(wrong)}: {advice}.")
    return Check("packages", "ok", f"{', '.join(found)}.")


def _as_numbers(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: `2.6.0+cpu` is (2, 6, 0)."""
    leading = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in leading[0].split(".")) if leading else ()


def _import_error(module: str) -> str | None:
    """Return why a module cannot be imported, or `None` where it can."""
    try:
        import_module(module)
    except (ImportError, OSError) as error:  # OSError: a shared library does not load
        return " ".join(str(error).split())
    return None


def _check_import(module: str, title: str) -> Check:
    reason = _import_error(module)
    if reason is None:
        return Check(module, "ok", f"{title} loads.")
    advice = ""
    if module == "cv2" and "libGL" in reason:
        advice = " Install the system's libgl1 (Debian: apt-get install libgl1)."
    return Check(module, "fail", f"{title} does not load: {reason}.{advice}")


def _check_opencv_twins() -> Check:
    twins = []
    for name in ("opencv-python-headless", "opencv-contrib-python"):
        try:
            twins.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    if twins:
        return Check(
            "opencv",
            "warn",
            f"{' and '.join(twins)} lies over opencv-python in the same folder: uninstall both, "
            "then install opencv-python again.",
        )
    return Check("opencv", "ok", "One OpenCV is installed.")


def _check_encoders() -> list[Check]:
    if _import_error("av"):
        return [Check("encoders", "fail", "Unknown, since PyAV does not load.")]
    import av

    checks = [Check("ffmpeg-libraries", "ok", f"PyAV brings FFmpeg {av.ffmpeg_version_info}.")]
    for codec, formats in ENCODERS.items():
        try:
            av.Codec(codec, "w")
        except av.codec.codec.UnknownCodecError:
            state: State = "fail" if codec == DEFAULT_ENCODER else "warn"
            sentence = f"This FFmpeg has no such encoder, so {formats} cannot be written."
            checks.append(Check(codec, state, f"{sentence} PyAV's own wheels have it."))
        else:
            checks.append(Check(codec, "ok", f"For {formats}."))
    return checks


def _check_ffmpeg_binary() -> Check:
    path = shutil.which("ffmpeg")
    if path is None:
        return Check(
            "ffmpeg", "warn", "There is no ffmpeg program; only `instmatt-video compose` needs it."
        )
    try:
        answer = subprocess.run(
            [path, "-hide_banner", "-version"], capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("ffmpeg", "warn", f"{path} does not run: {error}.")
    if answer.returncode:
        return Check("ffmpeg", "warn", f"{path} does not run: exit status {answer.returncode}.")
    words = answer.stdout.split("Copyright")[0].strip()
    return Check("ffmpeg", "ok", f"{words} at {path}, for `compose`.")


def _check_device() -> Check:
    if _import_error("torch"):
        return Check("device", "fail", "Unknown, since torch does not load.")
    import torch

    from .device import choose_device, choose_precision

    device = choose_device("auto")
    precision = str(choose_precision("auto", device)).removeprefix("torch.")
    cores, threads = os.cpu_count(), torch.get_num_threads()
    cpu = f"the CPU (cores: {cores}, torch threads: {threads}, {_cpu_bf16()})"
    if device.type == "cuda":
        gpus = ", ".join(_gpu(index) for index in range(torch.cuda.device_count()))
        return Check("device", "ok", f"CUDA: {gpus}, in {precision}; beside it {cpu}.")
    if device.type == "mps":
        return Check("device", "ok", f"Apple's GPU by Metal, in {precision}; beside it {cpu}.")
    if shutil.which("nvidia-smi"):
        return Check(
            "device",
            "warn",
            f"There is an NVIDIA driver, but torch {torch.__version__} sees no GPU, so {cpu} "
            "works: install torch built for the driver's CUDA.",
        )
    return Check("device", "ok", f"No GPU: {cpu} works, in {precision}.")


def _check_onnx() -> Check:
    purpose = "`--runtime onnx` and `export --format onnx`"
    try:
        require_extra("onnx", "ONNX")
    except OptionError as error:
        return Check("onnx", "ok", f"Not here, and only needed for {purpose}. {error}.")
    reason = _import_error("onnxruntime")
    if reason is not None:
        return Check("onnx", "warn", f"onnxruntime does not load: {reason}. It is for {purpose}.")
    return Check("onnx", "ok", f"onnxruntime {version('onnxruntime')}, for {purpose}.")


def _gpu(index: int) -> str:
    import torch

    properties = torch.cuda.get_device_properties(index)
    return f"{properties.name} ({properties.total_memory / 2**30:.0f} GiB)"


def _cpu_bf16() -> str:
    import torch

    if torch.cpu._is_amx_tile_supported():
        return "bf16 by AMX"
    return "bf16 by AVX-512" if torch.cpu._is_avx512_bf16_supported() else "no fast bf16"


def _check_weights(entry: WeightsEntry) -> Check:
    name = f"weights {entry.name}"
    try:
        from .weights.cache import verify, weights_path
    except ImportError as error:
        return Check(name, "fail", f"{error.name} is missing, without which no weights are found.")
    path = weights_path(entry)
    is_embedded = entry.home == "package"
    if not is_embedded and not path.is_file():
        return Check(name, "ok", f"Not here, and only needed where asked for: {entry.purpose}.")
    try:
        sha256 = verify(entry)
    except WeightsError as error:
        return Check(name, "fail" if is_embedded else "warn", f"{error}.")
    size_mb = path.stat().st_size / 1e6
    return Check(name, "ok", f"{entry.purpose}, {size_mb:.1f} MB, SHA-256 {sha256[:12]}….")


def _check_disk(out_dir: Path) -> Check:
    folder = out_dir.expanduser().resolve()
    while not os.path.exists(folder):
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return Check("disk", "fail", f"{folder} is no folder that this user can write to.")
    free_gb = shutil.disk_usage(folder).free / 1e9
    sentence = f"{free_gb:.1f} GB free at {folder}"
    if free_gb < NO_DISK_GB:
        return Check("disk", "fail", f"{sentence}: too little for any clip.")
    if free_gb < LOW_DISK_GB:
        return Check("disk", "warn", f"{sentence}: little for ProRes; --clean drops the store.")
    return Check("disk", "ok", f"{sentence}.")


def _check_display() -> Check:
    if has_display(os.environ):
        return Check("display", "ok", "There is a display, for `live`.")
    return Check(
        "display", "warn", "There is no display; only `live` needs one, and --serve does without."
    )
