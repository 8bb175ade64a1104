"""A training that was broken off goes on as if nothing had happened, or says why it cannot."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from instmatt_video.errors import WeightsError
from instmatt_video.training.loop import train

from .line_training import CONFIG, Line, checkpoint, equal, rows


def test_a_resumed_run_says_so_in_the_log_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    train(Line(), CONFIG, tmp_path)
    caplog.set_level("INFO", "instmatt_video.training.loop")
    train(Line(), replace(CONFIG, steps=CONFIG.steps + 1), tmp_path)
    assert f"resuming {tmp_path / 'last.ckpt'} at step {CONFIG.steps}" in caplog.messages
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    "killed_at", [3, 13, 20], ids=["at the start", "between", "at a checkpoint"]
)
def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path, killed_at: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    outcome = train(Line(), CONFIG, whole)
    with pytest.raises(RuntimeError, match="killed"):
        train(Line(fails_at=killed_at), CONFIG, broken)
    task = Line()
    again = train(task, CONFIG, broken)
    assert min(step for step, rank in task.made if rank == 0) == killed_at // 5 * 5
    first, second = checkpoint(whole), checkpoint(broken)
    assert equal(first["network"], second["network"])
    assert equal(first["average"], second["average"])
    assert outcome == again and first["best"] == second["best"]
    assert rows(whole) == rows(broken)
    for name in ("best.safetensors", "last.safetensors"):
        assert equal(load_file(whole / name), load_file(broken / name))


def test_a_run_of_another_network_is_not_gone_on_with(tmp_path: Path) -> None:
    train(Line(), CONFIG, tmp_path)
    other = Line()
    other.network = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(WeightsError, match="another --out"):
        train(other, replace(CONFIG, steps=40), tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        pytest.param({"seed": 5}, "begun with seed 1, not 5; take another --out", id="seed"),
        pytest.param({"learning_rate": 0.1}, "learning_rate 0.05, not 0.1", id="rate"),
        pytest.param({"betas": (0.5, 0.9)}, r"betas \(0.9, 0.999\), not \(0.5", id="betas"),
    ],
)
def test_a_run_of_another_schedule_is_not_gone_on_with(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    train(Line(), CONFIG, tmp_path)
    before = (tmp_path / "last.ckpt").read_bytes()
    for steps in (CONFIG.steps, 40):
        with pytest.raises(WeightsError, match=words):
            train(Line(), replace(CONFIG, steps=steps, **changed), tmp_path)
    assert (tmp_path / "last.ckpt").read_bytes() == before


def test_a_run_on_other_data_is_not_gone_on_with(tmp_path: Path) -> None:
    train(Line(), CONFIG, tmp_path, data={"batch.targets": 2, "curriculum.sizes_px": (64, 96)})
    longer = replace(CONFIG, steps=30)
    with pytest.raises(WeightsError, match=r"begun with batch.targets 2, not 3; take another"):
        train(Line(), longer, tmp_path, data={"batch.targets": 3, "curriculum.sizes_px": (64, 96)})
    with pytest.raises(WeightsError, match=r"sizes_px \(64, 96\), not \(64,\)"):
        train(Line(), longer, tmp_path, data={"batch.targets": 2, "curriculum.sizes_px": (64,)})
    train(Line(), longer, tmp_path, data={"batch.targets": 2, "curriculum.sizes_px": (64, 96)})
    assert checkpoint(tmp_path)["step"] == 30


def test_a_run_may_go_on_for_longer(tmp_path: Path) -> None:
    train(Line(), CONFIG, tmp_path)
    task = Line()
    train(task, replace(CONFIG, steps=30, log_steps=1, workers=0), tmp_path)
    assert {step for step, rank in task.made if rank == 0} == set(range(24, 30))
    assert checkpoint(tmp_path)["step"] == 30


def test_a_run_that_is_past_the_steps_asked_for_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(Line(), CONFIG, tmp_path)
    caplog.set_level("WARNING", "instmatt_video.training.loop")
    for steps in (CONFIG.steps, 10):
        task = Line()
        train(task, replace(CONFIG, steps=steps), tmp_path)
        assert task.made == []
    (line,) = caplog.messages
    assert "last.ckpt is at step 24, past the 10 steps: nothing is trained" in line


def test_a_run_that_ends_before_its_first_validation_leaves_weights(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="killed"):
        train(Line(fails_at=7), CONFIG, tmp_path)
    assert checkpoint(tmp_path)["step"] == 5 and not list(tmp_path.glob("*.safetensors"))
    shorter, task = replace(CONFIG, steps=5), Line()
    outcome = train(task, shorter, tmp_path)
    assert task.made == [(-1, 9)], "the validation's batch alone"
    assert outcome.best["score"] > -math.inf
    for name in ("best.safetensors", "last.safetensors"):
        assert equal(load_file(tmp_path / name), checkpoint(tmp_path)["average"])
    again = Line()
    assert train(again, shorter, tmp_path) == outcome
    assert again.made == []


def test_the_best_begins_anew_where_its_weights_are_gone(tmp_path: Path) -> None:
    class Worse(Line):
        def validate(self, network: nn.Module) -> dict[str, float]:
            super().validate(network)
            return {"score": -1e6}

    train(Line(), CONFIG, tmp_path)
    (tmp_path / "best.safetensors").unlink()
    assert train(Worse(), CONFIG, tmp_path).best == {"score": -1e6}
    assert equal(load_file(tmp_path / "best.safetensors"), checkpoint(tmp_path)["average"])


def test_a_run_of_more_processes_is_not_gone_on_with(tmp_path: Path) -> None:
    train(Line(), CONFIG, tmp_path)
    state = checkpoint(tmp_path)
    state["schedule"]["number of processes"] = 2
    torch.save(state, tmp_path / "last.ckpt")
    with pytest.raises(WeightsError, match="begun with number of processes 2, not 1; take another"):
        train(Line(), replace(CONFIG, steps=30), tmp_path)


def test_a_run_that_had_diverged_is_not_gone_on_with(tmp_path: Path) -> None:
    train(Line(), CONFIG, tmp_path)
    state = checkpoint(tmp_path)
    state["network"]["0.weight"][0, 0] = math.nan
    torch.save(state, tmp_path / "last.ckpt")
    with pytest.raises(WeightsError, match=r"last\.ckpt has weights that are not finite; take"):
        train(Line(), replace(CONFIG, steps=30), tmp_path)


def test_a_run_begun_before_a_setting_was_kept_is_gone_on_with(tmp_path: Path) -> None:
    train(Line(), CONFIG, tmp_path, data={"batch.targets": 2})
    state = checkpoint(tmp_path)
    del state["schedule"]["number of processes"]
    torch.save(state, tmp_path / "last.ckpt")
    data = {"batch.targets": 2, "first weights": "chance"}
    train(Line(), replace(CONFIG, steps=30), tmp_path, data=data)
    assert checkpoint(tmp_path)["step"] == 30


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    outcome = train(Line(), CONFIG, tmp_path)
    before = (tmp_path / "best.safetensors").read_bytes()
    task = Line()
    assert train(task, CONFIG, tmp_path) == outcome
    assert task.made == [] and (tmp_path / "best.safetensors").read_bytes() == before


def test_a_run_of_another_stage_is_not_gone_on_with(tmp_path: Path) -> None:
    train(Line(), CONFIG, tmp_path)
    other = Line()
    other.network[0].requires_grad_(False)  # type: ignore[index]
    with pytest.raises(WeightsError, match="of another training; take another --out"):
        train(other, replace(CONFIG, steps=40), tmp_path)
