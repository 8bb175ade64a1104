"""Who may talk to a served page."""

from __future__ import annotations

import pytest

from instmatt_video.errors import OptionError
from instmatt_video.web.guard import guard, is_loopback, page_url
from instmatt_video.web.server import bind

fastapi = pytest.importorskip("fastapi", reason="the extra web is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")


def client(host: str, address: str = "http://127.0.0.1:8765"):  # type: ignore[no-untyped-def]
    from fastapi.testclient import TestClient

    app = fastapi.FastAPI()

    @app.get("/")
    def read() -> str:
        return "read"

    @app.post("/change")
    def change() -> str:
        return "changed"

    @app.websocket("/talk")
    async def talk(socket: fastapi.WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    token = guard(app, host, 8765)
    return TestClient(app, base_url=address), token


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("127.0.0.1:8765", 200),
        ("localhost:8765", 200),
        ("localhost:9000", 200),  # a forwarded port
        ("[::1]:8765", 200),
        ("evil.example:8765", 403),
        ("127.0.0.1.evil.example", 403),
        ("[::1", 403),
        ("", 403),
    ],
)
def test_on_loopback_only_its_own_names(host: str, answers: int) -> None:
    page, token = client("127.0.0.1")
    assert token is None
    assert page.get("/", headers={"host": host}).status_code == answers


@pytest.mark.parametrize(
    ("origin", "answers"),
    [
        ("http://127.0.0.1:8765", 200),
        ("http://localhost:8765", 403),
        ("http://127.0.0.1:9000", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
        (None, 403),
    ],
)
def test_changes_only_from_the_page_itself(origin: str | None, answers: int) -> None:
    page, _ = client("127.0.0.1")
    headers = {} if origin is None else {"origin": origin}
    assert page.post("/change", headers=headers).status_code == answers


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        pytest.param(b" " * 999_999, 200, id="smaller than 1 MB"),
        pytest.param(b" " * 1_000_000, 413, id="1 MB"),
        pytest.param(iter([b"in", b"chunks"]), 413, id="of a length that is not told"),
    ],
)
def test_bodies_of_a_megabyte_are_refused_before_they_are_read(body: bytes, answers: int) -> None:
    page, _ = client("127.0.0.1")
    headers = {"origin": "http://127.0.0.1:8765"}
    assert page.post("/change", content=body, headers=headers).status_code == answers


def test_bound_wider_the_token_opens_and_stays_in_a_cookie() -> None:
    page, token = client("0.0.0.0", "http://studio:8765")
    assert token is not None and len(token) >= 32
    assert page.get("/").status_code == 403
    assert page.get("/", params={"token": token + "x"}).status_code == 403
    opened = page.get("/", params={"token": token, "frame": "3"}, follow_redirects=False)
    assert opened.status_code == 303
    assert opened.headers["location"] == "/?frame=3"
    assert "HttpOnly" in opened.headers["set-cookie"]
    assert page.get("/").text == '"read"'
    assert page.post("/change").status_code == 403
    assert page.post("/change", headers={"origin": "http://studio:8765"}).status_code == 200
    assert client("0.0.0.0")[1] != token


def test_the_way_to_the_cookie_leads_to_no_other_host() -> None:
    page, token = client("0.0.0.0")
    away = page.get(
        "http://127.0.0.1:8765//evil.example/", params={"token": token}, follow_redirects=False
    )
    assert away.headers["location"] == "/evil.example/"


def test_a_websocket_is_a_change() -> None:
    from starlette.websockets import WebSocketDisconnect

    page, _ = client("127.0.0.1")
    own = {"host": "127.0.0.1:8765", "origin": "http://127.0.0.1:8765"}
    with page.websocket_connect("/talk", headers=own) as socket:
        assert socket.receive_text() == "hello"
    with (
        pytest.raises(WebSocketDisconnect),
        page.websocket_connect("/talk", headers={**own, "origin": "http://evil.example"}),
    ):
        pass


def test_every_answer_forbids_frames_and_foreign_scripts() -> None:
    page, _ = client("127.0.0.1")
    for answer in (page.get("/"), page.get("/", headers={"host": "evil.example"})):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.7", False),
        ("studio", False),
        ("", False),
    ],
)
def test_loopback(host: str, is_local: bool) -> None:
    assert is_loopback(host) is is_local
    assert (client(host)[1] is None) is is_local


def test_addresses() -> None:
    assert page_url("127.0.0.1", 8765, None) == "http://127.0.0.1:8765/"
    assert page_url("::1", 80, None) == "http://[::1]:80/"
    assert page_url("studio", 80, "a-b_c") == "http://studio:80/?token=a-b_c"
    assert "0.0.0.0" not in page_url("0.0.0.0", 80, "t")


def test_a_taken_port_is_told() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(OptionError, match=f"port {port}: .* --port takes another"):
            bind("127.0.0.1", port)
        with pytest.raises(OptionError, match="--serve takes another"):
            bind("127.0.0.1", port, "--serve")
    with pytest.raises(OptionError, match=r"cannot listen on 203\.0\.113\.9.*machine's address\?$"):
        bind("203.0.113.9", 0)
    with pytest.raises(OptionError, match="not 70000"):
        bind("127.0.0.1", 70000)
