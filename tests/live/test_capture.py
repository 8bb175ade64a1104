"""The newest frame wins; files keep their pace; what drops is opened again. No real time passes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import pytest

from instmatt_video.errors import FrameDecodeError, VideoOpenError
from instmatt_video.live.capture import Capture, Captured, fit_size, reconnect_delays
from instmatt_video.live.newest import Newest
from instmatt_video.media.frame import Frame
from tests.live.made_live import MadeSource

CAMERA = "rtsp://camera/1"


class Everything(Newest[Captured]):
    """Keeps what comes, for a test to read."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[Captured] = []
        self.enough = threading.Event()
        self.wanted = 1_000

    def put(self, item: Captured) -> None:
        self.all.append(item)
        super().put(item)
        if len(self.all) >= self.wanted:
            self.enough.set()

    def close(self, error: BaseException | None = None) -> None:
        super().close(error)
        self.enough.set()

    @property
    def numbers(self) -> list[int]:
        return [int(item.frame.image[0, 0, 0]) for item in self.all]


class MadeTime:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.waits: list[float] = []

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now_s += seconds
        return event.is_set()


def run(
    open_spec: Callable[[str], MadeSource],
    spec: str = "made.mp4",
    wanted: int = 1_000,
    is_looped: bool = False,
    max_side_px: int = 1280,
) -> tuple[Everything, MadeTime, Capture]:
    time, frames = MadeTime(), Everything()
    frames.wanted = wanted
    capture = Capture(
        spec,
        is_looped=is_looped,
        max_side_px=max_side_px,
        open_spec=open_spec,
        clock=lambda: time.now_s,
        wait=time.wait,
    )
    capture.newest = frames
    capture.start()
    assert frames.enough.wait(30)
    capture.stop()
    return frames, time, capture


def test_a_file_plays_at_its_own_pace_and_ends() -> None:
    source = MadeSource([5, 6, 7, 8])
    frames, time, _ = run(lambda spec: source)
    assert frames.numbers == [5, 6, 7, 8]
    assert time.waits == pytest.approx([0.1, 0.1, 0.1])
    assert [float(item.frame.time) for item in frames.all] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [item.captured_s for item in frames.all] == pytest.approx([100, 100.1, 100.2, 100.3])
    assert [item.frame.index for item in frames.all] == [0, 1, 2, 3]
    assert source.is_closed


def test_a_looped_file_begins_again_and_time_goes_on() -> None:
    frames, _, _ = run(lambda spec: MadeSource([1, 2, 3]), wanted=8, is_looped=True)
    assert frames.numbers[:8] == [1, 2, 3, 1, 2, 3, 1, 2]
    # At 10 frames a second the last of a round lasts as long as the others.
    times = [float(item.frame.time) for item in frames.all[:8]]
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])


def test_a_looped_file_of_one_frame_keeps_its_pace() -> None:
    _, time, _ = run(lambda spec: MadeSource([1]), wanted=5, is_looped=True)
    assert time.waits[:4] == pytest.approx([0.1] * 4)


def test_a_dropped_stream_is_opened_again_with_growing_patience() -> None:
    answers: list[MadeSource | Exception] = [
        MadeSource([1, 2], is_lost=True),
        VideoOpenError("no route"),
        FrameDecodeError("gone before its first frame"),
        MadeSource([3]),
        MadeSource([4, 5]),
    ]
    opened: list[MadeSource] = []

    def open_spec(spec: str) -> MadeSource:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        opened.append(answer)
        return answer

    frames, time, _ = run(open_spec, CAMERA, wanted=5)
    assert frames.numbers == [1, 2, 3, 4, 5]
    # A stream is not paced; it waits 0.5, 1 and 2 s for the first return, and 0.5 s for the second.
    assert time.waits[:4] == [0.5, 1.0, 2.0, 0.5]
    assert len(opened) == 3
    assert all(source.is_closed for source in opened)


def test_what_keeps_frames_from_coming_is_said() -> None:
    seen: list[str] = []
    captures: list[Capture] = []

    def open_spec(spec: str) -> MadeSource:
        if captures:
            seen.append(captures[0].trouble)
            if len(seen) < 2:
                raise VideoOpenError(f"{spec}: no route")
            return MadeSource([9])
        return MadeSource([], is_lost=True)

    time, frames = MadeTime(), Everything()
    frames.wanted = 1
    capture = Capture(CAMERA, open_spec=open_spec, clock=lambda: time.now_s, wait=time.wait)
    captures.append(capture)
    capture.newest = frames
    capture.start()
    assert frames.enough.wait(30)
    capture.stop()
    assert seen[0] == "made: reading stopped: the cable is out; reconnecting, attempt 1"
    assert seen[1] == f"{CAMERA}: no route; reconnecting, attempt 2"


def test_a_broken_file_is_no_stream() -> None:
    frames, _, _ = run(lambda spec: MadeSource([1], is_lost=True))
    assert frames.take(0) is not None
    with pytest.raises(FrameDecodeError, match="cable"):
        frames.take(0)


def test_a_source_that_keeps_waiting_is_stopped() -> None:
    class Waiting(MadeSource):
        is_told = threading.Event()

        def frames(self, start: int = 0) -> Iterator[Frame]:
            assert self.is_told.wait(60), "nobody stopped it"
            yield from super().frames(start)

        def stop(self) -> None:
            self.is_told.set()

    source = Waiting([1])
    capture = Capture("-", open_spec=lambda spec: source)
    capture.start()
    capture.stop()
    assert source.is_told.is_set()


def test_the_first_opening_fails_at_once() -> None:
    def refuse(spec: str) -> MadeSource:
        raise VideoOpenError(f"{spec}: no such camera")

    with pytest.raises(VideoOpenError, match="no such camera"):
        Capture(CAMERA, open_spec=refuse)


def test_large_pictures_are_scaled_down_and_a_stream_that_changes_its_size_is_fitted() -> None:
    sizes = iter([64, 24])
    frames, _, capture = run(
        lambda spec: MadeSource([7], size=next(sizes)), CAMERA, wanted=2, max_side_px=32
    )
    assert (capture.info.width, capture.info.height) == (32, 32)
    assert [item.frame.image.shape for item in frames.all[:2]] == [(32, 32, 3)] * 2


def test_sizes_fit_and_keep_their_shape() -> None:
    assert fit_size(640, 360, 1280) == (640, 360)
    assert fit_size(1920, 1080, 1280) == (1280, 720)
    assert fit_size(1080, 1920, 960) == (540, 960)


def test_delays_double_up_to_a_bound() -> None:
    assert list(islice(reconnect_delays(), 7)) == [0.5, 1, 2, 4, 8, 8, 8]


def test_the_newest_wins() -> None:
    newest: Newest[int] = Newest()
    assert newest.take(0) is None
    for item in (1, 2, 3):
        newest.put(item)
    assert (newest.take(0), newest.dropped) == (3, 2)
    assert newest.take(0) is None
    newest.put(4)
    newest.close()
    assert not newest.is_over
    assert newest.take(0) == 4
    assert newest.is_over


def test_an_error_comes_after_the_last_item() -> None:
    newest: Newest[np.ndarray] = Newest()
    newest.put(np.zeros(1))
    newest.close(RuntimeError("pulled"))
    assert newest.take(0) is not None
    with pytest.raises(RuntimeError, match="pulled"):
        newest.take(0)
