"""A recording that is stopped from outside ends whole, whatever asks for its end, how often."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instmatt_video import networks
from instmatt_video.cli import main
from instmatt_video.live.recording import Recording
from instmatt_video.manifest import load_manifest
from instmatt_video.media.alpha_reader import read_alpha
from instmatt_video.rendering.online_streams import OnlineStreams
from instmatt_video.signals import ENDING_SIGNALS
from tests.live.made_live import made_networks, write_standing_clip

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_standing_clip(tmp_path_factory.mktemp("clips") / "two.mp4", frames=30)


@pytest.fixture
def usual_signals() -> Iterator[None]:
    """Answer signals as a fresh process does, whatever this one was started by."""
    before = {sent: signal.getsignal(sent) for sent in ENDING_SIGNALS}
    for sent in ENDING_SIGNALS:
        is_ctrl_c = sent == signal.SIGINT
        signal.signal(sent, signal.default_int_handler if is_ctrl_c else signal.SIG_DFL)
    yield
    for sent, handler in before.items():
        signal.signal(sent, handler)


def words(clip: Path, out: Path) -> list[str]:
    source = ["live", "--source", str(clip), "--loop"]
    return [*source, "--record", str(out), "--format", "matte-ffv1", "--quiet"]


def assert_whole(folder: Path) -> None:
    manifest = load_manifest(folder)
    assert manifest.source.frame_count > 0
    assert [track.file for track in manifest.tracks] == ["person_01.mkv", "person_02.mkv"]
    for track in manifest.tracks:
        frames = sum(1 for _ in read_alpha(folder / str(track.file)))
        assert frames == manifest.source.frame_count
    assert not list(folder.glob(".*"))


@pytest.mark.usefixtures("usual_signals")
@pytest.mark.parametrize("sent", ENDING_SIGNALS, ids=lambda sent: sent.name)
def test_signals_without_end_leave_it_whole(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
) -> None:
    """The first one comes with a frame, others while the files are being finished."""
    write, close = Recording.write, OnlineStreams.close
    taken = 0

    def write_and_be_stopped(self: Recording, found: Any) -> None:
        nonlocal taken
        write(self, found)
        taken += 1
        if taken == 8:
            os.kill(os.getpid(), sent)

    def close_under_fire(self: OnlineStreams, *rest: Any) -> Any:
        os.kill(os.getpid(), sent)
        result = close(self, *rest)
        os.kill(os.getpid(), sent)
        return result

    monkeypatch.setattr(networks, "load_networks", made_networks)
    monkeypatch.setattr(Recording, "write", write_and_be_stopped)
    monkeypatch.setattr(OnlineStreams, "close", close_under_fire)
    before = signal.getsignal(sent)
    assert main(words(clip, tmp_path)) == 0
    assert signal.getsignal(sent) == before
    assert_whole(tmp_path / "two")


RECORDING = """
import os, sys
from instmatt_video import networks
from instmatt_video.cli import main
from tests.live.made_live import made_networks

os.login_tty(int(sys.argv[1]))
networks.load_networks = made_networks
status = main(sys.argv[3:])
open(sys.argv[2], "w").write(str(status))
"""


def test_a_terminal_that_is_closed_ends_it(clip: Path, tmp_path: Path) -> None:
    """What the command says then has nowhere to go, which must not be what stops it."""
    ours, theirs = os.openpty()
    status, out = tmp_path / "status", tmp_path / "takes"
    loud = [word for word in words(clip, out) if word != "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-c", RECORDING, str(theirs), str(status), *loud],
        pass_fds=[theirs],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    os.close(theirs)
    while not (out / "two" / ".person_02.mkv.partial").exists():
        assert process.poll() is None, os.read(ours, 10_000).decode()
        time.sleep(0.05)
    os.close(ours)
    process.wait()
    assert status.read_text() == "0"
    assert_whole(out / "two")
