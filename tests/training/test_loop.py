"""The training loop on a problem that is solved in a second."""

from __future__ import annotations

import errno
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from safetensors.torch import load_file
from torch import Tensor, nn

from instmatt_video.errors import AlphaWriteError, DeviceError, OptionError
from instmatt_video.training import processes
from instmatt_video.training.loop import DivergenceError, Outcome, train

from .line_training import CONFIG, Line, checkpoint, equal, losses


def test_the_loss_goes_down(tmp_path: Path) -> None:
    best = train(Line(), replace(CONFIG, steps=60), tmp_path).best
    values = losses(tmp_path)
    assert values[-1] < 0.3 * values[0]
    assert best["score"] > -values[0]
    assert sorted(p.name for p in tmp_path.glob("*") if "events" not in p.name) == [
        "best.safetensors",
        "last.ckpt",
        "last.safetensors",
        "log.csv",
    ]


def test_validated_and_saved_are_the_averaged_weights(tmp_path: Path) -> None:
    task = Line()
    train(task, CONFIG, tmp_path)
    end = checkpoint(tmp_path)
    assert equal(task.validated[-1], end["average"])
    assert equal(load_file(tmp_path / "last.safetensors"), end["average"])
    assert not equal(end["network"], end["average"])
    assert equal(task.network.state_dict(), end["network"]), "and the network has its own again"


def test_the_best_is_kept(tmp_path: Path) -> None:
    class Worse(Line):
        def validate(self, network: nn.Module) -> dict[str, float]:
            super().validate(network)
            return {"score": -float(len(self.validated))}

    task = Worse()
    assert train(task, CONFIG, tmp_path) == Outcome(best={"score": -1.0}, last={"score": -3.0})
    assert len(task.validated) == 3
    assert equal(load_file(tmp_path / "best.safetensors"), task.validated[0])


def test_of_equal_weights_the_newest_are_the_best(tmp_path: Path) -> None:
    class Blind(Line):
        def validate(self, network: nn.Module) -> dict[str, float]:
            super().validate(network)
            return {"score": 0.0}

    task = Blind()
    train(task, CONFIG, tmp_path)
    assert equal(load_file(tmp_path / "best.safetensors"), task.validated[-1])


@pytest.mark.parametrize(
    ("scores", "best"),
    [((math.nan, 1.0, 2.0), 2), ((1.0, math.nan, math.nan), 0), ((math.nan,) * 3, 2)],
    ids=["at first", "later", "always"],
)
def test_a_score_that_is_no_number_is_the_least(
    tmp_path: Path, scores: tuple[float, ...], best: int
) -> None:
    class Unsure(Line):
        def validate(self, network: nn.Module) -> dict[str, float]:
            super().validate(network)
            return {"score": scores[len(self.validated) - 1]}

    task = Unsure()
    train(task, CONFIG, tmp_path)
    assert equal(load_file(tmp_path / "best.safetensors"), task.validated[best])


def test_without_an_average(tmp_path: Path) -> None:
    task = Line()
    train(task, replace(CONFIG, ema_decay=0.0), tmp_path)
    end = checkpoint(tmp_path)
    assert end["average"] is None
    assert equal(load_file(tmp_path / "last.safetensors"), end["network"])


def test_a_step_whose_gradient_is_not_finite_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # In the warm-up the rate does not depend on the length of the training.
    config = replace(CONFIG, warmup_steps=100)
    train(Line(), replace(config, steps=6), tmp_path / "short")
    with caplog.at_level("WARNING", "instmatt_video.training.loop"):
        train(Line(infinite_at=6), replace(config, steps=7), tmp_path / "long")
    assert "step 6: the gradient is not finite" in caplog.text
    short, long = (checkpoint(tmp_path / name) for name in ("short", "long"))
    for part in ("network", "average"):  # with the statistics, which the forward pass had spoilt
        assert equal(short[part], long[part])


def test_a_training_that_diverges_ends_and_names_its_last_good_state(tmp_path: Path) -> None:
    class Diverging(Line):
        def make_batch(self, step: int, rank: int) -> Tensor:
            batch = super().make_batch(step, rank)
            return batch * math.inf if step >= 6 else batch

    config = replace(CONFIG, warmup_steps=100)
    train(Line(), replace(config, steps=6), tmp_path / "short")
    told = r"diverged: 50 steps in a row .*long/last\.ckpt is the last good state, and another"
    task = Diverging()
    with pytest.raises(DivergenceError, match=told):
        train(task, replace(config, steps=80), tmp_path / "long")
    assert max(task.made) == (6 + 50 - 1, 0)
    assert equal(
        checkpoint(tmp_path / "short")["network"], checkpoint(tmp_path / "long")["network"]
    )


def test_steps_left_out_now_and_then_do_not_end_a_training(tmp_path: Path) -> None:
    class Stumbling(Line):
        def make_batch(self, step: int, rank: int) -> Tensor:
            batch = super().make_batch(step, rank)
            return batch * math.inf if step >= 0 and step % 10 else batch

    train(Stumbling(), replace(CONFIG, steps=61), tmp_path)  # of which 54 are left out
    assert checkpoint(tmp_path)["step"] == 61


@pytest.mark.parametrize(
    ("spoilt_at", "left"),
    [
        pytest.param(3, set(), id="before the first checkpoint"),
        pytest.param(6, {"last.ckpt"}, id="before the first validation"),
        pytest.param(9, {"last.ckpt", "best.safetensors", "last.safetensors"}, id="later"),
    ],
)
def test_weights_that_are_not_finite_are_never_written(
    tmp_path: Path, spoilt_at: int, left: set[str]
) -> None:
    class Spoilt(Line):
        def make_batch(self, step: int, rank: int) -> Tensor:
            if step == spoilt_at:
                nn.init.constant_(next(self.network.parameters()), math.nan)
            return super().make_batch(step, rank)

    with pytest.raises(DivergenceError, match="diverged: the weights are not finite; "):
        train(Spoilt(), CONFIG, tmp_path)
    assert {p.name for p in tmp_path.iterdir() if p.suffix in (".ckpt", ".safetensors")} == left
    if "last.ckpt" in left:
        assert all(bool(w.isfinite().all()) for w in checkpoint(tmp_path)["network"].values())


def test_half_precision_finds_its_loss_scale_and_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients overflow at the scale that it begins with; clipping is of what they really are."""
    precision = MixedPrecision("16-mixed", "cpu")

    def make_fabric(**words: Any) -> Fabric:
        words.pop("precision")  # on a CPU Fabric itself would take bfloat16 instead
        return Fabric(plugins=precision, **words)

    monkeypatch.setattr(processes, "Fabric", make_fabric)
    train(Line(), replace(CONFIG, precision="16-mixed"), tmp_path)
    assert precision.scaler is not None
    assert precision.scaler.get_scale() < 65536
    found = losses(tmp_path)
    assert all(math.isfinite(value) for value in found)
    assert found[-1] < 0.8 * found[0]


def test_frozen_parameters_stay(tmp_path: Path) -> None:
    task = Line()
    frozen = task.network[2]  # type: ignore[index]
    frozen.requires_grad_(False)
    before = frozen.weight.detach().clone()
    train(task, CONFIG, tmp_path)
    assert torch.equal(frozen.weight, before)


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int, set[str]]] = []
    train(Line(), CONFIG, tmp_path, lambda *a: told.append((a[0], a[1], set(a[2]))))
    assert [step for step, _, _ in told] == [4, 8, 12, 16, 20, 24]
    assert all(n == 24 for _, n, _ in told)
    assert all({"loss", "mse", "learning_rate", "steps_per_s"} == names for *_, names in told)


def test_batches_made_by_other_processes_are_the_same(tmp_path: Path) -> None:
    for workers in (0, 1):
        train(Line(), replace(CONFIG, steps=6, workers=workers), tmp_path / str(workers))
    first, second = (checkpoint(tmp_path / name)["network"] for name in "01")
    assert equal(first, second)


def test_a_folder_that_may_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AlphaWriteError, match="file/out cannot be written: Not a directory"):
        train(Line(), CONFIG, tmp_path / "file" / "out")


def test_one_training_at_a_time_in_a_folder(tmp_path: Path) -> None:
    class Rival(Line):
        """Another training into the same folder begins in the midst of it."""

        def make_batch(self, step: int, rank: int) -> Tensor:
            if step == 3:
                with pytest.raises(OptionError, match=r"out is being trained by another process"):
                    train(Line(), CONFIG, tmp_path / "out")
                train(Line(), CONFIG, tmp_path / "elsewhere")
            return super().make_batch(step, rank)

    train(Rival(), replace(CONFIG, steps=6), tmp_path / "out")
    assert checkpoint(tmp_path / "out")["step"] == 6
    train(Line(), replace(CONFIG, steps=7), tmp_path / "out")  # let go of afterwards


def test_weights_that_cannot_be_written_leave_those_before(tmp_path: Path) -> None:
    class Full(Line):
        def save_weights(self, network: nn.Module, path: Path) -> None:
            path.write_bytes(b"a beginning")
            raise OSError(errno.ENOSPC, "No space left on device")

    train(Line(), replace(CONFIG, steps=8), tmp_path)
    before = (tmp_path / "last.safetensors").read_bytes()
    with pytest.raises(AlphaWriteError, match=r"last\.safetensors cannot be written: No space"):
        train(Full(), replace(CONFIG, steps=16), tmp_path)
    assert (tmp_path / "last.safetensors").read_bytes() == before
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_picture_that_cannot_be_read_is_told_in_a_line(tmp_path: Path, workers: int) -> None:
    class Torn(Line):
        def make_batch(self, step: int, rank: int) -> Tensor:
            if step == 2:
                raise OptionError("a.jpg cannot be read")
            return super().make_batch(step, rank)

    with pytest.raises(OptionError, match=r"\Aa\.jpg cannot be read\Z"):
        train(Torn(), replace(CONFIG, workers=workers), tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_devices_that_are_not_here(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="has not 2 devices of accelerator 'cuda'"):
        train(Line(), replace(CONFIG, accelerator="cuda", devices=2), tmp_path)


@pytest.mark.parametrize("accelerator", ["tpu", "abacus"])
def test_an_accelerator_that_is_not_here(tmp_path: Path, accelerator: str) -> None:
    with pytest.raises(DeviceError, match=f"has not 1 devices of accelerator '{accelerator}': "):
        train(Line(), replace(CONFIG, accelerator=accelerator), tmp_path)


@pytest.mark.filterwarnings("error")
def test_half_precision_is_not_for_a_cpu(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="precision 16-mixed is not for a cpu: take bf16-mixed"):
        train(Line(), replace(CONFIG, precision="16-mixed"), tmp_path)
    assert not list(tmp_path.iterdir())
