"""The live picture in a window of the desktop, and its keys.

Knows OpenCV's windows; knows nothing of mattes.
"""

from __future__ import annotations

import os

import cv2
import numpy as np
import numpy.typing as npt

from ..errors import OptionError
from .display import has_display
from .live_matter import LiveFrame
from .meter import Figures
from .view_choice import QUIT_KEYS, ViewControl
from .views import draw_lines

Picture = npt.NDArray[np.uint8]

TITLE = "instmatt-video live"
_NO_DISPLAY = "there is no display for a window: use --serve for a web page, or --virtual-camera"


class Window:
    """Shows pictures in a window; `q`, Escape or closing it ends the run.

    Args:
        control: Gets the keys.
        width: Of the window at first, in pixels; it can be resized.
        height: Of the window at first, in pixels.

    Raises:
        OptionError: There is no display, or OpenCV was built without windows.
    """

    def __init__(self, control: ViewControl, width: int, height: int) -> None:
        if not has_display(os.environ):
            raise OptionError(_NO_DISPLAY)
        self._control = control
        self._people: tuple[int, ...] = ()
        self._is_open = True
        try:
            cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
            cv2.resizeWindow(TITLE, width, height)
        except cv2.error as error:
            raise OptionError(
                "this OpenCV has no windows (opencv-python-headless?): use --serve for a web page"
            ) from error

    def show(self, picture: Picture, live: LiveFrame, figures: Figures) -> None:
        """Show a picture, with the figures on it if they are wanted."""
        self._people = tuple(person.number for person in live.people)
        shown = picture[..., ::-1]
        if self._control.choice.has_figures:
            shown = draw_lines(shown, figures.lines)
        cv2.imshow(TITLE, np.ascontiguousarray(shown))
        self._take_keys()

    def is_open(self) -> bool:
        """Return whether nobody has closed the window; takes the keys that were pressed."""
        if self._is_open:
            self._take_keys()
        return self._is_open

    def close(self) -> None:
        """Close the window."""
        self._is_open = False
        cv2.destroyAllWindows()

    def _take_keys(self) -> None:
        while (code := cv2.waitKey(1)) >= 0:
            key = chr(code & 0xFF)
            if key in QUIT_KEYS:
                self._is_open = False
            self._control.press(key, self._people)
        if cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            self._is_open = False
