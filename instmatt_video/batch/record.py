"""`batch.json`: what a batch was asked for and what came of each clip, written as it goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .. import __version__
from ..whole_file import write_whole
from .job import ClipJob, Outcome, State
from .plan import Shard

SCHEMA_VERSION = 1


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClipRecord(_Model):
    """One clip."""

    clip: str
    folder: str
    """Its output."""
    state: State
    frames: int = 0
    people: int = 0
    wall_s: float = 0.0
    """Seconds that its output took, in this batch or before."""
    error: str | None = None
    exit_status: int = 0
    """What the main job would have ended in."""
    warnings: tuple[str, ...] = ()


class BatchRecord(_Model):
    """A batch, or one shard of it."""

    schema_version: int = SCHEMA_VERSION
    program_version: str = __version__
    created: str
    """ISO 8601, UTC."""
    updated: str
    engine: str
    shard: str
    """As `2/8`."""
    clips: tuple[ClipRecord, ...]

    def count(self, *states: State) -> int:
        """Return how many clips are in one of these states."""
        return sum(clip.state in states for clip in self.clips)


class RecordFile:
    """The record of a batch, kept on disk as clips begin and end.

    Args:
        out_dir: Gets `batch.json`; shards write `batch-2of8.json`, each its own.
        engine: What works.
        shard: The part of the batch.
        jobs: Its clips.
    """

    def __init__(self, out_dir: Path, engine: str, shard: Shard, jobs: Sequence[ClipJob]) -> None:
        name = "batch" if shard.count == 1 else f"batch-{shard.number}of{shard.count}"
        self.path = out_dir / f"{name}.json"
        self._clips = [
            ClipRecord(clip=job.clip, folder=str(job.folder), state="waiting") for job in jobs
        ]
        now = _now()
        self._head = BatchRecord(
            created=now, updated=now, engine=engine, shard=str(shard), clips=()
        )

    @property
    def record(self) -> BatchRecord:
        """The batch as it stands."""
        return self._head.model_copy(update={"updated": _now(), "clips": tuple(self._clips)})

    def save(self) -> None:
        """Write the record, whole or not at all."""
        write_whole(self.path, self.record.model_dump_json(indent=2) + "\n")

    def start(self, index: int) -> None:
        """Note that a clip is being worked on."""
        self._set(index, state="running")

    def finish(self, index: int, outcome: Outcome) -> None:
        """Note what came of a clip."""
        self._set(index, **vars(outcome))

    def stop(self) -> None:
        """Note that the clips at work were stopped."""
        for index, clip in enumerate(self._clips):
            if clip.state == "running":
                self._set(index, state="stopped")

    def _set(self, index: int, **values: object) -> None:
        self._clips[index] = self._clips[index].model_copy(update=values)
        self.save()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
