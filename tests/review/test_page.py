"""The review page's answers, without a browser."""

from __future__ import annotations

import errno
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from instmatt_video.cli import main
from instmatt_video.correction import Merge
from instmatt_video.manifest import load_manifest
from instmatt_video.review import session
from instmatt_video.review.session import Review
from instmatt_video.web import server

pytest.importorskip("fastapi", reason="the extra web is not installed")
pytest.importorskip("httpx", reason="httpx is not installed")

ORIGIN = {"origin": "http://127.0.0.1:8765"}


@pytest.fixture
def page(folder: Path) -> Any:
    from fastapi.testclient import TestClient

    from instmatt_video.review.page import create_app
    from instmatt_video.web.guard import guard

    app = create_app(Review(folder))
    assert guard(app, "127.0.0.1", 8765) is None
    return TestClient(app, base_url="http://127.0.0.1:8765")


def wait_until_rendered(page: Any) -> dict[str, Any]:
    for _ in range(600):
        state: dict[str, Any] = page.get("/api/state").json()
        if not state["render"]["is_running"]:
            return state
        time.sleep(0.1)
    raise AssertionError("the rendering does not end")


def test_state(page: Any) -> None:
    state = page.get("/api/state").json()
    assert [person["spans"] for person in state["people"]] == [[[1, 40]], [[7, 20]], [[25, 40]]]
    assert (state["people"][0]["color"], state["people"][0]["ink"]) == ("#56b4e9", "#000000")
    assert (state["frame_rate"], state["frame_count"], state["first_frame"]) == ("25", 40, 1)
    assert state["is_rendered"] and state["frame_times_s"] is None


def test_where_the_rate_varies_the_page_knows_every_time(page: Any, folder: Path) -> None:
    manifest = load_manifest(folder)
    source = manifest.source.model_copy(update={"is_variable_rate": True})
    manifest.model_copy(update={"source": source}).save(folder)
    times = page.get("/api/state").json()["frame_times_s"]
    assert times == [index / 25 for index in range(40)]


def test_where_the_alphas_are_gone_people_are_shown_without_times(page: Any, folder: Path) -> None:
    manifest = load_manifest(folder)
    source = manifest.source.model_copy(update={"is_variable_rate": True})
    manifest.model_copy(update={"source": source}).save(folder)
    shutil.rmtree(folder / "alphas")
    state = page.get("/api/state").json()
    assert [person["id"] for person in state["people"]] == [1, 2, 3]
    assert state["frame_times_s"] is None
    drop = page.post("/api/corrections", json={"kind": "drop", "track": 1}, headers=ORIGIN)
    assert drop.status_code == 409 and "--clean removes it" in drop.text


def test_a_clip_that_was_moved_is_rendered_from_its_new_place(
    folder: Path, matted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastapi.testclient import TestClient

    manifest = load_manifest(folder)
    source = manifest.source.model_copy(update={"absolute_path": "/nowhere.mp4"})
    manifest.model_copy(update={"source": source}).save(folder)

    def render(app: Any, *_: object) -> None:
        page = TestClient(app, base_url="http://127.0.0.1:8765")
        page.post("/api/corrections", json={"kind": "drop", "track": 2}, headers=ORIGIN)
        page.post("/api/render", json={}, headers=ORIGIN)
        assert wait_until_rendered(page)["render"]["error"] is None

    monkeypatch.setattr(server, "serve", render)
    clip = str(matted / "walk.mp4")
    assert main(["review", str(folder), "--source", clip, "--port", "0", "--no-browser"]) == 0
    assert [track.id for track in load_manifest(folder).tracks] == [1, 3]


def test_a_correction_and_its_undoing(page: Any, folder: Path) -> None:
    merge = {"kind": "merge", "track": 1, "other": 2}
    state = page.post("/api/corrections", json=merge, headers=ORIGIN).json()
    assert [person["id"] for person in state["people"]] == [1, 3]
    assert load_manifest(folder).corrections == (Merge(track=1, other=2),)
    assert state["history"] == ["merge 2 into 1"] and not state["is_rendered"]
    state = page.post("/api/undo", headers=ORIGIN).json()
    assert [person["id"] for person in state["people"]] == [1, 2, 3]
    assert load_manifest(folder).corrections == () and state["is_rendered"]


@pytest.mark.parametrize(
    ("correction", "status", "words"),
    [
        ({"kind": "drop", "track": 9}, 409, "there is no person 9"),
        ({"kind": "split", "track": 1, "frame": 99}, 409, "outside the clip"),
        ({"kind": "rename", "track": 1, "name": ""}, 422, "at least 1 character"),
        ({"kind": "explode"}, 422, "does not match any of the expected tags"),
    ],
)
def test_what_cannot_be_is_told(
    page: Any, folder: Path, correction: dict[str, Any], status: int, words: str
) -> None:
    answer = page.post("/api/corrections", json=correction, headers=ORIGIN)
    assert answer.status_code == status and words in answer.text
    assert load_manifest(folder).corrections == ()


@pytest.mark.parametrize(
    "body",
    [
        '{"kind": "split", "track": 1, "frame": NaN}',
        '{"kind": "split", "track": 1e400, "frame": 2}',
        '{"kind": "rename", "track": 1, "name": "\\ud800"}',
        '{"kind": "\\ud800"}',
        '{"kind": "drop", "track": 1, "\\ud800": 1}',
        "NaN",
    ],
)
def test_what_no_json_could_repeat(page: Any, folder: Path, body: str) -> None:
    headers = ORIGIN | {"content-type": "application/json"}
    answer = page.post("/api/corrections", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("body")
    assert load_manifest(folder).corrections == ()


def test_rendering_tells_what_it_did(page: Any, folder: Path) -> None:
    page.post("/api/corrections", json={"kind": "drop", "track": 2}, headers=ORIGIN)
    old_preview = page.get("/api/state").json()["preview"]
    started = page.post("/api/render", json={}, headers=ORIGIN)
    assert started.status_code == 200
    state = wait_until_rendered(page)
    assert state["render"]["error"] is None
    assert state["render"]["changes"] == [
        "written: preview.mp4",
        "removed: person_02_02.mkv",
    ]
    assert state["is_rendered"] and state["preview"] != old_preview
    assert not (folder / "person_02_02.mkv").exists()
    page.post("/api/corrections", json={"kind": "drop", "track": 1}, headers=ORIGIN)
    state = page.post("/api/undo", headers=ORIGIN).json()
    assert state["is_rendered"] and state["render"]["changes"] == []


def test_a_rendering_that_fails_says_why(page: Any, folder: Path) -> None:
    manifest = load_manifest(folder)
    source = manifest.source.model_copy(update={"absolute_path": "/nowhere.mp4"})
    manifest.model_copy(update={"source": source}).save(folder)
    page.post("/api/corrections", json={"kind": "drop", "track": 2}, headers=ORIGIN)
    page.post("/api/render", json={}, headers=ORIGIN)
    state = wait_until_rendered(page)
    assert "not there any more" in state["render"]["error"]


def test_a_rendering_that_nobody_foresaw_to_fail_says_so(
    page: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "walk.mp4")

    monkeypatch.setattr(session, "reopen_source", fail)
    page.post("/api/corrections", json={"kind": "drop", "track": 2}, headers=ORIGIN)
    page.post("/api/render", json={}, headers=ORIGIN)
    state = wait_until_rendered(page)
    assert "Input/output error: 'walk.mp4'" in state["render"]["error"]
    assert not state["is_rendered"]


def test_no_correction_during_a_rendering(folder: Path) -> None:
    from instmatt_video.errors import OptionError
    from instmatt_video.review.page import RenderState, ReviewPage

    page = ReviewPage(Review(folder))
    page.render_state = RenderState(is_running=True)
    with pytest.raises(OptionError, match="wait until that is done"):
        page.correct(Merge(track=1, other=2))
    with pytest.raises(OptionError, match="wait until that is done"):
        page.undo()


def test_parts_of_the_preview(page: Any, folder: Path) -> None:
    content = (folder / "preview.mp4").read_bytes()
    answer = page.get("/preview.mp4", headers={"range": "bytes=100-199"})
    assert answer.status_code == 206 and answer.content == content[100:200]
    assert answer.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert page.get("/preview.mp4").content == content


def test_nothing_else_is_served(page: Any, folder: Path, tmp_path: Path) -> None:
    for address in ("/manifest.json", "/person_01_01.mkv", "/../walk/manifest.json"):
        assert page.get(address).status_code == 404
    assert page.get("/%2e%2e/%2e%2e/etc/passwd").status_code == 404
    secret = tmp_path / "secret.mp4"
    secret.write_text("secret")
    (folder / "preview.mp4").unlink()
    (folder / "preview.mp4").symlink_to(secret)
    assert page.get("/preview.mp4").status_code == 404


def test_another_site_can_neither_read_nor_change(page: Any, folder: Path) -> None:
    drop = {"kind": "drop", "track": 1}
    for headers in ({}, {"origin": "http://evil.example"}):
        assert page.post("/api/corrections", json=drop, headers=headers).status_code == 403
    assert page.get("/api/state", headers={"host": "evil.example"}).status_code == 403
    assert load_manifest(folder).corrections == ()


def test_the_page_asks_for_nothing_from_elsewhere(page: Any) -> None:
    for address in ("/", "/page.js", "/page.css", "/style.css"):
        text = page.get(address).text
        assert "https://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert " style=" not in text and "<script>" not in text


def test_a_folder_of_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", str(tmp_path), "--no-browser"]) == 3
    assert "it is no output of this program" in capsys.readouterr().err


def bind_nothing(host: str, port: int) -> None:
    raise AssertionError("the page was opened")


def test_a_live_recording_is_not_opened(
    recording: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "bind", bind_nothing)
    assert main(["review", str(recording), "--no-browser"]) == 3
    assert "walk was recorded live: nothing can be corrected" in capsys.readouterr().err


def test_a_clip_that_is_not_where_it_is_said_to_be(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "bind", bind_nothing)
    nowhere = tmp_path / "nowhere.mp4"
    assert main(["review", str(folder), "--no-browser", "--source", str(nowhere)]) == 3
    said = f"instmatt-video: error: {nowhere}: no such file or folder\n"
    assert capsys.readouterr().err == said
