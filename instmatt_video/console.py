"""What a run shows on stderr: live bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time

import cv2
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from .progress import Progress

PLAIN_INTERVAL_S = 10.0
"""Seconds between two plain lines of one stage."""


def make_console() -> Console:
    """Return the console on stderr; it respects NO_COLOR."""
    return Console(stderr=True)


def set_up_logging(console: Console, is_verbose: bool, is_quiet: bool) -> None:
    """Send the program's log to the console: notes and warnings unless quiet, errors always.

    OpenCV's own words on files that it cannot read are shown if verbose: the log has told of them.
    """
    level = logging.DEBUG if is_verbose else logging.ERROR if is_quiet else logging.INFO
    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(console=console, show_time=False, show_path=False, markup=False)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    root = logging.getLogger("instmatt_video")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
    words = cv2.utils.logging
    words.setLogLevel(words.LOG_LEVEL_WARNING if is_verbose else words.LOG_LEVEL_SILENT)


class ProgressView:
    """Shows progress reports; a context manager.

    Args:
        console: Where to.
        is_quiet: Show nothing.
    """

    def __init__(self, console: Console, is_quiet: bool) -> None:
        self._console = console
        self._is_quiet = is_quiet
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, tuple[float, int]] = {}
        """Of each stage, when it was first told of and how many frames were done then."""
        self._last_line: dict[str, float] = {}

    def __enter__(self) -> ProgressView:
        if self._console.is_terminal and not self._is_quiet:
            self._bars = Bars(
                TextColumn("{task.description:>8}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]:>12}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[people]}"),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Take a report."""
        if self._is_quiet:
            return
        now = time.monotonic()
        started, done_before = self._started.setdefault(progress.stage, (now, progress.done))
        elapsed = now - started
        rate = f"{(progress.done - done_before) / elapsed:.2f} fps" if elapsed > 0.5 else ""
        noun = "tracks" if progress.stage == "analyse" else "streams"
        people = f"{progress.people} {noun}"
        if self._bars is not None:
            if progress.stage not in self._tasks:
                self._tasks[progress.stage] = self._bars.add_task(
                    progress.stage, total=progress.total, rate=rate, people=people
                )
            self._bars.update(
                self._tasks[progress.stage], completed=progress.done, rate=rate, people=people
            )
            return
        is_last = progress.done == progress.total
        if is_last or now - self._last_line.get(progress.stage, now - 60) >= PLAIN_INTERVAL_S:
            self._last_line[progress.stage] = now
            total = "?" if progress.total is None else str(progress.total)
            line = f"{progress.stage} {progress.done}/{total} {rate} {people}"
            print(" ".join(line.split()), file=sys.stderr, flush=True)
