"""A pipe whose writer pauses: what has come is given at once, and waiting can be ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from instmatt_video.media.stoppable_pipe import StoppablePipe
from tests.media.made_clips import write_video

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows can wait for no pipe, and sends no such signals"
)

LIMIT_S = 120
"""No test is decided by it: what is not stopped waits for ever."""


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    """Yield where a pipe is read and where it is written."""
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        os.close(end)


def test_what_has_come_is_given_at_once(ends: tuple[int, int]) -> None:
    pipe = StoppablePipe(ends[0], threading.Event())
    os.write(ends[1], b"picture")
    assert pipe.read(4) == b"pict"
    assert pipe.read(1000) == b"ure"


def test_a_pipe_ends_where_its_writer_does() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"last")
    os.close(writing)
    pipe = StoppablePipe(reading, threading.Event())
    assert [pipe.read(10), pipe.read(10)] == [b"last", b""]
    os.close(reading)


def test_waiting_is_ended_from_another_thread(ends: tuple[int, int]) -> None:
    stop = threading.Event()
    pipe = StoppablePipe(ends[0], stop)
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(pipe.read(10)), daemon=True)
    thread.start()
    stop.set()
    thread.join(LIMIT_S)
    assert got == [b""]


MATTING = """
import sys
from instmatt_video import MatteConfig, matte_video
from instmatt_video.config import DetectionConfig, OutputConfig, RunConfig
from instmatt_video.signals import ended_alike_by_any_signal
from tests.synthetic_clip import BoxMatter, ColorDetector

print("begun", flush=True)
config = MatteConfig(
    DetectionConfig(steady_frames=0),
    output=OutputConfig(has_preview=False),
    run=RunConfig(is_online=True),
)
try:
    with ended_alike_by_any_signal():
        matte_video(
            "-", sys.argv[1], config, lambda progress: print(progress.done, flush=True),
            detector=ColorDetector(), matter=BoxMatter(),
        )
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


@contextmanager
def fed(command: list[str], data: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a program that has taken all of `data`, and is promised more that never comes."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        # A shell's job in the background ignores Ctrl-C, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdin is not None and process.stdout is not None
    limit = threading.Timer(LIMIT_S, process.kill)
    limit.start()
    try:
        process.stdin.write(data)
        process.stdin.flush()
        wait_until_taken(process)
        yield process
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def wait_until_taken(process: subprocess.Popen[bytes]) -> None:
    """Wait until nothing is left in the pipe that a program reads."""
    import fcntl
    import termios

    assert process.stdin is not None
    while int.from_bytes(fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4)), sys.byteorder):
        assert process.poll() is None, "the program ended too early"
        time.sleep(0.05)


def last_words(process: subprocess.Popen[bytes]) -> list[str]:
    assert process.stdout is not None
    words = process.stdout.read().decode().splitlines()
    process.wait()
    return words


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_a_signal_ends_the_opening_of_a_pipe(
    sent: int, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    beginning = make_video("clip.mkv").read_bytes()[:300]
    command = ["-m", "instmatt_video.cli", "-", "--online", "--out-dir", str(tmp_path / "out")]
    with fed(command, beginning) as process:
        process.send_signal(sent)
        assert last_words(process) == ["stopped; nothing is kept of an online run"]
    assert process.returncode == 130


def test_a_signal_ends_a_run_whose_pipe_pauses(tmp_path: Path) -> None:
    path = tmp_path / "clip.nut"
    write_video(path, codec="rawvideo", pixel_format="rgb24", count=60)
    with fed(["-c", MATTING, str(tmp_path)], path.read_bytes()[:-2000]) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if line == b"59\n")  # of the last a part is missing
        process.send_signal(signal.SIGTERM)
        assert last_words(process) == ["stopped"]
    assert process.returncode == 0
    assert list((tmp_path / "stdin").iterdir()) == []
