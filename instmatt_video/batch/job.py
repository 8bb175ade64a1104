"""What is to be done with one clip of a batch, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from ..config import MatteConfig
from ..errors import InstMattVideoError, OptionError
from ..manifest import Manifest
from ..progress import Progress

State = Literal["waiting", "running", "done", "skipped", "failed", "stopped"]
"""`skipped` was done and verified before; `stopped` was begun and goes on in the next run."""


@dataclass(frozen=True)
class ClipJob:
    """One clip, where its output goes, and how it is matted."""

    clip: str
    """A video file, a folder of frames or a pattern; absolute, for workers stand elsewhere."""
    folder: Path
    """Gets the clip's output; absolute."""
    config: MatteConfig


@dataclass(frozen=True)
class Outcome:
    """What came of a clip."""

    state: State
    frames: int = 0
    people: int = 0
    wall_s: float = 0.0
    error: str | None = None
    exit_status: int = 0
    """What the main job would have ended in."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of_manifest(cls, state: State, manifest: Manifest) -> Outcome:
        """Return the outcome of a clip whose output lies there."""
        return cls(
            state,
            manifest.source.frame_count,
            len(manifest.tracks),
            manifest.wall_s,
            warnings=manifest.warnings,
        )

    @classmethod
    def of_error(cls, error: BaseException) -> Outcome:
        """Return the outcome of a clip that an error ended."""
        if isinstance(error, KeyboardInterrupt):
            return cls("stopped")
        if isinstance(error, InstMattVideoError):
            return cls("failed", error=str(error), exit_status=error.exit_status)
        if isinstance(error, (ValueError, TypeError)):
            return cls("failed", error=str(error), exit_status=OptionError.exit_status)
        return cls("failed", error=f"{type(error).__name__}: {error}", exit_status=1)


class Listener(Protocol):
    """Is told how the clips of a batch get on; clips are named by their position in it."""

    def started(self, index: int) -> None:
        """Take note that a clip is being worked on."""
        ...

    def progressed(self, index: int, progress: Progress) -> None:
        """Take note of where a clip stands."""
        ...

    def finished(self, index: int, outcome: Outcome) -> None:
        """Take note of what came of a clip."""
        ...


class Engine(Protocol):
    """Works through clips, several at once."""

    def run(self, jobs: Sequence[ClipJob], listener: Listener) -> None:
        """Work through all clips and tell the listener of each; one that fails stops no other.

        Raises:
            KeyboardInterrupt: Ctrl-C; no worker is left, and what was finished is kept.
        """
        ...
