"""A Ray that cannot be reached or does not start is one line, at once."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from instmatt_video.batch import ray_engine
from instmatt_video.cli import main
from tests.synthetic_clip import write_clip

ray = pytest.importorskip("ray")


@pytest.fixture
def batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs a batch of one clip on Ray: its status and its words."""
    clip = write_clip(tmp_path / "walk.mp4", 2)

    def run(*options: str) -> tuple[int, list[str]]:
        words = [
            "batch",
            str(clip),
            "--out-dir",
            str(tmp_path / "out"),
            "--engine",
            "ray",
            "--quiet",
        ]
        status = main([*words, *options])
        return status, capsys.readouterr().err.splitlines()

    return run


def silent_port() -> int:
    """Return a port of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nobody_listens(
    scheme: str, batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "ANSWER_S", 1.0)
    address = f"{scheme}127.0.0.1:{silent_port()}"
    status, lines = batch("--ray-address", address)
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith(f"instmatt-video: error: no Ray cluster at {address}: ")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        # ray/_private/node.py raises exactly this class.
        pytest.param(Exception("The node timed out.\nSee logs"), "The node timed out.", id="plain"),
        pytest.param(PermissionError(13, "Permission denied"), "Permission denied", id="system"),
        pytest.param(AssertionError(), "AssertionError", id="without words"),
    ],
)
def test_a_ray_that_does_not_start(
    error: Exception, reason: str, batch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**options: Any) -> None:
        raise error

    monkeypatch.setattr(ray, "init", init)
    status, lines = batch()
    assert status == 2
    assert len(lines) == 1
    assert lines[0].startswith("instmatt-video: error: no Ray cluster at this machine: ")
    assert lines[0].endswith(reason)
