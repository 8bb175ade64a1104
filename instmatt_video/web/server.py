"""Serves one page until Ctrl-C: binds first, so that the port is known and a taken one is told.

Knows sockets and uvicorn; knows nothing of what is served.
"""

from __future__ import annotations

import errno
import socket
import sys
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import OptionError

if TYPE_CHECKING:
    import uvicorn


def bind(host: str, port: int, option: str = "--port") -> socket.socket:
    """Return a socket that is bound, listening and closed by whoever asked for it.

    Args:
        host: Address or name of this machine.
        port: Its port; 0 takes a free one, which `getsockname()[1]` tells.
        option: Of the command line, which sets the port.

    Raises:
        OptionError: The address is not this machine's, or the port is taken.
    """
    if not 0 <= port <= 65535:
        raise OptionError(f"port must be in 0..65535, not {port}")
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind)
        try:
            # A page that was closed a moment ago must not keep its port from the next one.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen()
        except OSError:
            bound.close()
            raise
    except OSError as error:
        is_of_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        advice = f"{option} takes another" if is_of_port else "is that this machine's address?"
        raise OptionError(
            f"cannot listen on {host}, port {port}: {error.strerror}; {advice}"
        ) from error
    return bound


def serve(app: Any, bound: socket.socket, url: str, opens_browser: bool) -> None:
    """Serve an application on a bound socket until Ctrl-C; the address goes to stderr.

    Args:
        app: FastAPI application, guarded.
        bound: From `bind`.
        url: From `guard.page_url`.
        opens_browser: Show the page in the user's browser.
    """
    server = make_server(app)
    print(f"open {url} (Ctrl-C ends)", file=sys.stderr, flush=True)
    if opens_browser:
        webbrowser.open(url)
    with suppress(KeyboardInterrupt):
        server.run([bound])


def make_server(app: Any) -> uvicorn.Server:
    """Return a server of an application, not running yet."""
    import uvicorn

    # An endless answer (live pictures) must not hold up the end.
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    return uvicorn.Server(config)
