"""Who needs more memory than there is waits; who needs more than there ever is works alone."""

from __future__ import annotations

import threading

import pytest

from instmatt_video.matting.work_room import WorkRoom

PATIENCE_S = 30.0


@pytest.mark.parametrize(
    ("sizes", "largest"),
    [
        pytest.param([30, 30, 30, 30], 90, id="three fit"),
        pytest.param([60, 60, 60], 60, id="one fits"),
        pytest.param([500, 10, 500, 10], 500, id="more than there is"),
    ],
)
def test_together_they_hold_no_more_than_there_is(sizes: list[int], largest: int) -> None:
    room, lock = WorkRoom(100), threading.Lock()
    held, seen = [0], [0]

    def work(size: int) -> None:
        for _ in range(200):
            with room.taken(size):
                with lock:
                    held[0] += size
                    seen[0] = max(seen[0], held[0])
                with lock:
                    held[0] -= size

    threads = [threading.Thread(target=work, args=(size,), daemon=True) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert 0 < seen[0] <= largest


def test_room_comes_back_from_work_that_fails() -> None:
    room = WorkRoom(10)
    with pytest.raises(ValueError, match="on the way"), room.taken(10):
        raise ValueError("on the way")
    done = threading.Event()

    def work() -> None:
        with room.taken(10):
            done.set()

    threading.Thread(target=work, daemon=True).start()
    assert done.wait(PATIENCE_S)
