"""The live picture as a web page: moving JPEGs, a control for each person, figures.

Knows HTTP; knows nothing of mattes. Who may ask is the business of `web.guard`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from socket import socket
from typing import Annotated, Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from ..extras import require_extra
from ..rendering.preview import color_of_track, css_color
from ..web.bad_requests import refuse_in_words
from ..web.guard import guard, page_url
from ..web.page_files import add_page_files
from ..web.server import bind, make_server
from .backgrounds import Backgrounds
from .live_matter import LiveFrame
from .meter import Figures
from .view_choice import VIEWS, ViewChoice, ViewControl

Picture = npt.NDArray[np.uint8]

JPEG_QUALITY = 85
_BOUNDARY = b"frame"
_WAIT_S = 0.5

Number = Annotated[int, Field(ge=1)]
"""Of a person."""


class Change(BaseModel):
    """What a page asks for; what is not named stays as it is.

    A page that was asked a while ago knows nothing of what others have chosen since, so people are
    hidden and shown one by one.
    """

    model_config = ConfigDict(extra="forbid")

    view: Literal["tinted", "cutout", "mattes", "source"] = "tinted"
    background: str = Field("blur", max_length=4096)
    solo: Number | None = None
    hide: Number | None = None
    show: Number | None = None
    everybody: bool = False
    """Nobody is hidden or alone any more."""

    def apply(self, choice: ViewChoice) -> ViewChoice:
        """Return the choice with what was named replaced."""
        if self.everybody:
            choice = choice.of_everybody()
        named = self.model_dump(include={"view", "background", "solo"}, exclude_unset=True)
        choice = replace(choice, **named)
        if self.show is not None:
            choice = choice.showing(self.show)
        return choice if self.hide is None else choice.hiding(self.hide)


class LivePage:
    """Serves the page in a thread of its own until it is closed.

    Args:
        control: What is shown; the page changes it.
        backgrounds: What the page may choose from, and colours.
        host: Address to bind.
        port: 0 takes a free one.

    Raises:
        OptionError: The extra `web` is missing, or the port is taken.
    """

    def __init__(
        self, control: ViewControl, backgrounds: Backgrounds, host: str, port: int
    ) -> None:
        require_extra("web", "this page")
        self._control, self._backgrounds = control, backgrounds
        self._pictures = _JpegSlot()
        self._live: LiveFrame | None = None
        self._people = 0
        """Shown so far; their numbers are counted from 1."""
        self._figures = Figures()
        self._socket: socket = bind(host, port, "--serve")
        port = self._socket.getsockname()[1]
        app = self._app()
        self.url = page_url(host, port, guard(app, host, port))
        """To open in a browser; a token is in it."""
        self._server = make_server(app)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="page", daemon=True
        )
        self._thread.start()

    def show(self, picture: Picture, live: LiveFrame, figures: Figures) -> None:
        """Show a picture on every open page."""
        self._live, self._figures = live, figures
        self._people = max([self._people, *(person.number for person in live.people)])
        self._pictures.put(picture)

    def is_open(self) -> bool:
        """Return `True`: visitors come and go."""
        return True

    def close(self) -> None:
        """Serve no more."""
        self._pictures.close()
        self._server.should_exit = True
        self._thread.join(timeout=5.0)
        self._socket.close()

    def state(self) -> dict[str, Any]:
        """Return what the page shows beside the picture."""
        choice, live = self._control.choice, self._live
        present = set() if live is None else {person.number for person in live.people}
        known = present | choice.hidden | ({choice.solo} if choice.solo else set())
        return {
            "views": VIEWS,
            "view": choice.view,
            "backgrounds": [
                {"name": name, "label": Path(name).name} for name in self._backgrounds.names
            ],
            "background": choice.background,
            "people": [
                {
                    "number": number,
                    "color": css_color(color_of_track(number)),
                    "is_present": number in present,
                    "is_hidden": number in choice.hidden,
                    "is_solo": number == choice.solo,
                }
                for number in sorted(known)
            ],
            "figures": asdict(self._figures),
        }

    def _knows(self, change: Change) -> bool:
        """Say whether everybody named has been shown, or was chosen otherwise."""
        choice = self._control.choice
        return all(
            number <= self._people or number in choice.hidden or number == choice.solo
            for number in (change.solo, change.hide, change.show)
            if number is not None
        )

    def _app(self) -> Any:
        from fastapi import FastAPI, HTTPException
        from fastapi.responses import StreamingResponse

        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        refuse_in_words(app)
        add_page_files(app, __package__)

        async def stream() -> StreamingResponse:
            kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY.decode()}"
            headers = {"cache-control": "no-store"}
            return StreamingResponse(self._parts(), media_type=kind, headers=headers)

        async def state() -> dict[str, Any]:
            return self.state()

        async def change(change: Change) -> dict[str, Any]:
            if not self._backgrounds.knows(change.background):
                raise HTTPException(400, "there is no such background")
            if not self._knows(change):
                raise HTTPException(400, "there has been no such person")
            self._control.change(change.apply)
            return self.state()

        app.add_api_route("/stream.mjpg", stream)
        app.add_api_route("/state", state)
        app.add_api_route("/state", change, methods=["POST"])
        return app

    async def _parts(self) -> AsyncIterator[bytes]:
        """Yield the parts of an endless answer, a JPEG each, the newest first."""
        # A browser shows a part when it sees the next boundary, so that follows at once.
        yield b"--" + _BOUNDARY + b"\r\n"
        seen = 0
        while not self._pictures.is_closed:
            seen, data = await asyncio.to_thread(self._pictures.newer_than, seen)
            if data:
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                yield head.encode() + data + b"\r\n--" + _BOUNDARY + b"\r\n"


class _JpegSlot:
    """The newest picture, made a JPEG once, when the first of its viewers asks for it."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._picture: Picture | None = None
        self._jpeg = b""
        self._count = 0
        self.is_closed = False

    def put(self, picture: Picture) -> None:
        """Replace the picture."""
        with self._condition:
            self._picture, self._jpeg = picture, b""
            self._count += 1
            self._condition.notify_all()

    def newer_than(self, seen: int) -> tuple[int, bytes]:
        """Return a newer picture's count and JPEG; nothing new in time gives the last one again.

        Args:
            seen: Count of the last picture that was taken, 0 at first.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._count > seen or self.is_closed, _WAIT_S)
            if self._picture is None or self.is_closed:
                return seen, b""
            if not self._jpeg:
                options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
                _, data = cv2.imencode(".jpg", self._picture[..., ::-1], options)
                self._jpeg = data.tobytes()
            return self._count, self._jpeg

    def close(self) -> None:
        """Let everybody who waits go."""
        with self._condition:
            self.is_closed = True
            self._condition.notify_all()
