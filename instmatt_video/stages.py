"""Steps of work that overlap: each in its own thread, joined by short queues, items in order.

Knows threads and time; knows nothing of what is worked on.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")

QUEUE_LENGTH = 3
"""Items between two stages: enough to even out, few enough to bound memory."""
_END = object()


@dataclass
class StageClock:
    """Seconds of work and number of items by stage, from any thread."""

    busy_s: dict[str, float] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def measure(self, stage: str, items: int = 1) -> Iterator[None]:
        """Count the time inside the `with` block, and some items, for a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, time.perf_counter() - started, items)

    def add(self, stage: str, busy_s: float, items: int = 1) -> None:
        """Count work that is done."""
        with self._lock:
            self.busy_s[stage] = self.busy_s.get(stage, 0.0) + busy_s
            self.items[stage] = self.items.get(stage, 0) + items


@dataclass(frozen=True)
class Stage:
    """One step of work."""

    name: str
    function: Callable[[Any], Any]
    workers: int = 1
    """Threads that work on different items at once; a function that remembers needs 1."""
    finish: Callable[[], Iterable[Any]] | None = None
    """Of a stage that holds items back: its function returns those that go on, a list, and
    this the rest, when no more come."""


class Cancelled(Exception):  # noqa: N818  # no error: how a waiting thread is told to stop
    """The run stops, here or elsewhere."""


class Mailbox:
    """A bounded queue whose waiting ends when the run stops.

    Args:
        stop: Set when the run stops.
        length: Most items that wait.
    """

    def __init__(self, stop: threading.Event, length: int = QUEUE_LENGTH) -> None:
        self._stop = stop
        self._queue: queue.Queue[Any] = queue.Queue(length)

    def put(self, item: Any) -> None:
        """Add an item, waiting for room.

        Raises:
            Cancelled: The run stops.
        """
        self._wait(lambda: self._queue.put(item, timeout=0.2))

    def get(self) -> Any:
        """Return the oldest item, waiting for one.

        Raises:
            Cancelled: The run stops.
        """
        return self._wait(lambda: self._queue.get(timeout=0.2))

    def _wait(self, attempt: Callable[[], Any]) -> Any:
        while not self._stop.is_set():
            try:
                return attempt()
            except (queue.Full, queue.Empty):
                continue
        raise Cancelled


def run_stages(
    items: Iterable[Any],
    stages: Sequence[Stage],
    clock: StageClock,
    source_name: str = "decode",
    prepare_thread: Callable[[], None] | None = None,
    stop_source: Callable[[], None] | None = None,
) -> Iterator[Any]:
    """Yield what the last stage returns for every item, in order, all stages at work at once.

    A stage that fails stops the others; its error is raised here. Closing the iterator stops all.

    Args:
        items: What goes in; taken in a thread of its own. Where taking fails, its error is raised
            here when all that was taken before has been worked on.
        stages: In order.
        clock: Counts the work of each stage, and of taking an item under `source_name`.
        source_name: Name of the taking.
        prepare_thread: Called first in each thread.
        stop_source: Called at the end of all, so that a taking that still waits for its item ends.
    """
    stop = threading.Event()
    errors: list[BaseException] = []
    last_error: list[BaseException] = []
    boxes = [Mailbox(stop) for _ in range(len(stages) + 1)]

    def guarded(work: Callable[[], None]) -> None:
        try:
            if prepare_thread is not None:
                prepare_thread()
            work()
        except Cancelled:
            pass
        except BaseException as error:  # handed to the consumer, who raises it
            errors.append(error)
            stop.set()

    def feed() -> None:
        iterator = iter(items)
        while True:
            started = time.perf_counter()
            try:
                item = next(iterator, _END)
            except BaseException as error:  # handed to the consumer, who raises it
                last_error.append(error)
                item = _END
            # The end takes its time, too, but is no item.
            clock.add(source_name, time.perf_counter() - started, int(item is not _END))
            boxes[0].put(item)
            if item is _END:
                return

    def measured(stage: Stage, item: Any) -> Any:
        with clock.measure(stage.name):
            return stage.function(item)

    def work(index: int) -> None:
        stage = stages[index]
        with ThreadPoolExecutor(stage.workers, initializer=prepare_thread) as pool:
            while (item := _result(boxes[index].get())) is not _END:
                if stage.finish is not None:
                    for ready in measured(stage, item):
                        boxes[index + 1].put(ready)
                elif stage.workers == 1:
                    boxes[index + 1].put(measured(stage, item))
                else:
                    # The place in the queue is taken now, so that order is kept.
                    boxes[index + 1].put(pool.submit(measured, stage, item))
        for ready in stage.finish() if stage.finish is not None else ():
            boxes[index + 1].put(ready)
        boxes[index + 1].put(_END)

    threads = [threading.Thread(target=guarded, args=(feed,), daemon=True)]
    for index in range(len(stages)):
        threads.append(
            threading.Thread(target=guarded, args=(lambda i=index: work(i),), daemon=True)
        )
    for thread in threads:
        thread.start()
    try:
        while (item := _next(boxes[-1])) is not _END:
            yield item
    finally:
        stop.set()
        if stop_source is not None:
            stop_source()
        for thread in threads:
            thread.join()
    for error in (*errors, *last_error):
        raise error


def _result(item: Any) -> Any:
    """Return an item that several threads worked on, when it is done."""
    return item.result() if isinstance(item, Future) else item


def _next(box: Mailbox) -> Any:
    """Return the next finished item; the end where the run was stopped."""
    try:
        return _result(box.get())
    except Cancelled:
        return _END
