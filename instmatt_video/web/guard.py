"""Who may talk to a page that this program serves: its own browser, and whoever has the token.

Knows addresses and headers; knows nothing of what is served. On a loopback address a request must
name that address as its host, which a foreign site that points its own name here (DNS rebinding)
cannot; on any other address a random token is demanded. What changes something must come from the
page itself. Plain ASGI, so that endless answers pass through unbuffered.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import SplitResult, parse_qs, parse_qsl, quote, urlencode, urlsplit

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)


def guard(app: Any, host: str, port: int) -> str | None:
    """Install the checks on a page's application; return the token that it demands, if any.

    Scripts and styles must come from files of the page: the browser is told to run nothing else.

    Args:
        app: FastAPI or Starlette application, before it has served anything.
        host: Address that it will be bound to.
        port: Its port; cookies of one host are shared by all its ports, so it is in their name.
    """
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    app.add_middleware(_Guard, token=token, cookie=f"instmatt-video-{port}")
    return token


def page_url(host: str, port: int, token: str | None) -> str:
    """Return the address to open in a browser; the token is in it."""
    name = host
    if host in ("0.0.0.0", "::", ""):
        name = socket.gethostname()
    if ":" in name:
        name = f"[{name}]"
    query = "?" + urlencode({"token": token}) if token else ""
    return f"http://{name}:{port}/{query}"


def is_loopback(host: str) -> bool:
    """Say whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Guard:
    """ASGI middleware: refuses, or passes on and adds headers.

    Args:
        app: What is guarded.
        token: What a request must bring, in its query or its cookie; `None` demands a loopback
            host instead.
        cookie: Name of the cookie that carries the token once the page was opened with it.
    """

    def __init__(self, app: _App, token: str | None, cookie: str) -> None:
        self._app, self._token, self._cookie = app, token, cookie

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, send, refusal)
        elif _has_large_body(headers):
            await _refuse(scope, send, "a request must be smaller than 1 MB, and say so", 413)
        elif scope["type"] == "http" and scope["method"] == "GET" and self._brings_token(scope):
            await self._greet(scope, send)
        else:
            await self._app(scope, receive, _with_headers(send))

    def _refusal(self, scope: _Message, headers: dict[str, str]) -> str | None:
        """Return why a request is refused; `None` where it is not."""
        host = headers.get("host", "")
        if self._token is None:
            if not is_loopback(_split(f"//{host}").hostname or ""):
                return "this page answers only to its own address"
        elif not (self._brings_token(scope) or self._has_cookie(headers)):
            return "the token is missing or wrong: open the address that the program printed"
        is_harmless = scope["type"] == "http" and scope["method"] in _HARMLESS
        origin = _split(headers.get("origin", "")).netloc
        if not is_harmless and (not origin or origin != host):
            return "only the page itself may change something"
        return None

    def _brings_token(self, scope: _Message) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        return self._is_token(given)

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        return self._cookie in cookies and self._is_token(cookies[self._cookie].value)

    def _is_token(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    async def _greet(self, scope: _Message, send: _Send) -> None:
        """Move the token from the address into a cookie: it shall not stay in the history."""
        cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Lax; Path=/"
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # One slash exactly: an address that begins with two would be another host's.
        location = "/" + quote(scope["path"].lstrip("/")) + ("?" + rest if rest else "")
        headers = [(b"location", location.encode()), (b"set-cookie", cookie.encode()), *_HEADERS]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _has_large_body(headers: dict[str, str]) -> bool:
    """Say whether a body of a megabyte or more may follow; one in chunks does not tell."""
    is_small = re.fullmatch(r"[0-9]{1,6}", headers.get("content-length", "0"))
    return is_small is None or "transfer-encoding" in headers


def _split(address: str) -> SplitResult:
    """Return the parts of an address; of one that is none, empty parts."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _with_headers(send: _Send) -> _Send:
    async def send_with_headers(message: _Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await send(message)

    return send_with_headers


async def _refuse(scope: _Message, send: _Send, reason: str, status: int = 403) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
