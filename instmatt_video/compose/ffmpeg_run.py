"""One run of the `ffmpeg` program: its arguments, its progress, its last words."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence

from ..errors import AlphaWriteError, OptionError

_EMPTY_WORDS = (
    "Conversion failed",
    "Error while processing the decoded data",
    "Error while filtering",
    "Error reinitializing filters",
    "Failed to inject frame",
)


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
    """
    command = [*command, "-nostdin", "-hide_banner", "-loglevel", "error", "-nostats"]
    command += ["-progress", "pipe:1"]
    # A file takes what ffmpeg says, however much; a pipe that nobody reads would stop it.
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=words)
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
        if status:
            words.seek(0)
            last = last_words(words.read().decode("utf-8", "replace"))
            raise AlphaWriteError(f"ffmpeg failed with status {status}: {last}")


def last_words(text: str) -> str:
    """Return the last line that says what went wrong, of what ffmpeg wrote on stderr.

    The lines after it often say only that something did.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(_EMPTY_WORDS)]
    return (telling or lines or ["it said nothing"])[-1]
