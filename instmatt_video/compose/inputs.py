"""Inputs of a filter graph: how FFmpeg is told which files to read, and in which order.

Names are taken as names, whatever FFmpeg would read into them: a protocol, an option, a pattern.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from ..errors import OptionError
from ..media.file_url import file_url

Node = Any
"""A stream of ffmpeg-python, which bears no types."""

_LISTED_S = 0.04
"""Seconds of a picture in a list, which must say some: `in_turn` gives them times of their own."""


class InputMaker:
    """Makes the inputs of one graph.

    Args:
        folder: Takes the lists of files that FFmpeg is to read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lists = 0

    def pictures(self, paths: Sequence[Path], rate: Fraction) -> Node:
        """Return pictures as one video, each a frame.

        Args:
            paths: In order.
            rate: Frames per second.

        Raises:
            OptionError: A line ends in a path.
        """
        entries = [
            _entry(path, _LISTED_S, *["pattern_type none"] * _is_like_pattern(path.resolve()))
            for path in paths
        ]
        return in_turn(self._listed(entries, **_words_of_picture(paths[0])), rate)

    def repeated(self, path: Path, duration_s: Fraction, copies: int, decoder: str | None) -> Node:
        """Return a video several times, one after the other.

        Args:
            path: The file.
            duration_s: Its length.
            copies: How often.
            decoder: As `video` takes it.

        Raises:
            OptionError: A line ends in the path.
        """
        entries = [_entry(path, float(duration_s))] * copies
        return self._listed(entries, **_words_of_decoder(decoder))

    def _listed(self, entries: Sequence[str], **words: str) -> Node:
        """Return files one after the other as one video; an `_entry` each."""
        self._lists += 1
        listing = self._folder / f"list_{self._lists}.ffconcat"
        listing.write_text("\n".join(["ffconcat version 1.0", *entries, ""]), encoding="utf-8")
        return ffmpeg.input(str(listing), f="concat", safe=0, **words).video


def video(path: Path, decoder: str | None = None, *, is_endless: bool = False) -> Node:
    """Return a video.

    Args:
        path: The file.
        decoder: FFmpeg's name of it, where the one of its own choice would not do.
        is_endless: From its end FFmpeg goes back to its beginning, which it must be able to find.
    """
    words: dict[str, Any] = {"stream_loop": -1} if is_endless else {}
    return ffmpeg.input(file_url(path), **words, **_words_of_decoder(decoder)).video


def picture(path: Path) -> Node:
    """Return a picture: one frame."""
    words = _words_of_picture(path)
    if _is_like_pattern(path):
        words |= {"f": "image2", "pattern_type": "none"}
    return ffmpeg.input(file_url(path), **words).video


def in_turn(frames: Node, rate: Fraction, gaps: Sequence[tuple[int, int]] = ()) -> Node:
    """Return frames of which the n-th is shown at n / rate, whatever times FFmpeg gives them.

    Args:
        frames: All, in order.
        rate: Frames per second.
        gaps: First and last of those that do not come.
    """
    place, missing = "N", 0
    for first, last in gaps:
        place += f"+{last + 1 - first}*gte(N,{first - missing})"
        missing += last + 1 - first
    return frames.filter("settb", f"1/({rate})").filter("setpts", place)


def without_gaps(paths: Sequence[Path], gaps: Sequence[tuple[int, int]]) -> list[Path]:
    """Return each frame's picture, or that beside it where its own cannot be read."""
    shown = list(paths)
    for first, last in gaps:
        beside = paths[first - 1] if first else paths[last + 1]
        shown[first : last + 1] = [beside] * (last + 1 - first)
    return shown


def _entry(path: Path, duration_s: float, *options: str) -> str:
    """Return what a list says of a file, for FFmpeg's concat demuxer."""
    name = str(path.resolve())
    if re.search(r"[\r\n]", name):  # quoted or not, it would end the line of the list
        raise OptionError(f"{name!r}: a line ends in it, and FFmpeg's lists take none: rename it")
    quoted = name.replace("'", r"'\''")
    told = [f"option {option}" for option in options]
    return "\n".join([f"file 'file:{quoted}'", *told, f"duration {duration_s:.6f}"])


def _words_of_decoder(decoder: str | None) -> dict[str, str]:
    return {} if decoder is None else {"vcodec": decoder}


def _words_of_picture(path: Path) -> dict[str, str]:
    """Return what lets FFmpeg read a picture as `read_plate` does: EXR's linear light as sRGB."""
    return {"apply_trc": "iec61966_2_1"} if path.suffix.lower() == ".exr" else {}


def _is_like_pattern(path: Path) -> bool:
    """Say whether FFmpeg would take a picture's name for one of many, such as `%d.png`."""
    return "%" in str(path)
