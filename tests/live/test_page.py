"""The page: what it answers to requests, and what a real browser makes of it."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from instmatt_video.errors import OptionError
from instmatt_video.live.address import parse_address
from instmatt_video.live.backgrounds import Backgrounds
from instmatt_video.live.capture import Capture
from instmatt_video.live.live_matter import LiveMatter
from instmatt_video.live.meter import Figures
from instmatt_video.live.page import LivePage
from instmatt_video.live.session import LiveSession
from instmatt_video.live.view_choice import ViewChoice, ViewControl
from instmatt_video.live.work_level import PaceKeeper, work_levels
from instmatt_video.people.finder import PeopleFinder
from tests.live.made_live import live_frame, made_networks, person, write_standing_clip

HOST = "127.0.0.1"
PATIENCE_MS = 300_000


@pytest.fixture
def page() -> Iterator[LivePage]:
    backgrounds = Backgrounds([], 64, 48)
    made = LivePage(ViewControl(ViewChoice(), backgrounds.names), backgrounds, HOST, 0)
    yield made
    made.close()


@pytest.fixture
def client(page: LivePage) -> Iterator[httpx.Client]:
    origin = {"origin": page.url.rstrip("/")}
    with httpx.Client(base_url=page.url, headers=origin, timeout=60) as made:
        yield made


def show(page: LivePage, level: int) -> None:
    image = np.full((48, 64, 3), level, np.uint8)
    people = [person(2, 4, 4, np.ones((8, 8))), person(5, 40, 4, np.ones((8, 8)))]
    page.show(image, live_frame(image, people), Figures(fps=11.0, people=2))


def test_the_page_and_its_files(client: httpx.Client) -> None:
    for path, kind in (("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "css")):
        answer = client.get(path)
        assert answer.status_code == 200
        assert kind in answer.headers["content-type"]
        assert answer.headers["cache-control"] == "no-cache"  # the next version has its own
    assert client.get("/page.py").status_code == 404
    assert client.get("/docs").status_code == 404


def test_no_icon_is_asked_for(client: httpx.Client) -> None:
    assert '<link rel="icon" href="data:,">' in client.get("/").text


def test_the_state_says_who_is_there(page: LivePage, client: httpx.Client) -> None:
    assert client.get("/state").json()["people"] == []
    show(page, 10)
    state = client.get("/state").json()
    assert [p["number"] for p in state["people"]] == [2, 5]
    assert state["figures"]["fps"] == 11.0
    assert state["view"] == "tinted"


def test_changes(page: LivePage, client: httpx.Client) -> None:
    show(page, 10)
    assert client.post("/state", json={"solo": 5}).json()["people"][1]["is_solo"]
    state = client.post("/state", json={"view": "mattes", "hide": 2}).json()
    assert state["view"] == "mattes"
    state = client.post("/state", json={"hide": 4}).json()
    # Who is hidden can be shown again, also while away; what was not named stays.
    assert [(p["number"], p["is_hidden"]) for p in state["people"]] == [
        (2, True),
        (4, True),
        (5, False),
    ]
    state = client.post("/state", json={"show": 4}).json()
    assert [(p["number"], p["is_hidden"]) for p in state["people"]] == [(2, True), (5, False)]
    assert client.post("/state", json={"solo": None}).json()["people"][1]["is_solo"] is False
    assert client.post("/state", json={"background": "#112233"}).json()["background"] == "#112233"
    state = client.post("/state", json={"everybody": True}).json()
    assert not any(p["is_hidden"] or p["is_solo"] for p in state["people"])


def test_who_is_hidden_while_alone_is_so_no_more(page: LivePage, client: httpx.Client) -> None:
    show(page, 10)
    client.post("/state", json={"solo": 5})
    state = client.post("/state", json={"hide": 5}).json()
    assert [(p["is_hidden"], p["is_solo"]) for p in state["people"]] == [
        (False, False),
        (True, False),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"view": "x-ray"},
        {"background": "/etc/hostname"},
        {"solo": 0},
        {"solo": "two"},
        {"solo": 6},
        {"hide": "a"},
        {"hide": -1},
        {"hide": [2]},
        {"hide": 6},
        {"show": 10**6},
        {"everybody": "all"},
        {"power": True},
    ],
)
def test_changes_that_cannot_be(
    page: LivePage, client: httpx.Client, change: dict[str, object]
) -> None:
    show(page, 10)
    before = page.state()
    answer = client.post("/state", json=change)
    assert answer.status_code in (400, 422) and list(answer.json()) == ["error"]
    assert client.get("/state").json() == json.loads(json.dumps(before))


@pytest.mark.parametrize("value", ["NaN", "[1e400]", "[NaN]", '"\\ud800"', "[" * 9000])
def test_what_no_json_could_repeat(page: LivePage, client: httpx.Client, value: str) -> None:
    body = f'{{"hide": {value}}}'
    answer = client.post("/state", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422) and list(answer.json()) == ["error"]
    assert "Internal" not in answer.text
    assert client.get("/state").json()["people"] == []


def test_a_foreign_page_changes_nothing(page: LivePage, client: httpx.Client) -> None:
    answer = client.post("/state", json={"solo": 1}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert client.get("/state", headers={"host": "evil.example"}).status_code == 403


def test_the_stream_gives_the_newest_pictures_as_jpegs(
    page: LivePage, client: httpx.Client
) -> None:
    import cv2

    show(page, 40)
    levels = []
    with client.stream("GET", "/stream.mjpg") as answer:
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace")
        buffer = b""
        for chunk in answer.iter_raw():
            buffer += chunk
            start, stop = buffer.find(b"\xff\xd8"), buffer.find(b"\xff\xd9\r\n--frame")
            if start >= 0 and stop >= 0:
                jpeg = np.frombuffer(buffer[start : stop + 2], np.uint8)
                levels.append(int(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[20, 20, 0]))
                buffer = buffer[stop + 2 :]
                if levels[-1] > 100:
                    break
                show(page, 200)
    # A picture that stands still is sent again, so the first may have come more than once.
    assert levels == pytest.approx([*[40] * (len(levels) - 1), 200], abs=3)


def test_a_taken_port_is_told(page: LivePage) -> None:
    port = int(page.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(OptionError, match=str(port)):
        LivePage(ViewControl(ViewChoice()), Backgrounds([], 8, 8), HOST, port)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("8123", (HOST, 8123)),
        ("0.0.0.0:80", ("0.0.0.0", 80)),
        ("[::1]:9", ("::1", 9)),
        ("studio.local:0", ("studio.local", 0)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "http://x:1", "1:2:3", "70000", "host", "a b:1", "[::1]"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(OptionError, match="PORT"):
        parse_address(text)


@pytest.fixture(scope="module")
def live_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve two standing people under a lamp until the test is over."""
    clip = write_standing_clip(tmp_path_factory.mktemp("live") / "two.mp4")
    capture = Capture(str(clip), is_looped=True)
    backgrounds = Backgrounds([], capture.info.width, capture.info.height)
    control = ViewControl(ViewChoice(), backgrounds.names)
    page = LivePage(control, backgrounds, HOST, 0)
    networks, pace = made_networks(), PaceKeeper(work_levels(), 0.1)
    matter = LiveMatter(PeopleFinder(networks.detector), networks.matter, pace)
    session = LiveSession(capture, matter, control, backgrounds, [page, until := Until()])
    runner = threading.Thread(target=session.run)
    runner.start()
    yield page.url
    until.is_over = True
    runner.join()
    page.close()


class Until:
    """An output that shows nothing and ends the run when it is told to."""

    is_over = False

    def show(self, *_: object) -> None:
        pass

    def is_open(self) -> bool:
        return not self.is_over

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def browser_page(live_url: str) -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(live_url, wait_until="domcontentloaded")  # "load" waits for the endless stream
        yield page
        browser.close()


def picture_of(page: Any) -> np.ndarray:
    """Return what the browser shows of the live picture, `(H, W, 3)` BGR."""
    import cv2

    png = page.locator("#picture").screenshot()
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR))


def until_seen(page: Any, is_right: Callable[[np.ndarray], bool]) -> np.ndarray:
    for _ in range(600):
        shown = picture_of(page)
        if is_right(shown):
            return shown
        page.wait_for_timeout(100)
    raise AssertionError("the picture never became what it should be")


def share(image: np.ndarray, x: float, y: float) -> int:
    """Return the mean level at a place given as shares of width and height."""
    h, w = image.shape[:2]
    return int(image[int(y * h), int(x * w)].astype(int).mean())


FIRST, SECOND = (32 / 160, 48 / 96), (124 / 160, 54 / 96)
"""Middles of the two people, as shares of the frame."""


def until_true(page: Any, expression: str) -> None:
    """Wait for the page; Playwright's own waiting needs `eval`, which the page forbids."""
    for _ in range(600):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"it never became true that {expression}")


@pytest.mark.browser
def test_a_browser_sees_the_picture_move(browser_page: Any) -> None:
    until_true(browser_page, "document.getElementById('picture').naturalWidth === 160")
    before = picture_of(browser_page)
    until_seen(browser_page, lambda shown: bool((shown != before).any()))


@pytest.mark.browser
def test_figures_are_updated(browser_page: Any) -> None:
    until_true(browser_page, "parseFloat(document.getElementById('fps').textContent) > 0")
    first = [browser_page.text_content(name) for name in ("#fps", "#latency")]
    for _ in range(600):
        if [browser_page.text_content(name) for name in ("#fps", "#latency")] != first:
            break
        browser_page.wait_for_timeout(100)
    else:
        raise AssertionError("the figures stand still")
    assert browser_page.text_content("#count") == "2"
    assert "of" in browser_page.text_content("#work")


@pytest.mark.browser
def test_a_lost_answer_does_not_stop_the_page(browser_page: Any, live_url: str) -> None:
    page = browser_page.context.browser.new_page()
    asked: list[str] = []

    def lose_the_first(route: Any) -> None:
        asked.append(route.request.url)
        if len(asked) > 1:
            route.continue_()

    page.route("**/state", lose_the_first)
    page.goto(live_url, wait_until="domcontentloaded")
    until_true(page, "document.getElementById('count').textContent === '2'")
    page.close()
    assert len(asked) > 1


@pytest.mark.browser
def test_the_picture_is_asked_for_again_when_the_program_is_back(
    browser_page: Any, live_url: str
) -> None:
    page = browser_page.context.browser.new_page()
    answers, pictures = iter(["ok", "lost", "refused"]), []

    def answer(route: Any) -> None:
        match next(answers, "ok"):
            case "lost":
                route.abort()
            case "refused":
                route.fulfill(status=403, json={"error": "another token"})
            case _:
                route.continue_()

    page.route("**/state", answer)
    page.on("request", lambda r: pictures.append(r.url) if "stream.mjpg" in r.url else None)
    page.goto(live_url, wait_until="domcontentloaded")
    trouble = "document.getElementById('trouble')"
    until_true(page, f"{trouble}.textContent.includes('was started anew')")
    until_true(page, f"{trouble}.hidden")
    page.wait_for_timeout(100)
    page.close()
    assert len(pictures) == 2


@pytest.mark.browser
def test_a_change_that_was_not_made_is_told(browser_page: Any, live_url: str) -> None:
    page = browser_page.context.browser.new_page()
    fates = iter(["refused", "forbidden", "lost"])
    errors: list[str] = []

    def answer(route: Any) -> None:
        match next(fates, "ok") if route.request.method == "POST" else "ok":
            case "refused":
                route.fulfill(status=400, json={"error": "there has been no such person"})
            case "forbidden":
                route.fulfill(status=403, content_type="text/plain", body="the token is missing")
            case "lost":
                route.abort()
            case _:
                route.continue_()

    page.route("**/state", answer)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(live_url, wait_until="domcontentloaded")
    refusal = "document.getElementById('refusal')"
    for words in (
        "The change was not made: there has been no such person",
        "The change was not made: the token is missing",
        "The program did not answer: the change may not have been made.",
    ):
        page.click("#views [data-key=tinted]")
        until_true(page, f"!{refusal}.hidden && {refusal}.textContent === {words!r}")
    # It stands there until a change is made, however often the page asks how things are.
    with page.expect_response("**/state"):
        pass
    assert page.is_visible("#refusal")
    page.click("#views [data-key=tinted]")
    until_true(page, f"{refusal}.hidden")
    page.close()
    assert not errors


@pytest.mark.browser
def test_solo_leaves_one_person_in_the_picture(browser_page: Any) -> None:
    browser_page.click("#views [data-key=mattes]")
    until_seen(browser_page, lambda m: share(m, *FIRST) > 240 and share(m, *SECOND) > 240)
    browser_page.click("[data-key=solo-2]")
    until_seen(browser_page, lambda m: share(m, *FIRST) < 15 and share(m, *SECOND) > 240)
    browser_page.click("[data-key=solo-2]")
    browser_page.click("[data-key=hide-2]")
    until_seen(browser_page, lambda m: share(m, *FIRST) > 240 and share(m, *SECOND) < 15)
    browser_page.click("#everybody")
    until_seen(browser_page, lambda m: share(m, *FIRST) > 240 and share(m, *SECOND) > 240)


@pytest.mark.browser
def test_two_who_are_hidden_at_once_are_both_hidden(browser_page: Any) -> None:
    browser_page.click("#views [data-key=mattes]")
    until_seen(browser_page, lambda m: share(m, *FIRST) > 240 and share(m, *SECOND) > 240)
    # Both clicks come before any answer, so that the page knows of neither.
    browser_page.evaluate(
        "for (const n of [1, 2]) document.querySelector(`[data-key=hide-${n}]`).click()"
    )
    until_seen(browser_page, lambda m: share(m, *FIRST) < 15 and share(m, *SECOND) < 15)
    until_true(
        browser_page,
        "document.querySelectorAll('[data-key^=hide-][aria-pressed=true]').length === 2",
    )
    browser_page.click("#everybody")
    until_seen(browser_page, lambda m: share(m, *FIRST) > 240 and share(m, *SECOND) > 240)


@pytest.mark.browser
def test_a_background_is_chosen(browser_page: Any) -> None:
    browser_page.click("#views [data-key=source]")
    until_seen(browser_page, lambda shown: share(shown, 0.5, 0.9) > 30)
    browser_page.click("#backgrounds [data-key=black]")
    until_seen(browser_page, lambda shown: share(shown, 0.5, 0.9) < 15)
    # The picture can be there before the answer that presses the button.
    until_true(browser_page, "document.querySelector('[data-key=cutout]').ariaPressed === 'true'")
