"""How many cores are a process's own, where several share a machine."""

from __future__ import annotations

import os

CORES_VARIABLE = "OMP_NUM_THREADS"
"""Says how many cores are a process's own; batches, Ray and Slurm scripts set it."""


def usable_cores() -> int:
    """Return how many cores this process may keep busy: what it was told, else all."""
    told = os.environ.get(CORES_VARIABLE, "").split(",")[0].strip()
    return int(told) if told.isdigit() and int(told) > 0 else os.cpu_count() or 1
