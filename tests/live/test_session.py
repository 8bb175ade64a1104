"""The run as a whole, without windows and without real time deciding anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from instmatt_video.errors import AlphaWriteError, FrameDecodeError, VideoOpenError
from instmatt_video.live.backgrounds import Backgrounds
from instmatt_video.live.capture import Capture
from instmatt_video.live.live_matter import LiveFrame, LiveMatter
from instmatt_video.live.meter import Figures
from instmatt_video.live.session import LiveSession
from instmatt_video.live.view_choice import ViewChoice, ViewControl
from instmatt_video.live.work_level import PaceKeeper, work_levels
from instmatt_video.people.finder import FoundPeople, PeopleFinder
from tests.live.made_live import MadeSource, made_networks

CAMERA = "rtsp://camera/1"


@dataclass
class Screen:
    """Remembers what was shown; closes itself when a test has seen enough."""

    has_enough: Callable[[Figures], bool] = lambda figures: False
    shown: list[int] = field(default_factory=list)
    figures: list[Figures] = field(default_factory=list)
    is_done: bool = False

    def show(self, picture: np.ndarray, live: LiveFrame, figures: Figures) -> None:
        self.shown.append(int(picture[0, 0, 0]))
        self.figures.append(figures)
        self.is_done = self.is_done or self.has_enough(figures)

    def is_open(self) -> bool:
        return not self.is_done

    def close(self) -> None:
        pass


def session_of(
    capture: Capture,
    screen: Screen,
    record: Callable[[FoundPeople], None] | None = None,
) -> LiveSession:
    networks, pace = made_networks(), PaceKeeper(work_levels(), 0.1)
    matter = LiveMatter(PeopleFinder(networks.detector), networks.matter, pace, record)
    backgrounds = Backgrounds([], capture.info.width, capture.info.height)
    control = ViewControl(ViewChoice("source"), backgrounds.names)
    return LiveSession(capture, matter, control, backgrounds, [screen])


def test_it_ends_with_the_source_and_shows_frames_in_order() -> None:
    capture, screen = Capture("made.mp4", open_spec=lambda _: MadeSource(range(6))), Screen()
    figures = session_of(capture, screen).run()
    assert screen.shown == sorted(screen.shown)
    assert set(screen.shown) <= set(range(6))
    assert figures.level_count == len(work_levels())


def test_it_ends_after_so_many_frames() -> None:
    capture = Capture("made.mp4", is_looped=True, open_spec=lambda _: MadeSource(range(4)))
    session = session_of(capture, Screen())
    session.run(max_frames=7)
    assert session.shown == 7


def test_it_ends_when_an_output_is_closed() -> None:
    capture = Capture("made.mp4", is_looped=True, open_spec=lambda _: MadeSource(range(4)))
    screen = Screen(has_enough=lambda figures: True)
    session_of(capture, screen).run()
    assert screen.is_done


def test_while_a_stream_is_away_the_last_picture_stays_and_the_trouble_is_shown() -> None:
    opened: list[MadeSource] = []

    def open_spec(spec: str) -> MadeSource:
        if opened:
            raise VideoOpenError(f"{spec}: no route")
        opened.append(MadeSource([77], is_lost=True))
        return opened[0]

    capture = Capture(
        CAMERA, open_spec=open_spec, wait=lambda event, seconds: event.wait(min(seconds, 0.05))
    )
    screen = Screen(has_enough=lambda figures: "no route; reconnecting" in figures.trouble)
    session_of(capture, screen).run()
    assert set(screen.shown) == {77}


def test_a_file_that_breaks_off_is_told() -> None:
    capture = Capture("made.mp4", open_spec=lambda _: MadeSource([1], is_lost=True))
    with pytest.raises(FrameDecodeError, match="cable"):
        session_of(capture, Screen()).run()


def test_a_recording_that_fails_ends_the_run() -> None:
    def refuse(found: FoundPeople) -> None:
        raise AlphaWriteError("the disk is full")

    capture = Capture("made.mp4", is_looped=True, open_spec=lambda _: MadeSource(range(4)))
    with pytest.raises(AlphaWriteError, match="disk is full"):
        session_of(capture, Screen(), refuse).run()
