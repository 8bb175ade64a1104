"""`tracks.txt`: where everybody was, as MOTChallenge text."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import AlphaWriteError
from ..frame_record import FrameRecord, TrackedBox
from ..mot_text import mot_line
from ..people.identities import Cast

FILE_NAME = "tracks.txt"


class TracksFile:
    """A file that grows line by line and bears its name only when it is whole.

    Lines are `mot_text.mot_line`'s; frames and ids count from 1.

    Args:
        path: Final name.

    Raises:
        AlphaWriteError: Here and in each method: the disk is full or not writable.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.partial")
        try:
            self._file = self._temporary.open("w", encoding="utf-8")
        except OSError as error:
            raise self._failure(error) from error

    def write(self, index: int, identity: int, track: TrackedBox) -> None:
        """Append where a person was in the frame `index`, from 0."""
        try:
            self._file.write(mot_line(index + 1, identity, track.box.tolist(), track.score))
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Give the file its name."""
        try:
            self._file.close()
            self._temporary.replace(self._path)
        except OSError as error:
            raise self._failure(error) from error

    def abort(self) -> None:
        """Remove what was written; does nothing to a file that has its name."""
        with contextlib.suppress(OSError):  # what is still buffered may not fit on the disk either
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> AlphaWriteError:
        self.abort()
        return AlphaWriteError(f"{self._path} cannot be written: {error.strerror}")


def write_tracks(path: Path, records: Iterable[FrameRecord], cast: Cast) -> None:
    """Write where everybody was, a line for each person and frame.

    Somebody merged from two who were seen at once has one box around both, with the better score.

    Args:
        path: Final name; the file is whole or absent.
        records: All frames of the clip, in order.
        cast: Who is who.
    """
    identity_of = {t: i.track_id for i in cast.identities for t in i.tracklet_ids}
    file = TracksFile(path)
    try:
        for record in records:
            people: dict[int, TrackedBox] = {}
            for track in record.tracks:
                part = cast.counting_part(track.track_id, record.index)
                if part in identity_of:
                    number = identity_of[part]
                    people[number] = _together(people[number], track) if number in people else track
            for number, track in people.items():
                file.write(record.index, number, track)
        file.close()
    finally:
        file.abort()


def _together(a: TrackedBox, b: TrackedBox) -> TrackedBox:
    box = np.concatenate([np.minimum(a.box[:2], b.box[:2]), np.maximum(a.box[2:], b.box[2:])])
    return replace(a, box=box, score=max(a.score, b.score))
