"""Stages at work at once: order, errors, stopping, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from instmatt_video.stages import QUEUE_LENGTH, Cancelled, Mailbox, Stage, StageClock, run_stages


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in set(threading.enumerate()) - before if thread.is_alive()]
    assert not left


def test_order_is_kept_whatever_each_item_takes() -> None:
    def slow(x: int) -> int:
        time.sleep(0.002 * (x % 3))
        return x + 1

    stages = (Stage("a", slow), Stage("b", lambda x: x * 10), Stage("c", slow))
    assert list(run_stages(range(20), stages, StageClock())) == [
        10 * (x + 1) + 1 for x in range(20)
    ]


@pytest.mark.parametrize("items", [[], [7]])
def test_none_and_one(items: list[int]) -> None:
    assert list(run_stages(items, (Stage("a", str),), StageClock())) == [str(i) for i in items]


def test_without_stages_items_pass() -> None:
    assert list(run_stages(range(5), (), StageClock())) == [0, 1, 2, 3, 4]


def test_a_stage_may_hold_items_back() -> None:
    held: list[int] = []

    def in_pairs(x: int) -> list[int]:
        held.append(x)
        return [held.pop(0) * 10, held.pop(0) * 10] if len(held) == 2 else []

    stages = (Stage("pairs", in_pairs, finish=lambda: [-x for x in held]), Stage("b", str))
    assert list(run_stages(range(5), stages, StageClock())) == ["0", "10", "20", "30", "-4"]
    held.clear()
    assert list(run_stages([], stages, StageClock())) == []


def test_none_is_an_item_like_any_other() -> None:
    assert list(run_stages([None, 1, None], (Stage("a", lambda x: x),), StageClock())) == [
        None,
        1,
        None,
    ]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_the_error_of_any_stage_is_raised(failing: int) -> None:
    def fail(x: int) -> int:
        if x == 3:
            raise OSError(f"stage {failing} broke")
        return x

    def same(x: int) -> int:
        return x

    stages = [Stage(str(k), fail if k == failing else same) for k in range(3)]
    seen = []
    with pytest.raises(OSError, match=f"stage {failing} broke"):
        for item in run_stages(range(100), stages, StageClock()):
            seen.append(item)
    assert seen == list(range(len(seen))) and len(seen) <= 3


def breaking_off(count: int) -> Iterator[int]:
    yield from range(count)
    raise ValueError("no more")


def test_the_error_of_the_source_is_raised_behind_all_that_came_before() -> None:
    held: list[int] = []

    def hold_two(x: int) -> list[int]:
        held.append(x)
        return [held.pop(0)] if len(held) > 2 else []

    stages = (
        Stage("steps", hold_two, finish=lambda: held),
        Stage("several", lambda x: time.sleep(0.01) or x, workers=2),
        Stage("b", str),
    )
    seen = []
    with pytest.raises(ValueError, match="no more"):
        for item in run_stages(breaking_off(9), stages, StageClock()):
            seen.append(item)
    assert seen == list("012345678")


def test_a_stage_that_fails_is_told_of_rather_than_the_source() -> None:
    def fail(x: int) -> int:
        time.sleep(0.05)  # the source has failed by then
        raise OSError("the stage broke")

    with pytest.raises(OSError, match="the stage broke"):
        list(run_stages(breaking_off(1), (Stage("a", fail),), StageClock()))


def test_the_error_of_the_consumer_stops_the_stages() -> None:
    worked: list[int] = []
    with pytest.raises(KeyError):
        for item in run_stages(range(1000), (Stage("a", worked.append),), StageClock()):
            raise KeyError(item)
    assert len(worked) < 20


def test_closing_stops_the_stages_and_the_source() -> None:
    taken: list[int] = []

    def source() -> Iterator[int]:
        for x in range(1000):
            taken.append(x)
            yield x

    running = run_stages(source(), (Stage("a", str), Stage("b", str)), StageClock())
    assert next(running) == "0"
    running.close()
    assert len(taken) <= 1 + 3 * (QUEUE_LENGTH + 1) + 1


def test_a_source_that_keeps_waiting_is_stopped() -> None:
    more = threading.Event()

    def source() -> Iterator[int]:
        yield 0
        assert more.wait(60), "nobody stopped it"

    running = run_stages(source(), (Stage("a", str),), StageClock(), stop_source=more.set)
    assert next(running) == "0"
    running.close()
    assert more.is_set()


def test_a_slow_consumer_bounds_what_is_in_memory() -> None:
    taken: list[int] = []

    def source() -> Iterator[int]:
        for x in range(100):
            taken.append(x)
            yield x

    running = run_stages(source(), (Stage("a", str),), StageClock())
    next(running)
    time.sleep(0.1)
    # Two queues, one item in the hands of each of two threads, one consumed.
    assert len(taken) <= 2 * QUEUE_LENGTH + 3
    running.close()


def test_stages_work_at_once() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def meet(x: int) -> int:
        # Item 1 in the first stage meets item 0 in the second.
        meeting.wait()
        return x

    stages = (
        Stage("a", lambda x: meet(x) if x else x),
        Stage("b", lambda x: meet(x) if x == 0 else x),
    )
    assert list(run_stages(range(2), stages, StageClock())) == [0, 1]


def test_every_thread_is_prepared() -> None:
    prepared: list[str] = []
    worked: list[str] = []

    def note(x: int) -> int:
        worked.append(threading.current_thread().name)
        return x

    def prepare() -> None:
        prepared.append(threading.current_thread().name)

    list(
        run_stages(
            range(2), (Stage("a", note), Stage("b", note)), StageClock(), prepare_thread=prepare
        )
    )
    assert len(prepared) == 3 and set(worked) <= set(prepared)


def test_clock_counts_items_and_time() -> None:
    clock = StageClock()
    list(
        run_stages(
            range(4), (Stage("work", lambda x: time.sleep(0.01)),), clock, source_name="take"
        )
    )
    assert clock.items["work"] == 4
    assert clock.busy_s["work"] >= 0.04
    assert clock.items["take"] == 4  # the end is none


def test_mailbox_ends_its_waiting() -> None:
    stop = threading.Event()
    box = Mailbox(stop, 1)
    box.put(1)
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Cancelled):
        box.put(2)
    with pytest.raises(Cancelled):
        box.get()
    time.sleep(0.05)


def test_several_workers_keep_the_order_and_work_at_once() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def meet(item: int) -> int:
        meeting.wait()
        time.sleep(0.02 if item % 2 == 0 else 0)
        return item * 10

    stages = (Stage("pair", meet, workers=2), Stage("after", lambda x: x + 1))
    assert list(run_stages(range(8), stages, StageClock())) == [10 * i + 1 for i in range(8)]


def test_the_error_of_one_of_several_workers_is_raised() -> None:
    def fail(item: int) -> int:
        if item == 3:
            raise ValueError("third")
        return item

    with pytest.raises(ValueError, match="third"):
        list(run_stages(range(50), (Stage("work", fail, workers=3),), StageClock()))
