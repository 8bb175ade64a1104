"""A composition that is stopped leaves neither a file nor a program at work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from instmatt_video.signals import ENDING_SIGNALS

ROOT = Path(__file__).parents[2]

# Stands for ffmpeg: begins its output, says who it is, and never ends by itself.
ENDLESS = """#!{python}
import os, pathlib, sys, time
if sys.platform != "win32":
    import fcntl
    held = open({pid!r} + ".held", "w")
    fcntl.flock(held, fcntl.LOCK_EX)
out = next(word[5:] for word in sys.argv if word.endswith(".partial"))
pathlib.Path(out).write_bytes(b"half a film")
pathlib.Path({pid!r}).write_text(str(os.getpid()))
time.sleep(600)
pathlib.Path({pid!r}).write_text("nobody stopped it")
"""


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> str:
    """Return what a file holds as soon as it holds anything."""
    while process.poll() is None:
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.05)
    raise AssertionError(f"the command ended too early, with status {process.returncode}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")
@pytest.mark.parametrize("sent", ENDING_SIGNALS, ids=lambda s: s.name)
def test_nothing_is_left(make_folder: Callable[..., Path], tmp_path: Path, sent: int) -> None:
    process, pid, out = begin(make_folder(), tmp_path)
    assert (out.parent / ".film.mp4.partial").exists()
    process.send_signal(sent)
    _, words = process.communicate()
    assert process.returncode == 130
    assert words.decode().splitlines()[-1] == "stopped"
    assert not list(out.parent.iterdir())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a child")
def test_the_program_ends_with_a_command_that_is_killed(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    import fcntl

    process, pid, out = begin(make_folder(), tmp_path)
    process.kill()
    process.communicate()
    with (tmp_path / "pid.held").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # which the program has until its end
    assert (tmp_path / "pid").read_text() == str(pid)
    assert not out.exists()


def begin(folder: Path, tmp_path: Path) -> tuple[subprocess.Popen[bytes], int, Path]:
    """Return a command at work, the number of its program's process, and what it is to write."""
    pid_file = tmp_path / "pid"
    program, out = tmp_path / "bin" / "ffmpeg", tmp_path / "out" / "film.mp4"
    program.parent.mkdir()
    program.write_text(ENDLESS.format(python=sys.executable, pid=str(pid_file)))
    program.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "instmatt_video.cli", "compose", str(folder), "--out", str(out)],
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        preexec_fn=answer_signals,
    )
    return process, int(wait_for(pid_file, process)), out


def answer_signals() -> None:
    """Answer signals as usual: a shell may have told its jobs to ignore some."""
    for sent in ENDING_SIGNALS:
        signal.signal(sent, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
