"""The training loop that every network here is trained by.

Knows steps, devices, checkpoints and logs; knows nothing of what is learned: that is a
`TrainingTask`. Batches are made from (seed, step, rank) alone, so a run that is killed and resumed
sees the same data.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException
from lightning_fabric.utilities.rank_zero import rank_zero_only
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from instmatt_video.models.checkpoint import CheckpointError, load_tensors

from ..errors import DeviceError, InstMattVideoError, WeightsError, disk_errors
from ..folder_lock import training_alone
from ..whole_file import whole_file
from .ranges import check_ranges
from .run_files import RunLog, read_checkpoint, save_checkpoint

logger = logging.getLogger(__name__)

Progress = Callable[[int, int, Mapping[str, float]], None]
"""Called with (step, steps, newest figures) a few times a minute."""


class TrainingTask(Protocol):
    """What is learned: a network, its data, its loss, and how good it is."""

    network: nn.Module
    """What is trained; parameters with `requires_grad` off stay as they are."""

    def make_batch(self, step: int, rank: int) -> Any:
        """Return the batch of a step and process, on the CPU; the same for the same arguments."""

    def loss(self, network: nn.Module, batch: Any, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss and its parts; `network` is `self.network` as Fabric wrapped it."""

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Return figures of merit; `score` decides which weights are best, the newest of equals."""

    def save_weights(self, network: nn.Module, path: Path) -> None:
        """Write the network's weights as the product loads them."""


DECISIVE = (
    "seed",
    "learning_rate",
    "min_learning_rate",
    "warmup_steps",
    "betas",
    "weight_decay",
    "clip_norm",
    "ema_decay",
)
"""Settings that a resumed run must share with its beginning; it may well be longer."""


@dataclass(frozen=True)
class LoopConfig:
    """Schedule and optimiser."""

    steps: int = 20_000
    learning_rate: float = 1e-3
    min_learning_rate: float = 1e-5
    warmup_steps: int = 300
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    """Largest norm of the gradient."""
    ema_decay: float = 0.999
    """Weight of the past in the averaged weights, which are validated and kept; 0 is none."""
    checkpoint_steps: int = 200
    validate_steps: int = 2000
    log_steps: int = 20
    seed: int = 1
    workers: int = 0
    """Processes that make batches; 0 makes them in the training process."""
    precision: str = "32-true"
    """As Fabric names it: `32-true`, `bf16-mixed`, `16-mixed`."""
    accelerator: str = "auto"
    devices: int = 1
    """Processes on each node, a device each; 0 is one for each GPU, or one where there is none.
    torchrun's `--nproc-per-node` goes before."""
    nodes: int = 1
    """Machines; torchrun's `--nnodes` goes before."""

    def __post_init__(self) -> None:
        check_ranges(self, ("steps", "warmup_steps", "workers", "devices"), 0)
        check_ranges(self, ("checkpoint_steps", "validate_steps", "log_steps", "nodes"), 1)
        check_ranges(self, ("learning_rate", "min_learning_rate", "weight_decay"), 0)
        check_ranges(self, ("ema_decay",), 0, 1)
        check_ranges(self, ("betas",), 0, 0.999999)
        check_ranges(self, ("clip_norm",), 1e-6)  # at 0 nothing is learned
        check_ranges(self, ("seed",), 0, 2**32 - 1)

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step: linear warm-up, then half a cosine."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        swing = (1 + math.cos(math.pi * min(1.0, progress))) / 2
        return self.min_learning_rate + (self.learning_rate - self.min_learning_rate) * swing


class _Batches(Dataset[Any]):
    def __init__(self, task: TrainingTask, rank: int) -> None:
        self.task, self.rank = task, rank

    def __getitem__(self, step: int) -> Any:
        """Return a batch, or what went wrong: raised here it would come with a traceback."""
        try:
            return self.task.make_batch(step, self.rank)
        except (InstMattVideoError, ValueError, OSError) as error:
            return error


SPECTRAL_VECTORS = ("._u", "._v")
"""Of spectral norms, unit vectors: a mean of two would be shorter, and the norm too small."""


class Statistics:
    """A network's buffers, such as means of batch norms, as they were after the last good step."""

    def __init__(self, network: nn.Module) -> None:
        self._live = list(network.buffers())
        self._kept = [buffer.detach().clone() for buffer in self._live]

    def keep(self) -> None:
        """Take the buffers as they are now."""
        _copy(self._kept, self._live)

    def restore(self) -> None:
        """Bring the buffers back: a forward pass that was not finite has spoilt them."""
        _copy(self._live, self._kept)


def _copy(to: list[Tensor], of: list[Tensor]) -> None:
    with torch.no_grad():
        for one, other in zip(to, of, strict=True):
            one.copy_(other)


class AveragedWeights:
    """Exponential moving average of a network's parameters and buffers.

    The decay grows from small, so that the first average is not the random start.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in network.state_dict().items()}

    def update(self, network: nn.Module, step: int) -> None:
        """Draw the average towards the network's present weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            floats, news = [], []
            for key, value in network.state_dict().items():
                if value.dtype.is_floating_point and not key.endswith(SPECTRAL_VECTORS):
                    floats.append(self.state[key])
                    news.append(value)
                else:
                    self.state[key].copy_(value)
            torch._foreach_lerp_(floats, news, 1 - decay)


def count_devices_and_nodes(config: LoopConfig) -> tuple[int, int]:
    """Return how many processes train on each node, and on how many nodes.

    Who is started by torchrun asks it, and otherwise the config.
    """
    if "LOCAL_WORLD_SIZE" not in os.environ:
        gpus = 0 if config.accelerator == "cpu" else torch.cuda.device_count()
        return config.devices or max(1, gpus), config.nodes
    devices = int(os.environ["LOCAL_WORLD_SIZE"])
    return devices, int(os.environ["WORLD_SIZE"]) // devices


def is_first_process() -> bool:
    """Say whether this process is the first, or the only one, of those that train together."""
    return bool(rank_zero_only.rank == 0)


def train(
    task: TrainingTask,
    config: LoopConfig,
    out_dir: Path,
    progress: Progress | None = None,
    data: Mapping[str, object] | None = None,
) -> dict[str, float]:
    """Train to the last step, resuming from `out_dir/last.ckpt` where there is one.

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

    Returns:
        The figures of the best validation.

    Raises:
        DeviceError: This machine has not the devices.
        OptionError: Another process trains in the folder.
        AlphaWriteError: The folder cannot be made, or a file in it not written.
        WeightsError: The checkpoint is of another training or schedule, or damaged.
    """
    fabric = _launch(config)
    shared = {name: getattr(config, name) for name in DECISIVE} | dict(data or {})
    with training_alone(out_dir) if fabric.global_rank == 0 else nullcontext():
        return _train(fabric, task, config, out_dir, progress, shared)


def _launch(config: LoopConfig) -> Fabric:
    """Return the processes that train together, each on its device, seeded."""
    devices, nodes = count_devices_and_nodes(config)
    try:
        fabric = Fabric(
            accelerator=config.accelerator,
            devices=devices,
            num_nodes=nodes,
            precision=config.precision,
            strategy="ddp" if devices * nodes > 1 else "auto",
        )
    except (MisconfigurationException, RuntimeError) as error:
        wanted = f"{devices} devices of accelerator {config.accelerator!r}"
        raise DeviceError(
            f"this machine has not {wanted}: {' '.join(str(error).split())}"
        ) from error
    fabric.launch()
    fabric.seed_everything(config.seed, workers=True, verbose=False)
    return fabric


def _train(
    fabric: Fabric,
    task: TrainingTask,
    config: LoopConfig,
    out_dir: Path,
    progress: Progress | None,
    shared: Mapping[str, object],
) -> dict[str, float]:
    """Train as `train` does, in a folder that is held.

    Args:
        fabric: The processes that train together.
        task: What is learned.
        config: Schedule and optimiser.
        out_dir: Folder for everything that is written.
        progress: Told of steps as they pass.
        shared: Settings that a resumed run must share with its beginning.
    """
    trained = [p for p in task.network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, config.learning_rate, config.betas, weight_decay=config.weight_decay
    )
    task.network.to(memory_format=torch.channels_last)
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        # A device alone has too few samples for a mean.
        nn.SyncBatchNorm.convert_sync_batchnorm(task.network)  # type: ignore[no-untyped-call]
    network, wrapped_optimizer = fabric.setup(task.network, optimizer)
    average = AveragedWeights(task.network, config.ema_decay) if config.ema_decay else None
    start, best = 0, {"score": -math.inf}
    checkpoint = out_dir / "last.ckpt"
    if checkpoint.is_file():
        state = read_checkpoint(checkpoint, fabric.device)
        _require_same_settings(checkpoint, state, shared)
        start, best = _resume(checkpoint, state, task.network, optimizer, average)
        if fabric.global_rank == 0 and start > config.steps:
            logger.warning(
                "%s is at step %d, past the %d steps: nothing is trained, and the weights stay",
                checkpoint,
                start,
                config.steps,
            )
        elif fabric.global_rank == 0:
            logger.info("resuming %s at step %d", checkpoint, start)
    statistics = Statistics(task.network)
    log = RunLog(out_dir, start) if fabric.global_rank == 0 else None
    batches = iter(_loader(task, config, start, fabric.global_rank))
    started = time.monotonic()
    network.train()
    for step in range(start, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate_at(step)
        made = next(batches)
        if isinstance(made, Exception):
            raise made
        batch = made.to(fabric.device)
        loss, parts = task.loss(network, batch, step)
        fabric.backward(loss)
        norm = fabric.clip_gradients(
            network, wrapped_optimizer, max_norm=config.clip_norm, error_if_nonfinite=False
        )
        is_finite = bool(torch.isfinite(norm))
        # The loss scale of 16 bits leaves such a step out by itself, and is lowered by it.
        if is_finite or config.precision == "16-mixed":
            wrapped_optimizer.step()
        if is_finite:
            statistics.keep()
        else:
            logger.warning("step %d: the gradient is not finite; the step is left out", step)
            statistics.restore()
        wrapped_optimizer.zero_grad(set_to_none=True)
        if average is not None and is_finite:
            average.update(task.network, step)
        done = step + 1
        if log is not None and (done % config.log_steps == 0 or done == config.steps):
            figures = {k: float(v.detach()) for k, v in {"loss": loss, **parts}.items()}
            figures["learning_rate"] = optimizer.param_groups[0]["lr"]
            figures["steps_per_s"] = (done - start) / (time.monotonic() - started)
            log.write(done, figures)
            if progress is not None:
                progress(done, config.steps, figures)
        is_last = done == config.steps
        if done % config.validate_steps == 0 or is_last:
            figures = fabric.broadcast({} if log is None else _validate(task, average))
            if log is not None:
                log.write(done, {f"val_{k}": v for k, v in figures.items()})
                with _averaged(task.network, average):
                    _save_weights(task, out_dir / "last.safetensors")
                    if figures["score"] >= best["score"]:
                        _save_weights(task, out_dir / "best.safetensors")
            if figures["score"] >= best["score"]:
                best = figures
            network.train()
        if log is not None and (done % config.checkpoint_steps == 0 or is_last):
            state = {
                "network": task.network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state if average else None,
                "step": done,
                "best": best,
                "schedule": shared,
            }
            save_checkpoint(checkpoint, state)
    if log is not None:
        log.close()
    fabric.barrier()  # who reads the weights next finds them whole
    return best


def _loader(task: TrainingTask, config: LoopConfig, start: int, rank: int) -> DataLoader[Any]:
    return DataLoader(
        _Batches(task, rank),
        batch_size=None,
        sampler=range(start, config.steps),
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
    )


def _validate(task: TrainingTask, average: AveragedWeights | None) -> dict[str, float]:
    with _averaged(task.network, average), torch.no_grad():
        task.network.eval()
        return task.validate(task.network)


def _save_weights(task: TrainingTask, path: Path) -> None:
    with disk_errors(path), whole_file(path) as temporary:
        task.save_weights(task.network, temporary)


class _averaged:  # noqa: N801  # a context manager reads as a word
    """Holds a network at its averaged weights for the length of a `with` block."""

    def __init__(self, network: nn.Module, average: AveragedWeights | None) -> None:
        self.network, self.average = network, average

    def __enter__(self) -> None:
        if self.average is not None:
            self.own = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
            self.network.load_state_dict(self.average.state)

    def __exit__(self, *exception: object) -> None:
        if self.average is not None:
            self.network.load_state_dict(self.own)


def _require_same_settings(path: Path, state: Mapping[str, Any], shared: Mapping[str, Any]) -> None:
    for name, begun in state.get("schedule", {}).items():
        wanted = shared.get(name)
        if wanted != begun:
            raise WeightsError(
                f"{path} was begun with {name} {begun}, not {wanted}; take another --out"
            )


def _resume(
    path: Path,
    state: Mapping[str, Any],
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: AveragedWeights | None,
) -> tuple[int, dict[str, float]]:
    """Go on from a checkpoint; return its step and the best figures so far.

    Raises:
        WeightsError: It is another network's, or another stage's.
    """
    try:
        load_tensors(network, state["network"], f"{path}: the training of another network")
        optimizer.load_state_dict(state["optimizer"])
    except CheckpointError as error:
        raise WeightsError(f"{error}; take another --out") from error
    except (LookupError, ValueError) as error:  # of which parameters are trained
        raise WeightsError(f"{path} is of another training; take another --out") from error
    if average is not None and state["average"] is not None:
        average.state = state["average"]
    return int(state["step"]), dict(state["best"])
