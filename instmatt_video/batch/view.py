"""What a batch shows on stderr: a bar for each clip at work or plain lines, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from ..progress import Progress
from .job import ClipJob, Outcome
from .record import BatchRecord, ClipRecord

_STYLES = {"done": "green", "skipped": "cyan", "failed": "red", "stopped": "yellow"}


class BatchView:
    """Shows how a batch gets on; a context manager.

    Args:
        console: Where to.
        is_quiet: Show nothing.
        jobs: The clips.
    """

    def __init__(self, console: Console, is_quiet: bool, jobs: Sequence[ClipJob]) -> None:
        self._console = console
        self._is_quiet = is_quiet
        self._names = [job.folder.name for job in jobs]
        self._finished = 0
        self._bars: Bars | None = None
        self._all: TaskID | None = None
        self._tasks: dict[int, TaskID] = {}

    def __enter__(self) -> BatchView:
        if self._console.is_terminal and not self._is_quiet:
            self._bars = Bars(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[stage]}"),
                TimeElapsedColumn(),
                console=self._console,
            )
            self._all = self._bars.add_task("clips", total=len(self._names), stage="")
            self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show_start(self, index: int) -> None:
        """Show that a clip is being worked on."""
        if self._bars is not None and index not in self._tasks:
            self._tasks[index] = self._bars.add_task(self._names[index], total=None, stage="")

    def show_progress(self, index: int, progress: Progress) -> None:
        """Show where a clip stands."""
        if self._bars is not None and index in self._tasks:
            self._bars.update(
                self._tasks[index],
                completed=progress.done,
                total=progress.total,
                stage=progress.stage,
            )

    def show_finish(self, index: int, outcome: Outcome) -> None:
        """Show what came of a clip."""
        self._finished += 1
        if self._bars is not None and self._all is not None:
            self._bars.update(self._all, completed=self._finished)
            if index in self._tasks:
                self._bars.remove_task(self._tasks.pop(index))
        elif not self._is_quiet:
            self._console.print(
                f"{self._finished}/{len(self._names)} {self._names[index]}: "
                f"{outcome.error or outcome.state}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )

    def show_table(self, record: BatchRecord) -> None:
        """Show what came of all clips."""
        if self._is_quiet:
            return
        table = Table("clip", "", title="batch" if record.shard == "1/1" else record.shard)
        for name in ("people", "frames", "s"):
            table.add_column(name, justify="right")
        table.add_column("", overflow="fold")
        for clip in record.clips:
            table.add_row(*_cells(clip), style=_STYLES.get(clip.state))
        self._console.print(table)


def _cells(clip: ClipRecord) -> tuple[str, ...]:
    from rich.markup import escape

    note = clip.error or "; ".join(clip.warnings)
    if clip.state not in ("done", "skipped"):
        return escape(Path(clip.folder).name), clip.state, "", "", "", escape(note)
    figures = (str(clip.people), str(clip.frames), f"{clip.wall_s:.1f}")
    return escape(Path(clip.folder).name), clip.state, *figures, escape(note)
