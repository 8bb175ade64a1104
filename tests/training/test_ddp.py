"""Two processes of torchrun train one network, each on its own batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from instmatt_video.folder_lock import training_alone
from instmatt_video.training.loop import train
from instmatt_video.training.loop_config import LoopConfig
from instmatt_video.training.processes import count_devices_and_nodes, shares_norms

from .ddp_worker import CONFIG, BothShares
from .line_training import equal, rows


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the two processes have trained in."""
    out = tmp_path_factory.mktemp("ddp")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "tests.training.ddp_worker", str(out)]
    with training_alone(out / "held"):
        subprocess.run(
            command,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=True,
            timeout=300,
        )
    return out


@pytest.fixture(scope="module")
def ranks(out: Path) -> list[dict[str, Any]]:
    return [torch.load(out / f"rank{n}.pt", weights_only=True) for n in (0, 1)]


def test_each_process_makes_its_own_batches(ranks: list[dict[str, Any]]) -> None:
    for rank, left in enumerate(ranks):
        assert left["made"] == [(step, rank) for step in range(CONFIG.steps)]


def test_weights_are_equal_and_those_of_both_batches_together(
    ranks: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert equal(ranks[0]["whole"], ranks[1]["whole"])
    alone = BothShares()
    train(alone, CONFIG, tmp_path)
    for name, weight in alone.network.state_dict().items():
        torch.testing.assert_close(ranks[0]["whole"][name], weight)


def test_the_first_process_alone_validates_and_writes(
    out: Path, ranks: list[dict[str, Any]]
) -> None:
    assert [left["num_validated"] for left in ranks] == [2, 0]
    assert [left["num_saved"] for left in ranks] == [4, 0]
    assert [left["best"] for left in ranks] == [{"score": 2.0}] * 2
    steps = [int(row[0]) for row in rows(out / "whole") if row[1] == "loss"]
    assert steps == list(range(1, CONFIG.steps + 1))


def test_a_broken_run_resumes_to_the_same_weights(ranks: list[dict[str, Any]]) -> None:
    for rank, left in enumerate(ranks):
        assert equal(left["resumed"], left["whole"])
        assert left["made_after"] == [(step, rank) for step in range(4, CONFIG.steps)]


def test_a_folder_that_another_training_holds_is_told_by_all(
    out: Path, ranks: list[dict[str, Any]]
) -> None:
    refusal = f"{out / 'held'} is being trained by another process"
    assert [left["refusal"] for left in ranks] == [refusal] * 2


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, (3, 2), id="the config without torchrun"),
        pytest.param({"LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, (4, 2), id="two nodes of four"),
        pytest.param({"LOCAL_WORLD_SIZE": "1", "WORLD_SIZE": "1"}, (1, 1), id="torchrun of one"),
    ],
)
def test_torchrun_goes_before_the_config(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: tuple[int, int]
) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert count_devices_and_nodes(LoopConfig(devices=3, nodes=2)) == expected


@pytest.mark.parametrize(
    ("accelerator", "gpus", "expected"),
    [("auto", 0, 1), ("auto", 2, 2), ("cuda", 3, 3), ("cpu", 2, 1)],
)
def test_as_many_processes_as_there_are_gpus(
    monkeypatch: pytest.MonkeyPatch, accelerator: str, gpus: int, expected: int
) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    config = LoopConfig(devices=0, accelerator=accelerator)
    assert count_devices_and_nodes(config) == (expected, 1)


@pytest.mark.parametrize(
    ("accelerator", "has_gpus", "devices", "expected"),
    [
        pytest.param("auto", True, 2, True, id="two GPUs"),
        pytest.param("auto", True, 1, False, id="a GPU alone"),
        pytest.param("auto", False, 2, False, id="two processes without a GPU"),
        pytest.param("cpu", True, 2, False, id="two that leave the GPUs alone"),
    ],
)
def test_norms_are_of_all_processes_on_gpus_alone(
    monkeypatch: pytest.MonkeyPatch, accelerator: str, has_gpus: bool, devices: int, expected: bool
) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpus)
    assert shares_norms(LoopConfig(devices=devices, accelerator=accelerator)) is expected
