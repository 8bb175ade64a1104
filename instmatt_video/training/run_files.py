"""What a training leaves in its folder: the checkpoint it resumes from, and a log of its figures.

Knows files; knows nothing of steps and devices.
"""

from __future__ import annotations

import csv
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import WeightsError, disk_errors
from ..whole_file import whole_file


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint; under its name there is the old one or the whole new one.

    Raises:
        AlphaWriteError: The disk is full or not writable.
    """
    with disk_errors(path), whole_file(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(dict(state), file)
        except RuntimeError as error:
            # Of a full disk torch tells the position alone; why, the file has told it.
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Return what `save_checkpoint` wrote, its tensors on a device.

    Raises:
        WeightsError: The file is not whole, or something else.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, LookupError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise WeightsError(f"{path} is no checkpoint of a training; take another --out") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{path} is no checkpoint of a training; take another --out")
    return state


class RunLog:
    """CSV for reading, TensorBoard for looking; a resumed run drops rows after its checkpoint.

    Args:
        out_dir: Where `log.csv` and the events lie.
        start: The last step that is kept.

    Raises:
        AlphaWriteError: The disk is full or not writable.
    """

    def __init__(self, out_dir: Path, start: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._path = out_dir / "log.csv"
        kept = [row for row in _read_rows(self._path) if int(row[0]) <= start]
        with disk_errors(self._path):
            with whole_file(self._path) as temporary, temporary.open("w", newline="") as file:
                csv.writer(file).writerows([["step", "name", "value"], *kept])
            self._file = self._path.open("a", newline="")
            self._board = SummaryWriter(str(out_dir), purge_step=start + 1)
        self._rows = csv.writer(self._file)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Add the figures of a step.

        Raises:
            AlphaWriteError: The disk is full or not writable.
        """
        with disk_errors(self._path):
            for name, value in figures.items():
                self._rows.writerow([step, name, f"{value:.6g}"])
                self._board.add_scalar(name, value, step)
            self._file.flush()

    def close(self) -> None:
        """End both files."""
        self._file.close()
        self._board.close()


def _read_rows(path: Path) -> Iterator[list[str]]:
    """Yield the rows below the head that are whole: what a crash has garbled is no figure."""
    if path.is_file():
        with path.open(newline="", errors="replace") as file:
            rows = csv.reader(file)
            next(rows, None)
            yield from (row for row in rows if len(row) == 3 and row[0].isdecimal())
