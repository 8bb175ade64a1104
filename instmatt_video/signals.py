"""What ends a run from outside: Ctrl-C, a scheduler's SIGTERM, the SIGHUP of a closed terminal.

Knows signals and terminals; knows nothing of what is at work.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

ENDING_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Windows has no SIGHUP."""


@contextmanager
def ended_alike_by_any_signal() -> Iterator[None]:
    """Let each of the signals end the `with` block as Ctrl-C does, by `KeyboardInterrupt`."""

    def end() -> None:
        raise KeyboardInterrupt

    # To Ctrl-C Python has the same answer, which asyncio knows by its name.
    with _answered([sent for sent in ENDING_SIGNALS if sent != signal.SIGINT], end):
        yield


@contextmanager
def asked_to_end() -> Iterator[Callable[[], bool]]:
    """Let no signal end the `with` block: yield whether one has asked for its end.

    For what must be finished in order, however often somebody asks.
    """
    has_asked = False

    def note() -> None:
        nonlocal has_asked
        has_asked = True

    with _answered(ENDING_SIGNALS, note):
        yield lambda: has_asked


def leave_signals_to_parent() -> None:
    """Ignore all of them from here on, in a worker process.

    A terminal, and most schedulers, send them to the whole group; the parent says when to stop, so
    that files are closed.
    """
    for sent in ENDING_SIGNALS:
        signal.signal(sent, signal.SIG_IGN)


@contextmanager
def _answered(signals: Sequence[signal.Signals], answer: Callable[[], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what signals do
        return
    terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]

    def take(number: int, frame: object) -> None:
        _forget_closed(terminals)
        answer()

    before = {sent: signal.getsignal(sent) for sent in signals}
    # What is ignored stays so: `nohup`, and a shell's jobs in the background, mean it. An answer
    # that is not Python's (None) could not be put back.
    kept = (signal.SIG_IGN, None)
    before = {sent: handler for sent, handler in before.items() if handler not in kept}
    for sent in before:
        signal.signal(sent, take)
    try:
        yield
    finally:
        for sent, handler in before.items():
            signal.signal(sent, handler)


def _forget_closed(terminals: Sequence[int]) -> None:
    """Let what is still said to a terminal that is gone go nowhere, where it does no harm."""
    for descriptor in terminals:
        if not os.isatty(descriptor):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
