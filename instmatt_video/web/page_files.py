"""The files of a page, served as they lie in its package under fixed names.

Knows nothing of what the page asks for beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}


def add_page_files(app: Any, package: str) -> None:
    """Let a FastAPI or Starlette application serve the page of a package."""
    for address, (name, media_type) in _FILES.items():
        content = files(package).joinpath(name).read_bytes()
        app.add_route(address, _answering(content, media_type))


def _answering(content: bytes, media_type: str) -> Callable[[Any], Any]:
    """Return a handler that gives every request the same answer."""
    from starlette.responses import Response

    # A newer version of the program shows its own page at once.
    headers = {"cache-control": "no-cache"}
    return lambda _request: Response(content, media_type=media_type, headers=headers)
