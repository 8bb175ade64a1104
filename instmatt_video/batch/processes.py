"""The engine of one machine: clips in worker processes, each with its share of the cores.

A worker that dies takes one clip with it, which is tried once more where it left off.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING

from ..cores import usable_cores
from ..progress import Progress
from ..signals import leave_signals_to_parent
from .job import ClipJob, Listener, Outcome

if TYPE_CHECKING:
    from ..networks import NetworkProvider

MAX_ATTEMPTS = 2
GRACE_S = 30.0
"""Seconds in which a worker that is told to stop may finish its frame and close its files."""


@dataclass(frozen=True)
class WorkerSetting:
    """What a worker process begins with."""

    number: int
    threads: int | None
    """Its share of the cores; `None` is all of them."""
    has_own_gpu: bool
    """Of several GPUs it sees one only, by its number."""
    provide_networks: NetworkProvider | None


class ProcessEngine:
    """Works through clips in `workers` processes; an `Engine`.

    Args:
        workers: Clips at once.
        provide_networks: Where workers get networks from, unless from the config's weights;
            picklable.
    """

    def __init__(self, workers: int = 1, provide_networks: NetworkProvider | None = None) -> None:
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, not {workers}")
        self._workers = workers
        self._provide_networks = provide_networks

    def run(self, jobs: Sequence[ClipJob], listener: Listener) -> None:
        """Work through all clips; see `Engine`."""
        waiting = deque(range(len(jobs)))
        attempts = [0] * len(jobs)
        count = min(self._workers, len(jobs))
        workers = [_Worker(self._setting(number, count, jobs)) for number in range(count)]
        try:
            while waiting or any(worker.index is not None for worker in workers):
                for worker in workers:
                    if worker.index is None and waiting:
                        index = waiting.popleft()
                        attempts[index] += 1
                        worker.give(index, jobs[index])
                        listener.started(index)
                for worker in _ready(workers):
                    assert worker.index is not None  # only busy workers are waited for
                    index = worker.index
                    message = worker.receive()
                    if isinstance(message, Progress):
                        listener.progressed(index, message)
                    elif isinstance(message, Outcome):
                        listener.finished(index, message)
                    elif attempts[index] < MAX_ATTEMPTS:
                        waiting.appendleft(index)
                    else:
                        listener.finished(index, Outcome("failed", error=message, exit_status=1))
        finally:
            for worker in workers:
                worker.tell_to_stop()
            for worker in workers:
                worker.end()

    def _setting(self, number: int, count: int, jobs: Sequence[ClipJob]) -> WorkerSetting:
        threads = None if count == 1 else max(1, usable_cores() // count)
        # Whoever names a GPU by its number counts all of them.
        has_own_gpu = count > 1 and not any(":" in job.config.matting.device for job in jobs)
        return WorkerSetting(number, threads, has_own_gpu, self._provide_networks)


class _Worker:
    """A worker process as the parent sees it; it starts with its first clip, and again if dead."""

    def __init__(self, setting: WorkerSetting) -> None:
        self._setting = setting
        self._process: SpawnProcess | None = None
        self.connection: Connection | None = None
        self.index: int | None = None
        """The clip that it works on."""

    def give(self, index: int, job: ClipJob) -> None:
        """Let the worker work on a clip; one that died idle makes room for a new one."""
        try:
            self._connect().send(job)
        except OSError:
            self.connection = None
            self._connect().send(job)
        self.index = index

    def _connect(self) -> Connection:
        if self.connection is None:
            context = get_context("spawn")
            self.connection, theirs = context.Pipe()
            self._process = context.Process(
                target=serve_clips, args=(theirs, self._setting), daemon=True
            )
            self._process.start()
            theirs.close()  # else its end would never be noticed
        return self.connection

    def receive(self) -> Progress | Outcome | str:
        """Return what the worker says, or how it died."""
        assert self.connection is not None and self._process is not None
        try:
            message: Progress | Outcome = self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            assert code is not None  # it was waited for
            how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            self.connection, self.index = None, None
            return f"its worker process died ({how}), twice; is memory short? try fewer --jobs"
        if isinstance(message, Outcome):
            self.index = None
        return message

    def tell_to_stop(self) -> None:
        """Let the worker stop at its next frame."""
        if self.connection is not None:
            self.connection.close()

    def end(self) -> None:
        """Wait for the worker's end, at last by force."""
        if self._process is not None:
            self._process.join(GRACE_S)
            self._process.kill()
            self._process.join()


def _ready(workers: Sequence[_Worker]) -> list[_Worker]:
    by_connection = {w.connection: w for w in workers if w.connection and w.index is not None}
    return [by_connection[c] for c in wait(list(by_connection)) if isinstance(c, Connection)]


def serve_clips(connection: Connection, setting: WorkerSetting) -> None:
    """Work through the clips that come by a connection until it closes; runs in a worker.

    A closed connection means that the batch is over or its process dead: a clip at work stops then.
    """
    leave_signals_to_parent()
    if setting.has_own_gpu:
        _see_one_gpu(setting.number)
    from .clip_work import keep_log_quiet, matte_clip, now_and_then, take_threads

    keep_log_quiet()
    if setting.threads is not None:
        take_threads(setting.threads)

    def report(progress: Progress) -> None:
        try:
            # Nothing is ever sent to a worker at work: what can be read is the other end's closing.
            if connection.poll():
                raise KeyboardInterrupt
            send(progress)
        except OSError:
            raise KeyboardInterrupt from None

    with contextlib.suppress(EOFError, OSError):
        while True:
            job = connection.recv()
            send = now_and_then(connection.send)
            connection.send(matte_clip(job, report, setting.provide_networks))


def _see_one_gpu(number: int) -> None:
    """Let this process see one of several GPUs only; CUDA must not have been touched yet."""
    import torch

    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = listed.split(",") if listed else [str(i) for i in range(torch.cuda.device_count())]
    if len(names) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = names[number % len(names)]
