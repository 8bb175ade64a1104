"""One run of the `ffmpeg` program: its arguments, its progress, its last words."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

from ..errors import AlphaWriteError, OptionError, full_disk_error

_EMPTY_WORDS = (
    "Conversion failed",
    "Error while processing the decoded data",
    "Error while filtering",
    "Error reinitializing filters",
    "Failed to inject frame",
)
_PR_SET_PDEATHSIG = 1


def require_ffmpeg() -> str:
    """Return the path of the `ffmpeg` program.

    Raises:
        OptionError: There is none.
    """
    path = shutil.which("ffmpeg")
    if path is None:
        raise OptionError(
            "compose needs the ffmpeg program (5.1 or later), and there is none on the PATH: "
            "install it, e.g. `apt-get install ffmpeg` or `brew install ffmpeg`"
        )
    return path


def run_ffmpeg(command: Sequence[str], report_frame: Callable[[int], None]) -> None:
    """Run ffmpeg to its end; it is stopped when this is left by an exception.

    Args:
        command: Program and arguments; no shell sees them.
        report_frame: Told how many frames are done.

    Raises:
        AlphaWriteError: It failed; the message is the last line that it wrote.
        OSError: The disk is full, which ffmpeg may say and yet end well.
    """
    command = [*command, "-nostdin", "-hide_banner", "-loglevel", "error", "-nostats"]
    command += ["-progress", "pipe:1"]
    # A file takes what ffmpeg says, however much; a pipe that nobody reads would stop it.
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=words, preexec_fn=_mortal_with_us()
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                key, _, value = line.decode("utf-8", "replace").strip().partition("=")
                if key == "frame" and value.isdigit():
                    report_frame(int(value))
            status = process.wait()
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=5)
                process.kill()
        words.seek(0)
        text = words.read().decode("utf-8", "replace")
    full_disk = full_disk_error(text)
    if full_disk is not None:
        raise full_disk
    if status:
        raise AlphaWriteError(f"ffmpeg failed with status {status}: {last_words(text)}")


def _mortal_with_us() -> Callable[[], object] | None:
    """Return what a child does first so that it is stopped when this process is killed (Linux)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def last_words(text: str) -> str:
    """Return the last line that says what went wrong, of what ffmpeg wrote on stderr.

    The lines after it often say only that something did.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(_EMPTY_WORDS)]
    return (telling or lines or ["it said nothing"])[-1]
