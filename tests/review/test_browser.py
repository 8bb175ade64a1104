"""The review page in a real browser."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instmatt_video.correction import Drop, Merge, Split
from instmatt_video.manifest import load_manifest
from instmatt_video.review.session import Review

pytest.importorskip("fastapi", reason="the extra web is not installed")
pytestmark = pytest.mark.browser


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    """Return the address of a page that is served as the command serves it."""
    import uvicorn

    from instmatt_video.review.page import create_app
    from instmatt_video.web.guard import guard, page_url
    from instmatt_video.web.server import bind

    app = create_app(Review(folder))
    with bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        token = guard(app, "127.0.0.1", port)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        yield page_url("127.0.0.1", port, token)
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(address)
    page.wait_for_selector(".person")
    yield page
    page.close()
    # What the server refuses, Chromium reports too.
    assert [line for line in complaints if "409 (Conflict)" not in line] == []


def choose(page: Any, *numbers: int) -> None:
    for number in numbers:
        page.click(f'.person[data-track="{number}"] .who')


def wait_until(page: Any, claim: str) -> None:
    """Wait until a claim is true; the page forbids what Playwright's own waiting would evaluate."""
    for _ in range(300):
        if page.evaluate(claim):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never true: {claim}")


def test_bars_and_a_merge_and_its_undoing(page: Any, folder: Path) -> None:
    spans = page.eval_on_selector_all(
        ".lane rect", "bars => bars.map(b => [b.x.baseVal.value, b.width.baseVal.value])"
    )
    assert spans == [[0, 40], [6, 14], [24, 16]]
    assert page.locator(".who img").count() == 3

    choose(page, 3, 2)
    page.click("text=Merge 2 into 3")
    page.wait_for_selector("#history li")
    assert load_manifest(folder).corrections == (Merge(track=3, other=2),)
    assert page.locator(".person").count() == 2
    assert page.locator('.person[data-track="3"] rect').count() == 2
    assert page.inner_text("#status") == "not rendered yet"

    page.click("#undo")
    page.wait_for_selector('.person[data-track="2"]')
    assert load_manifest(folder).corrections == ()
    assert page.inner_text("#status") == "streams are up to date"


def test_a_split_at_the_playhead_a_name_and_the_rendering(page: Any, folder: Path) -> None:
    # The video shows frames, so the browser plays what the program writes.
    wait_until(page, "document.getElementById('video').readyState >= 2")
    assert page.eval_on_selector("#video", "v => v.videoWidth") == 160
    lane = page.locator('.person[data-track="1"] .lane').bounding_box()
    page.mouse.click(lane["x"] + lane["width"] * 10.5 / 40, lane["y"] + 5)
    wait_until(page, "Math.abs(document.getElementById('video').currentTime - 0.42) < 1e-3")
    page.keyboard.press("ArrowRight")
    assert page.input_value("#frame") == "12"
    choose(page, 1)
    page.keyboard.press("s")
    page.wait_for_selector('.person[data-track="4"]')
    assert load_manifest(folder).corrections == (Split(track=1, frame=12),)

    choose(page, 1, 4)
    page.fill("#name", "Zoë <b>")
    page.press("#name", "Enter")
    page.wait_for_selector("text=Zoë <b>")
    page.click("#render")
    page.wait_for_selector("text=streams are up to date")
    assert (folder / "Zoë _b__04.mkv").exists()
    written = page.inner_text("#changes").splitlines()[0]
    assert written.startswith("written: ") and "Zoë _b__04.mkv" in written
    assert page.locator(".who img").count() == 4
    assert load_manifest(folder).tracks[0].last_frame == 11


def test_after_a_pause_the_playhead_is_at_the_frame_that_is_shown(page: Any, folder: Path) -> None:
    wait_until(page, "document.getElementById('video').readyState >= 2")
    # The video runs on between the last frame that was told and the pause: 0.42 s is in frame 11.
    page.evaluate("video.currentTime = 0.42")
    page.evaluate("void video.dispatchEvent(new Event('pause'))")
    assert page.input_value("#frame") == "11"
    choose(page, 1)
    page.click("text=Split 1 at 11")
    page.wait_for_selector('.person[data-track="4"]')
    assert load_manifest(folder).corrections == (Split(track=1, frame=11),)


def test_whoever_plays_to_the_end_plays_anew(page: Any) -> None:
    wait_until(page, "document.getElementById('video').readyState >= 2")
    page.fill("#frame", "38")
    page.press("#frame", "Enter")
    page.click("#play")
    wait_until(page, "video.ended")
    wait_until(page, "video.paused && document.getElementById('play').textContent === '▶'")
    assert page.evaluate("video.ended")
    assert page.evaluate("frame") == 39


def test_a_frame_is_typed_as_a_number_of_the_clip(page: Any, folder: Path) -> None:
    typed = {"12": "12", "12.5": "12", "": "12", "99": "40", "-3": "1"}
    for text, number in typed.items():
        page.fill("#frame", text)
        page.press("#frame", "Enter")
        assert page.input_value("#frame") == number, text
    page.fill("#frame", "12.5")
    page.press("#frame", "Enter")
    choose(page, 1)
    page.keyboard.press("s")
    page.wait_for_selector('.person[data-track="4"]')
    assert load_manifest(folder).corrections == (Split(track=1, frame=12),)


def test_keys_work_after_a_checkbox_was_ticked(page: Any) -> None:
    page.click("#rest")
    assert page.is_checked("#rest")
    page.keyboard.press("End")
    assert page.input_value("#frame") == "40"
    page.keyboard.press(" ")
    assert not page.is_checked("#rest"), "the space bar is the box's own"


def test_what_cannot_be_is_shown(page: Any) -> None:
    choose(page, 2)
    page.click("text=Split 2 at 1")
    page.wait_for_selector("#message:has-text('both people need some of them')")


def test_what_somebody_else_did_meanwhile_is_shown_first(page: Any, folder: Path) -> None:
    Review(folder).correct(Merge(track=3, other=2))
    choose(page, 1)
    with page.expect_response("**/api/corrections*") as answer:
        page.click("#drop")
    assert answer.value.status == 409
    page.wait_for_selector("#message:has-text('look again')")
    page.wait_for_selector("#history li:has-text('merge 2 into 3')")
    assert load_manifest(folder).corrections == (Merge(track=3, other=2),)
    page.click("#drop")
    page.wait_for_selector("#message", state="hidden")
    assert load_manifest(folder).corrections == (Merge(track=3, other=2), Drop(track=1))
