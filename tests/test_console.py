"""What is shown on stderr, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from instmatt_video.console import ProgressView, make_console, set_up_logging
from instmatt_video.media.source import open_source
from instmatt_video.progress import Progress


@pytest.fixture
def opencv_level() -> Iterator[None]:
    level = cv2.utils.logging.getLogLevel()
    yield
    cv2.utils.logging.setLogLevel(level)


@pytest.mark.usefixtures("opencv_level")
@pytest.mark.parametrize("is_verbose", [False, True])
def test_a_torn_tiff_is_told_in_our_words_alone_unless_verbose(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], is_verbose: bool
) -> None:
    for name in ("1.tif", "2.tif"):
        cv2.imwrite(str(tmp_path / name), np.zeros((40, 60, 3), np.uint16))
    torn = tmp_path / "2.tif"
    torn.write_bytes(torn.read_bytes()[:60])
    set_up_logging(make_console(), is_verbose, is_quiet=False)
    assert len(list(open_source(tmp_path, frame_rate=24))) == 2
    printed = capfd.readouterr().err
    assert f"{torn}: cannot be decoded" in printed.replace("\n", "")
    assert ("TIFF_Error" in printed) == is_verbose


class TestProgress:
    def test_plain_lines_now_and_then_and_at_the_end(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [0.0]
        monkeypatch.setattr("instmatt_video.console.time.monotonic", lambda: now[0])
        with ProgressView(make_console(), is_quiet=False) as view:
            for done in range(1, 31):
                view.show(Progress("analyse", done, 30, 2))
                now[0] += 1.0
        lines = capsys.readouterr().err.splitlines()
        assert lines == [
            "analyse 1/30 2 tracks",
            "analyse 11/30 1.00 fps 2 tracks",
            "analyse 21/30 1.00 fps 2 tracks",
            "analyse 30/30 1.00 fps 2 tracks",
        ]

    def test_the_rate_of_a_run_that_goes_on(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [0.0]
        monkeypatch.setattr("instmatt_video.console.time.monotonic", lambda: now[0])
        with ProgressView(make_console(), is_quiet=False) as view:
            for done in range(9001, 9004):
                view.show(Progress("analyse", done, 9003, 2))
                now[0] += 1.0
        lines = capsys.readouterr().err.splitlines()
        assert lines == ["analyse 9001/9003 2 tracks", "analyse 9003/9003 1.00 fps 2 tracks"]

    def test_an_unknown_length(self, capsys: pytest.CaptureFixture[str]) -> None:
        with ProgressView(make_console(), is_quiet=False) as view:
            view.show(Progress("render", 1, None, 1))
        assert capsys.readouterr().err == "render 1/? 1 streams\n"

    def test_quiet(self, capsys: pytest.CaptureFixture[str]) -> None:
        with ProgressView(make_console(), is_quiet=True) as view:
            view.show(Progress("render", 1, 1, 1))
        assert capsys.readouterr().err == ""
