"""The review page's application: questions and corrections over HTTP, all answered by `Review`.

Knows addresses and JSON; knows nothing that the command line does not know too. What it serves are
its own three files and the preview, under fixed names.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict

from ..correction import Correction
from ..errors import AlphaStoreError, InstMattVideoError, OptionError
from ..progress import Progress
from ..rendering.preview import color_of_track, css_color, text_color_on
from ..rendering.report_style import STYLE
from ..rendering.stream_plans import PREVIEW_FILE
from ..settings import config_of
from ..web.bad_requests import refuse_in_words
from ..web.page_files import add_page_files
from .session import Review

_log = logging.getLogger(__name__)


class RenderRequest(BaseModel):
    """What is asked of a rendering."""

    model_config = ConfigDict(extra="forbid")

    has_rest: bool | None = None


@dataclass
class RenderState:
    """Where the rendering stands."""

    is_running: bool = False
    done: int = 0
    total: int = 0
    error: str | None = None
    """What ended the last one before its time."""
    changes: tuple[str, ...] = ()
    """What the last one did to the files, in lines for a person to read."""


class ReviewPage:
    """Answers for one folder; one rendering at a time, and no correction during it.

    Args:
        review: The folder.
        source: Where the clip lies, if not where it was.
    """

    def __init__(self, review: Review, source: Path | None = None) -> None:
        self.review = review
        self._source = source
        self.render_state = RenderState()
        self._lock = threading.Lock()

    def state(self) -> dict[str, Any]:
        """Return all that the page shows."""
        with self._lock:
            document = self.review.document()
            manifest = self.review.manifest
            source = manifest.source
            for person in document["people"]:
                color = color_of_track(person["id"])
                person["color"], person["ink"] = css_color(color), css_color(text_color_on(color))
            preview = self.review.folder / PREVIEW_FILE
            return document | {
                "frame_rate": source.frame_rate,
                "has_rest": config_of(manifest.settings).output.has_rest,
                "width": source.width,
                "height": source.height,
                "frame_times_s": self._times() if source.is_variable_rate else None,
                # A new preview has a new address: the browser must not show the old one.
                "preview": f"/{PREVIEW_FILE}?v={preview.stat().st_mtime_ns}"
                if preview.is_file()
                else None,
                "render": asdict(self.render_state),
            }

    def _times(self) -> list[float] | None:
        """Return when each frame is shown, in seconds; `None` where the alphas that know are gone.

        People can still be looked at; that they cannot be corrected is said when somebody does.
        """
        try:
            return [float(time) for time in self.review.analysed.times]
        except AlphaStoreError:
            return None

    def correct(self, correction: Correction, seen: str | None = None) -> dict[str, Any]:
        """Add a correction to the revision that was seen; return the new state."""
        return self._change(lambda: self.review.correct(correction, seen))

    def undo(self, seen: str | None = None) -> dict[str, Any]:
        """Take the last correction back; return the new state."""
        return self._change(lambda: self.review.undo(seen))

    def render(self, wanted: RenderRequest) -> dict[str, Any]:
        """Begin to render; return the state, in which progress is told from now on."""

        def begin() -> None:
            self.render_state = RenderState(is_running=True)
            threading.Thread(target=self._render, args=(wanted.has_rest,), daemon=True).start()

        return self._change(begin)

    def progress(self) -> RenderState:
        """Return where the rendering stands."""
        return self.render_state

    def preview(self) -> Response:
        """Return the preview, or the part of it that is asked for."""
        path = self.review.folder / PREVIEW_FILE
        # A link could lead out of the folder.
        if not path.is_file() or path.is_symlink():
            return JSONResponse({"error": "there is no preview"}, status_code=404)
        return FileResponse(path, media_type="video/mp4")

    def _change(self, change: Callable[[], object]) -> dict[str, Any]:
        with self._lock:
            if self.render_state.is_running:
                raise OptionError("the streams are being rendered: wait until that is done")
            self.render_state.changes = ()  # an undone correction does not make them news again
            change()
        return self.state()

    def _render(self, has_rest: bool | None) -> None:
        state = self.render_state

        def report(progress: Progress) -> None:
            state.done, state.total = progress.done, progress.total or 0

        try:
            state.changes = self.review.render(report, self._source, has_rest).changes()
        except InstMattVideoError as error:
            state.error = str(error)
        except Exception as error:  # nobody else hears of it, and it would look like an end
            state.error = f"{type(error).__name__}: {error}"
            _log.exception("the rendering has failed")
        finally:
            state.is_running = False


def create_app(review: Review, source: Path | None = None) -> FastAPI:
    """Return the application of one folder, not guarded yet; arguments are those of the page."""
    page = ReviewPage(review, source)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(InstMattVideoError, _tell)
    refuse_in_words(app)
    add_page_files(app, __package__)
    app.add_api_route("/style.css", lambda: Response(STYLE, media_type="text/css"), methods=["GET"])
    app.add_api_route(f"/{PREVIEW_FILE}", page.preview, methods=["GET"])
    app.add_api_route("/api/state", page.state, methods=["GET"])
    app.add_api_route("/api/progress", page.progress, methods=["GET"])
    app.add_api_route("/api/corrections", page.correct, methods=["POST"])
    app.add_api_route("/api/undo", page.undo, methods=["POST"])
    app.add_api_route("/api/render", page.render, methods=["POST"])
    return app


def _tell(request: object, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=409)
