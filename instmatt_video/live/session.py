"""A live run: capture, matting and showing, each in a thread of its own, the newest frame first.

Knows the order of things; the things themselves lie in one file each.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .backgrounds import Backgrounds
from .capture import Capture, Captured
from .live_matter import LiveFrame, LiveMatter
from .meter import Figures, Meter
from .newest import Newest
from .view_choice import ViewControl
from .views import draw_view

Picture = npt.NDArray[np.uint8]

_PATIENCE_S = 0.2
"""How long to wait for a frame before the outputs are asked whether to go on."""


class Output(Protocol):
    """A place where the live picture is shown."""

    def show(self, picture: Picture, live: LiveFrame, figures: Figures) -> None:
        """Show a picture, `(H, W, 3)` RGB.

        Args:
            picture: Not to be written into.
            live: What it was drawn from.
            figures: How the program keeps up.
        """
        ...

    def is_open(self) -> bool:
        """Return whether to go on; called often, also while no frame comes."""
        ...

    def close(self) -> None:
        """Show nothing more; a second call does nothing."""
        ...


class LiveSession:
    """Runs until the source ends, an output is closed, or enough was shown.

    Args:
        capture: The source, not yet started.
        matter: Finds and mattes.
        control: What is shown.
        backgrounds: For cut-outs.
        outputs: Where it is shown; `show` and `is_open` are called in the thread of `run`.
    """

    def __init__(
        self,
        capture: Capture,
        matter: LiveMatter,
        control: ViewControl,
        backgrounds: Backgrounds,
        outputs: Sequence[Output],
    ) -> None:
        self._capture, self._matter = capture, matter
        self._control, self._backgrounds = control, backgrounds
        self._outputs = tuple(outputs)
        self._matted: Newest[LiveFrame] = Newest()
        self._stop = threading.Event()
        self._meter = Meter()
        self._last: LiveFrame | None = None
        self.shown = 0
        """Frames shown so far."""
        self.figures = Figures()
        """Of the last frame."""

    def run(
        self,
        max_frames: int | None = None,
        max_seconds: float | None = None,
        is_asked_to_end: Callable[[], bool] = lambda: False,
    ) -> Figures:
        """Show frames; return the last figures.

        Args:
            max_frames: Stop after so many were shown.
            max_seconds: Stop after so long.
            is_asked_to_end: Stop as soon as it is; asked often, also while no frame comes.

        Raises:
            FrameDecodeError: A source that is not opened again cannot be read on.
            AlphaWriteError: What is recorded cannot be written.
        """
        began_s = time.monotonic()
        worker = threading.Thread(target=self._work, name="matte", daemon=True)
        self._capture.start()
        worker.start()
        try:
            while not (is_asked_to_end() or self._is_done(began_s, max_frames, max_seconds)):
                live = self._matted.take(_PATIENCE_S)
                if live is not None:
                    self._show(live)
                elif self._matted.is_over:
                    break
                else:
                    self._show_again()
        finally:
            self._stop.set()
            self._capture.stop()
            worker.join()
        return self.figures

    def _is_done(self, began_s: float, max_frames: int | None, max_seconds: float | None) -> bool:
        return (
            not all(output.is_open() for output in self._outputs)
            or (max_frames is not None and self.shown >= max_frames)
            or (max_seconds is not None and time.monotonic() - began_s >= max_seconds)
        )

    def _work(self) -> None:
        newest: Newest[Captured] = self._capture.newest
        try:
            while not self._stop.is_set():
                captured = newest.take(_PATIENCE_S)
                if captured is not None:
                    self._matted.put(self._matter.process(captured))
                elif newest.is_over:
                    break
            self._matted.close()
        except BaseException as error:  # raised in the thread that shows
            self._matted.close(error)

    def _show(self, live: LiveFrame) -> None:
        self._draw(live)
        self._meter.note(live.captured_s, time.monotonic())
        self.shown += 1
        self._last = live
        self.figures = self._figures(live)

    def _show_again(self) -> None:
        """Show the last frame once more: no new one comes, but keys and figures go on."""
        if self._last is not None:
            self._meter.advance(time.monotonic())
            self.figures = self._figures(self._last)
            self._draw(self._last)

    def _draw(self, live: LiveFrame) -> None:
        choice = self._control.choice
        is_cut_out = choice.view == "cutout"
        behind = self._backgrounds.picture(choice.background, live) if is_cut_out else None
        picture = draw_view(live, choice, behind)
        for output in self._outputs:
            output.show(picture, live, self.figures)

    def _figures(self, live: LiveFrame) -> Figures:
        pace = self._matter.pace
        return Figures(
            fps=self._meter.fps,
            latency_ms=1000 * self._meter.latency_s,
            worst_latency_ms=1000 * self._meter.worst_latency_s,
            people=len(live.people),
            level=pace.levels.index(live.level) + 1,
            level_count=len(pace.levels),
            work=str(live.level),
            dropped=self._capture.newest.dropped,
            trouble=self._capture.trouble,
        )
