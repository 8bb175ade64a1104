"""The processes that train one network together, on one machine or several."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.exceptions import MisconfigurationException
from lightning_fabric.utilities.rank_zero import rank_zero_only

from ..errors import DeviceError, InstMattVideoError
from ..folder_lock import training_alone
from .loop_config import LoopConfig


def count_devices_and_nodes(config: LoopConfig) -> tuple[int, int]:
    """Return how many processes train on each node, and on how many nodes.

    Who is started by torchrun asks it, and otherwise the config.
    """
    if "LOCAL_WORLD_SIZE" not in os.environ:
        gpus = 0 if config.accelerator == "cpu" else torch.cuda.device_count()
        return config.devices or max(1, gpus), config.nodes
    devices = int(os.environ["LOCAL_WORLD_SIZE"])
    return devices, int(os.environ["WORLD_SIZE"]) // devices


def shares_norms(config: LoopConfig) -> bool:
    """Say whether several processes will train whose batch norms see all their samples: on GPUs."""
    has_gpus = config.accelerator not in ("cpu", "mps") and torch.cuda.is_available()
    return has_gpus and count_devices_and_nodes(config) != (1, 1)


def process_rank() -> int:
    """Return which this process is of those that train together, from 0."""
    return int(rank_zero_only.rank)


def is_first_process() -> bool:
    """Say whether this process is the first, or the only one, of those that train together."""
    return process_rank() == 0


def launch(config: LoopConfig) -> Fabric:
    """Return the processes that train together, each on its device, seeded.

    Raises:
        DeviceError: This machine has not the devices, or they have not the precision.
    """
    devices, nodes = count_devices_and_nodes(config)
    try:
        with warnings.catch_warnings():
            # It takes bfloat16 instead; what it says of that is refused below.
            warnings.filterwarnings("ignore", ".*AMP with fp16 is not supported on CPU")
            fabric = Fabric(
                accelerator=config.accelerator,
                devices=devices,
                num_nodes=nodes,
                precision=config.precision,
                strategy="ddp" if devices * nodes > 1 else "auto",
            )
    except (MisconfigurationException, ModuleNotFoundError, RuntimeError, ValueError) as error:
        wanted = f"{devices} devices of accelerator {config.accelerator!r}"
        raise DeviceError(
            f"this machine has not {wanted}: {' '.join(str(error).split())}"
        ) from error
    if fabric.strategy.precision.precision != config.precision:
        raise DeviceError(
            f"precision {config.precision} is not for a {fabric.device.type}: take bf16-mixed"
        )
    fabric.launch()
    fabric.seed_everything(config.seed, workers=True, verbose=False)
    return fabric


@contextmanager
def training_together(fabric: Fabric, folder: Path) -> Iterator[None]:
    """Hold the folder of a training, for all its processes, while the `with` block goes on with it.

    The first process holds it; where it may not, all are told.

    Raises:
        OptionError: Another training holds it.
        AlphaWriteError: The folder cannot be written.
    """
    with ExitStack() as held:
        refusal: InstMattVideoError | None = None
        if fabric.global_rank == 0:
            try:
                held.enter_context(training_alone(folder))
            except InstMattVideoError as error:
                refusal = error
        refusal = fabric.broadcast(refusal)
        if refusal is not None:
            raise refusal
        yield
