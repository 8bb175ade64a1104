"""What one run has found in a clip; another run of the clip is told from it."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from pathlib import Path

from ..alpha_store import FOLDER_NAME, JOURNAL_FILE, AlphaStore
from ..errors import AlphaStoreError
from ..manifest import StitchRecord
from ..people.identities import Cast, known_cast


class Analysed:
    """What one run has found in a clip, read when it is asked for.

    Args:
        folder: The clip's output folder.
        stitching: Who was joined to whom, by its manifest.
    """

    def __init__(self, folder: Path, stitching: StitchRecord | None) -> None:
        self.stitching = stitching
        self._folder = folder
        self.version = self.version_now()
        """Of the alphas."""

    def version_now(self) -> tuple[int, int, int] | None:
        """Return what tells the alphas that are there now from those of another run."""
        try:
            status = (self._folder / FOLDER_NAME / JOURNAL_FILE).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    @cached_property
    def found(self) -> Cast:
        """Everybody before any correction.

        Raises:
            AlphaStoreError: The alphas are gone or damaged, or are of another run.
        """
        if self.stitching is None:
            raise AlphaStoreError(
                f"{self._folder}: its manifest does not say who was found (an online run, or an "
                "older version): run the clip again, where there are alphas with --resume"
            )
        try:
            who = self.stitching
            return known_cast(self.store.records(), who.people, who.others, who.names)
        except KeyError as error:
            raise AlphaStoreError(
                f"{self._folder}: manifest and alphas are of different runs: "
                "run the clip again with --resume"
            ) from error

    @cached_property
    def store(self) -> AlphaStore:
        """The clip's alphas."""
        return AlphaStore.open(self._folder / FOLDER_NAME)

    @cached_property
    def times(self) -> tuple[Fraction, ...]:
        """When each frame is shown, in seconds."""
        return tuple(record.time for record in self.store.records())
