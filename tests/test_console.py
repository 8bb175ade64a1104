"""What is shown on stderr, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from instmatt_video.console import make_console, set_up_logging
from instmatt_video.media import open_source


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
