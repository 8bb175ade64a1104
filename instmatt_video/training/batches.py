"""The batches of a training, step by step, made here or by other processes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset

from ..errors import InstMattVideoError
from .task import TrainingTask


class _Batches(Dataset[Any]):
    def __init__(self, task: TrainingTask, rank: int) -> None:
        self.task, self.rank = task, rank

    def __getitem__(self, step: int) -> Any:
        """Return a batch, or what went wrong: raised here it would come with a traceback."""
        try:
            return self.task.make_batch(step, self.rank)
        except (InstMattVideoError, ValueError, OSError) as error:
            return error


def load_batches(
    task: TrainingTask, steps: range, rank: int, workers: int
) -> Iterator[tuple[int, Any]]:
    """Yield each step with its batch, on the CPU.

    Args:
        task: Makes them.
        steps: Of which steps.
        rank: Of which of the processes that train together.
        workers: Processes that make batches ahead; 0 makes them here.

    Raises:
        InstMattVideoError: As the task raises it.
        ValueError: Likewise.
        OSError: Likewise.
    """
    loader: DataLoader[Any] = DataLoader(
        _Batches(task, rank),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
    )
    for step, batch in zip(steps, loader, strict=True):
        if isinstance(batch, Exception):
            raise batch
        yield step, batch
