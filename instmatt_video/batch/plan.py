"""From clips that were asked for to jobs: options, output folders, shards.

Knows settings and names; opens no clip.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ..errors import OptionError
from ..media.file_name import name_key
from ..media.formats import check_format
from ..media.source import clip_name
from ..settings import resolve_config
from .inputs import RequestedClip
from .job import ClipJob

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """One part of a batch that several machines share."""

    number: int = 1
    """From 1."""
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            most = max(1, self.count)
            raise ValueError(f"shard must be 1/{most} to {most}/{most}, not {self}")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def part_of(self, items: Sequence[T]) -> list[T]:
        """Return this shard's items: every `count`-th, so that each is in exactly one shard."""
        return list(items[self.number - 1 :: self.count])


def parse_shard(text: str) -> Shard:
    """Return the shard of `i/n`, i from 1.

    Raises:
        ValueError: It is no shard.
    """
    if not re.fullmatch(r"\d+/\d+", text):
        raise ValueError(f"{text!r} is no shard as 2/8")
    return Shard(*(int(part) for part in text.split("/")))


def plan_jobs(
    clips: Sequence[RequestedClip],
    out_dir: Path,
    flags: Mapping[str, Any],
    config_file: Path | None = None,
    *,
    is_by_folder: bool = False,
) -> list[ClipJob]:
    """Return what is to be done, checked before any work starts.

    A clip that was begun before goes on, unless it is to be overwritten or runs online.

    Args:
        clips: In the order of the work.
        out_dir: Gets a folder for each clip; an `out_dir` of a clip's own counts from there.
        flags: The command line's options, by setting; `None` is not given.
        config_file: Settings for all clips.
        is_by_folder: Put each clip's output into a folder named like the one the clip lies in.

    Raises:
        OptionError: A setting cannot be, or two clips would share one output folder.
    """
    jobs: list[ClipJob] = []
    taken: dict[str, str] = {}
    for request in clips:
        options = dict(request.options)
        home = out_dir.absolute() / options.pop("out_dir", "")
        if is_by_folder:
            home = home / Path(request.clip).parent.name
        folder = home / clip_name(request.clip)
        other = taken.setdefault(name_key(str(folder)), request.clip)
        if other != request.clip:
            is_beside = Path(other).parent == Path(request.clip).parent
            advice = "" if is_by_folder or is_beside else "--by-folder, or "
            raise OptionError(
                f"{other} and {request.clip} would both be written to {folder}: use {advice}a list "
                "with a column `out-dir`"
            )
        jobs.append(ClipJob(request.clip, folder, _config(request, options, flags, config_file)))
    return jobs


def _config(
    request: RequestedClip,
    options: Mapping[str, Any],
    flags: Mapping[str, Any],
    config_file: Path | None,
) -> Any:
    try:
        config = resolve_config({**flags, **options}, config_file)
        check_format(config.output.format, quality=config.output.quality)
    except OptionError as error:
        if not request.place:
            raise
        raise OptionError(f"{request.place}: {error}") from error
    is_resumed = not (config.run.is_overwriting or config.run.is_online)
    return replace(config, run=replace(config.run, is_resumed=is_resumed))
