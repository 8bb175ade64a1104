"""How many cores a process takes."""

from __future__ import annotations

import pytest

from instmatt_video.cores import usable_cores


@pytest.mark.parametrize(("told", "cores"), [("3", 3), ("4,2", 4), ("", 8), ("0", 8), ("all", 8)])
def test_cores_are_those_that_a_process_was_told(
    monkeypatch: pytest.MonkeyPatch, told: str, cores: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert usable_cores() == cores
