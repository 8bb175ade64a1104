"""A bar that counts what a command works through, on a terminal; nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

Count = Callable[[int, int], None]
"""Told how many are done, and of how many."""


@contextmanager
def counting_bar(console: Console, unit: str, is_quiet: bool = False) -> Iterator[Count]:
    """Yield a callback that moves the bar.

    Args:
        console: Where it is drawn; a console that is no terminal shows nothing.
        unit: What is counted, such as `images`.
        is_quiet: Show nothing.
    """
    is_hidden = is_quiet or not console.is_terminal
    with Progress(console=console, transient=True, disable=is_hidden) as bar:
        task = bar.add_task(unit, total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show
