"""The training loop that every network here is trained by.

Knows steps, checkpoints and logs; knows nothing of what is learned: that is a `TrainingTask`.
Batches are made from seed, part of the training, step and rank alone, so a run that is killed and
resumed sees the same data, and a part that follows another sees data of its own.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from instmatt_video.models.checkpoint import CheckpointError, load_tensors

from ..errors import InstMattVideoError, WeightsError, disk_errors
from ..whole_file import whole_file
from .averaged_weights import AveragedWeights
from .batches import load_batches
from .kept_buffers import KeptBuffers
from .loop_config import CHECKPOINT_FILE, DECISIVE, LoopConfig
from .processes import launch, training_together
from .run_files import RunLog, read_checkpoint, save_checkpoint
from .task import TrainingTask

logger = logging.getLogger(__name__)

MAX_LEFT_OUT = 50
"""Steps in a row that may be left out. Half precision leaves out one for each halving of its loss
scale, which begins at 2^16."""

StepReport = Callable[[int, int, Mapping[str, float]], None]
"""Called with (step, steps, newest figures) a few times a minute."""


@dataclass(frozen=True)
class Outcome:
    """What validations said of the weights that a training leaves."""

    best: dict[str, float]
    """Figures of `best.safetensors`."""
    last: dict[str, float]
    """Figures of `last.safetensors`."""


class DivergenceError(InstMattVideoError):
    """A training has left every number behind; nothing is learned any more."""


def train(
    task: TrainingTask,
    config: LoopConfig,
    out_dir: Path,
    progress: StepReport | None = None,
    data: Mapping[str, object] | None = None,
) -> Outcome:
    """Train to the last step, resuming from `out_dir/last.ckpt` where there is one.

    Where no step is left, weights that the folder lacks are made of that checkpoint.

    Leaves in `out_dir`: `last.ckpt`, `best.safetensors` and `last.safetensors` (averaged weights),
    `log.csv`, and TensorBoard events. Of several processes (torchrun) each makes its own batches;
    the first alone validates and writes.

    Args:
        task: What is learned.
        config: Schedule and optimiser.
        out_dir: Folder for everything that is written.
        progress: Told of steps as they pass.
        data: Named settings by which batches are made, and what the network began as, plain values;
            a resumed run must share them.

    Raises:
        DeviceError: This machine has not the devices.
        OptionError: Another process trains in the folder.
        AlphaWriteError: The folder cannot be made, or a file in it not written.
        WeightsError: The checkpoint is of another training or schedule, or damaged.
        DivergenceError: Gradients or weights are finite no more.
    """
    fabric = launch(config)
    shared = {name: getattr(config, name) for name in DECISIVE} | dict(data or {})
    shared["number of processes"] = fabric.world_size  # a batch is of all of them
    with training_together(fabric, out_dir):
        training = _Training(fabric, task, config, out_dir, shared)
        training.resume()
        return training.run(progress)


class _Training:
    """A training under way, in a folder that is held.

    Args:
        fabric: The processes that train together.
        task: What is learned.
        config: Schedule and optimiser.
        out_dir: Folder for everything that is written.
        shared: Settings that a resumed run must share with its beginning.
    """

    def __init__(
        self,
        fabric: Fabric,
        task: TrainingTask,
        config: LoopConfig,
        out_dir: Path,
        shared: Mapping[str, object],
    ) -> None:
        self.fabric, self.task, self.config = fabric, task, config
        self.out_dir, self.shared = out_dir, shared
        self.is_first = fabric.global_rank == 0
        trained = [p for p in task.network.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            trained, config.learning_rate, config.betas, weight_decay=config.weight_decay
        )
        task.network.to(memory_format=torch.channels_last)
        if fabric.world_size > 1 and fabric.device.type == "cuda":
            # A device alone has too few samples for a mean.
            nn.SyncBatchNorm.convert_sync_batchnorm(task.network)  # type: ignore[no-untyped-call]
        self.wrapped_network, self.wrapped_optimizer = fabric.setup(task.network, self.optimizer)
        self.average = AveragedWeights(task.network, config.ema_decay) if config.ema_decay else None
        self.start = 0
        self.num_left_out = 0
        self.best: dict[str, float] = {"score": -math.inf}
        self.last: dict[str, float] = {"score": math.nan}

    @property
    def checkpoint(self) -> Path:
        return self.out_dir / CHECKPOINT_FILE

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one.

        Raises:
            WeightsError: It is damaged, or another network's, stage's or schedule's, or of a
                training that had diverged.
        """
        if not self.checkpoint.is_file():
            return
        state = read_checkpoint(self.checkpoint, self.fabric.device)
        _require_same_settings(self.checkpoint, state, self.shared)
        whose = f"{self.checkpoint}: the training of another network"
        try:
            load_tensors(self.task.network, state["network"], whose)
            self.optimizer.load_state_dict(state["optimizer"])
        except CheckpointError as error:
            raise WeightsError(f"{error}; take another --out") from error
        except (LookupError, ValueError) as error:  # of which parameters are trained
            raise WeightsError(
                f"{self.checkpoint} is of another training; take another --out"
            ) from error
        if self.average is not None and state["average"] is not None:
            self.average.state = state["average"]
        if not _is_finite(state["network"]):
            raise WeightsError(
                f"{self.checkpoint} has weights that are not finite; take another --out"
            )
        self.start, self.best = int(state["step"]), dict(state["best"])
        self.last = dict(state.get("last", self.last))  # an older checkpoint does not say
        if self.is_first and self.start > self.config.steps:
            logger.warning(
                "%s is at step %d, past the %d steps: nothing is trained",
                self.checkpoint,
                self.start,
                self.config.steps,
            )
        elif self.is_first:
            logger.info("resuming %s at step %d", self.checkpoint, self.start)

    def run(self, progress: StepReport | None = None) -> Outcome:
        """Train from where it stands to the last step."""
        config, steps = self.config, range(self.start, self.config.steps)
        batches = load_batches(self.task, steps, self.fabric.global_rank, config.workers)
        buffers = KeptBuffers(self.task.network)
        with closing(RunLog(self.out_dir, self.start)) if self.is_first else nullcontext() as log:
            started = time.monotonic()
            self.wrapped_network.train()
            for step, batch in batches:
                parts = self._learn(step, batch.to(self.fabric.device), buffers)
                done = step + 1
                if log is not None and self._is_due(done, config.log_steps):
                    figures = {name: float(value.detach()) for name, value in parts.items()}
                    figures["learning_rate"] = config.learning_rate_at(step)
                    figures["steps_per_s"] = (done - self.start) / (time.monotonic() - started)
                    log.write(done, figures)
                    if progress is not None:
                        progress(done, config.steps, figures)
                if self._is_due(done, config.validate_steps):
                    self._validate(done, log)
                if self._is_due(done, config.checkpoint_steps):
                    self._save_checkpoint(done)
            if not steps and self.fabric.broadcast(self._lacks_weights()):
                # Broken off before its first validation, and now asked for no more steps.
                self._validate(self.start, log)
                self._save_checkpoint(self.start)
        self.fabric.barrier()  # who reads the weights next finds them whole
        return Outcome(self.best, self.last)

    def _is_due(self, done: int, interval: int) -> bool:
        return done % interval == 0 or done == self.config.steps

    def _lacks_weights(self) -> bool:
        return not all(self._weights(name).is_file() for name in ("best", "last"))

    def _learn(self, step: int, batch: Any, buffers: KeptBuffers) -> dict[str, Tensor]:
        """Take one step; return the loss and its parts."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate_at(step)
        loss, parts = self.task.loss(self.wrapped_network, batch, step)
        self.fabric.backward(loss)
        norm = self.fabric.clip_gradients(
            self.wrapped_network,
            self.wrapped_optimizer,
            max_norm=self.config.clip_norm,
            error_if_nonfinite=False,
        )
        is_finite = bool(torch.isfinite(norm))
        # The loss scale of 16 bits leaves such a step out by itself, and is lowered by it.
        if is_finite or self.config.precision == "16-mixed":
            self.wrapped_optimizer.step()
        if is_finite:
            self.num_left_out = 0
            buffers.keep()
            if self.average is not None:
                self.average.update(self.task.network, step)
        else:
            logger.warning("step %d: the gradient is not finite; the step is left out", step)
            buffers.restore()
            self.num_left_out += 1
            if self.num_left_out == MAX_LEFT_OUT:
                raise self._diverged(f"{MAX_LEFT_OUT} steps in a row had no finite gradient")
        self.wrapped_optimizer.zero_grad(set_to_none=True)
        return {"loss": loss, **parts}

    def _validate(self, done: int, log: RunLog | None) -> None:
        """Validate the averaged weights, and keep them; only the first process has a log."""
        self._require_finite()
        figures: dict[str, float] = {}
        is_best = False
        if log is not None:
            network = self.task.network
            with self.average.lent_to(network) if self.average is not None else nullcontext():
                network.eval()
                with torch.no_grad():
                    figures = self.task.validate(network)
                log.write(done, {f"val_{name}": value for name, value in figures.items()})
                self._save_weights("last")
                is_best = _rank(figures) >= _rank(self.best)
                is_best |= not self._weights("best").is_file()
                if is_best:
                    self._save_weights("best")
        self.last, is_best = self.fabric.broadcast((figures, is_best))
        if is_best:
            self.best = self.last
        self.wrapped_network.train()

    def _weights(self, name: str) -> Path:
        return self.out_dir / f"{name}.safetensors"

    def _save_weights(self, name: str) -> None:
        path = self._weights(name)
        with disk_errors(path), whole_file(path) as temporary:
            self.task.save_weights(self.task.network, temporary)

    def _save_checkpoint(self, done: int) -> None:
        """Write what a resumed run goes on from; the first process does."""
        self._require_finite()
        if not self.is_first:
            return
        state = {
            "network": self.task.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state if self.average is not None else None,
            "step": done,
            "best": self.best,
            "last": self.last,
            "schedule": self.shared,
        }
        save_checkpoint(self.checkpoint, state)

    def _require_finite(self) -> None:
        if not _is_finite(self.task.network.state_dict()):
            raise self._diverged("the weights are not finite")

    def _diverged(self, what: str) -> DivergenceError:
        kept = f"{self.checkpoint} is the last good state"
        if not self.checkpoint.is_file():
            kept = "there is no checkpoint yet"
        return DivergenceError(
            f"the training has diverged: {what}; {kept}, "
            "and another learning_rate needs another --out"
        )


def _rank(figures: Mapping[str, float]) -> float:
    """Return the score, and the least of all where it is no number: nothing compares with NaN."""
    return -math.inf if math.isnan(figures["score"]) else figures["score"]


def _is_finite(state: Mapping[str, Tensor]) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in state.values())


def _require_same_settings(path: Path, state: Mapping[str, Any], shared: Mapping[str, Any]) -> None:
    for name, begun in state.get("schedule", {}).items():
        wanted = shared.get(name)
        if wanted != begun:
            raise WeightsError(
                f"{path} was begun with {name} {begun}, not {wanted}; take another --out"
            )
