"""The window: where there is none, and a real one under Xvfb with real keys."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from instmatt_video.live.display import has_display
from instmatt_video.live.window import TITLE
from tests.live.made_live import write_standing_clip

ROOT = Path(__file__).parents[2]
PATIENCE_S = 600


def test_without_a_display() -> None:
    assert not has_display({}, "linux")
    assert not has_display({"DISPLAY": "nonsense"}, "linux")
    assert has_display({}, "darwin") and has_display({}, "win32")


def test_a_display_that_is_named_must_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1] - 6000
        assert has_display({"DISPLAY": f"127.0.0.1:{number}.0"}, "linux")
    assert not has_display({"DISPLAY": f"127.0.0.1:{number}"}, "linux")
    assert not has_display({"DISPLAY": ":4242"}, "linux")


def test_a_wayland_display_answers_at_its_socket(tmp_path: Path) -> None:
    environment = {"WAYLAND_DISPLAY": "wayland-7", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert not has_display(environment, "linux")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-7"))
        server.listen()
        assert has_display(environment, "linux")


@pytest.fixture
def display() -> Iterator[dict[str, str]]:
    for program in ("Xvfb", "xdotool"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} on this machine")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    yield {**os.environ, "DISPLAY": f":{number}", "QT_LOGGING_RULES": "*=false"}
    server.terminate()
    server.wait()


def xdotool(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(["xdotool", *words], env=environment, capture_output=True, text=True)
    return done.stdout.strip()


PROGRAM = """
import json, sys
from instmatt_video import networks, cli
from instmatt_video.live import view_choice
from tests.live.made_live import made_networks

networks.load_networks = made_networks
seen = []
press = view_choice.ViewControl.press

def note(self, key, people):
    press(self, key, people)
    seen.append([key, self.choice.view, self.choice.solo, list(people)])
    print(json.dumps(seen[-1]), flush=True)

view_choice.ViewControl.press = note
sys.exit(cli.main(sys.argv[1:]))
"""


def test_keys_reach_a_real_window(display: dict[str, str], tmp_path: Path) -> None:
    clip = write_standing_clip(tmp_path / "two.mp4")
    words = ["live", "--source", str(clip), "--loop", "--seconds", str(PATIENCE_S)]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=ROOT,
        env=display,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until = time.monotonic() + PATIENCE_S
        window = ""
        while not window and process.poll() is None and time.monotonic() < until:
            window = xdotool(display, "search", "--name", TITLE).partition("\n")[0]
            time.sleep(0.2)
        assert window, process.communicate(timeout=10)[1]
        assert process.stdout is not None
        xdotool(display, "windowfocus", "--sync", window)
        xdotool(display, "key", "m")
        assert json.loads(process.stdout.readline())[:2] == ["m", "mattes"]
        xdotool(display, "key", "2")
        key, _, solo, people = json.loads(process.stdout.readline())
        assert (key, solo) == ("2", 2)
        assert people in ([], [1, 2])
        xdotool(display, "key", "q")
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, errors
        assert "frames shown" in errors
    finally:
        process.kill()
        process.wait()
