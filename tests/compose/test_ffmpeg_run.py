from __future__ import annotations

import errno
import sys

import pytest

from instmatt_video.compose.ffmpeg_run import last_words, run_ffmpeg
from instmatt_video.errors import AlphaWriteError

# Stands for ffmpeg: its own arguments come first, those that every run adds are ignored.
SCRIPT = "import sys; sys.stderr.write({words!r}); print('frame=3'); sys.exit({status})"


def test_the_last_line_that_says_something_is_the_error() -> None:
    told = "out.mp4: No space left on device"
    assert last_words(f"first\n{told}\nConversion failed!\n\n") == told
    assert last_words("Conversion failed!\n") == "Conversion failed!"
    assert last_words("") == "it said nothing"


def test_a_failure_is_one_line_and_progress_is_told() -> None:
    frames: list[int] = []
    script = SCRIPT.format(words="one\ntwo: bad\nlast", status=7)
    script = "import sys; sys.stderr.write('x' * 200_000 + chr(10)); " + script
    with pytest.raises(AlphaWriteError, match=r"^ffmpeg failed with status 7: last$"):
        run_ffmpeg([sys.executable, "-c", script], frames.append)
    assert frames == [3]


@pytest.mark.parametrize("status", [0, 1])
def test_a_full_disk_is_known_whatever_status_it_ends_in(status: int) -> None:
    words = "Error writing trailer of file:out.mp4: No space left on device\nConversion failed!"
    with pytest.raises(OSError, match="No space left on device") as caught:
        run_ffmpeg(
            [sys.executable, "-c", SCRIPT.format(words=words, status=status)], lambda _: None
        )
    assert caught.value.errno == errno.ENOSPC


def test_leaving_by_an_exception_stops_the_program() -> None:
    script = "import time; print('frame=1', flush=True); time.sleep(600)"

    def give_up(frame: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ffmpeg([sys.executable, "-c", script], give_up)
