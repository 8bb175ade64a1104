"""What was matted live, as the main job's streams: one verified file a person, and the manifest.

Knows the pipeline's objects for an online run; knows nothing of what is shown.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from ..clip_folder import check_folder, make_room
from ..config import MatteConfig
from ..errors import AlphaWriteError
from ..folder_lock import rendering_alone
from ..manifest import Manifest
from ..media.frame import ClipInfo, Frame
from ..media.frame_source import FrameSource
from ..networks import Networks
from ..people.finder import FoundPeople
from ..people.waiting_frames import MAX_WAITING_FRAMES
from ..rendering.online_streams import OnlineStreams
from ..rendering.publication import describe_run, publish
from ..rendering.stream_plans import check_output
from ..rendering.tracks_file import FILE_NAME as TRACKS_FILE
from ..stages import QUEUE_LENGTH, StageClock

_log = logging.getLogger(__name__)

_RESERVE_FRAMES = MAX_WAITING_FRAMES + QUEUE_LENGTH
"""That may still be on their way to the files when the last one comes."""
_BYTES_PER_PIXEL = 4
"""At most, of all streams of a frame together: people hardly overlap, and what is black costs
nothing."""


def check_recording(out_dir: Path, info: ClipInfo, spec: str, config: MatteConfig) -> Path:
    """Return the folder of a recording that may be made; the arguments are `Recording`'s.

    Raises:
        OptionError: An earlier recording or the source is there, or the format cannot be.
        AlphaWriteError: The folder may not be looked into.
    """
    folder = out_dir / info.name
    check_folder(folder, spec, config)
    check_output(config.output, info)
    return folder


class Recording:
    """Writes streams while frames are matted; the folder is its own until it is closed.

    Args:
        out_dir: Gets a folder named after the source.
        info: The source as it is captured.
        spec: The source as it was given.
        config: Format, names and whether an earlier recording may be replaced.
        networks: What is computed with, for the manifest.

    Raises:
        OptionError: An earlier recording or the source is there, or another recording is being
            made there, or the format cannot be.
        AlphaWriteError: The folder cannot be written.
    """

    def __init__(
        self, out_dir: Path, info: ClipInfo, spec: str, config: MatteConfig, networks: Networks
    ) -> None:
        self.folder = check_recording(out_dir, info, spec, config)
        self._clip, self._spec = _CapturedClip(info), spec
        # Neither masks nor alphas are steadied over time to come, which live use does not know.
        self._config = replace(
            config,
            detection=replace(config.detection, steady_frames=0),
            output=replace(config.output, still_frames=0),
        )
        self._networks = networks
        self._clock, self._began_s = StageClock(), time.monotonic()
        self._has_failed = False
        self._reserve_bytes = _RESERVE_FRAMES * info.width * info.height * _BYTES_PER_PIXEL
        with ExitStack() as held:
            held.enter_context(rendering_alone(self.folder))
            self._told = make_room(self.folder, config)
            self._streams = OnlineStreams(
                info,
                self._config.output,
                self.folder,
                self._clock,
                tracks_file=self.folder / TRACKS_FILE,
            )
            self._held = held.pop_all()

    def write(self, found: FoundPeople) -> None:
        """Take the next frame's people, with their alphas in the record.

        Raises:
            AlphaWriteError: The disk is nearly full, and the recording can still be closed; or a
                stream cannot be written, and of the others is kept what they hold.
        """
        if shutil.disk_usage(self.folder).free < self._reserve_bytes:
            raise AlphaWriteError(f"{self.folder}: the disk is nearly full: the recording ends")
        with self._salvaged():
            self._streams.write(found)

    def close(self, confirmed_ids: frozenset[int]) -> Manifest | None:
        """Finish, verify and name all files, and let go of the folder.

        Returns `None` where there is nothing to keep.

        Args:
            confirmed_ids: Whom the tracker believes in at the end.

        Raises:
            AlphaWriteError: A stream cannot be finished or fails its verification; the others are
                kept.
        """
        with self._held:
            return None if self._has_failed else self._finish(confirmed_ids)

    def _finish(self, confirmed_ids: frozenset[int]) -> Manifest | None:
        if not self._streams.frame_count:
            self._streams.abort()
            return None
        _log.info("finishing the recording: %s", self.folder)
        with self._salvaged():
            result = self._streams.close(confirmed_ids)
        result = replace(result, warnings=(*self._told, *result.warnings))
        manifest = describe_run(
            self._clip,
            self._spec,
            None,
            self._config,
            self._networks,
            result,
            self._clock,
            time.monotonic() - self._began_s,
        )
        source = manifest.source.model_copy(update={"is_captured": True, "absolute_path": None})
        manifest = manifest.model_copy(update={"source": source})
        return publish(
            self.folder, manifest, result.cast, result.plans, result.rendered, self._config.output
        )

    @contextmanager
    def _salvaged(self) -> Iterator[None]:
        """Keep, of a recording that fails here, what can be kept: nobody can make it again."""
        try:
            yield
        except BaseException as error:
            self._has_failed = True
            kept = ", ".join(path.name for path in self._streams.salvage())
            if kept and isinstance(error, AlphaWriteError):
                raise AlphaWriteError(f"{error}; kept: {kept}") from error
            raise


class _CapturedClip(FrameSource):
    """The clip as it was captured: its frames are gone."""

    def __init__(self, info: ClipInfo) -> None:
        super().__init__()
        self.info = info

    def frames(self, start: int = 0) -> Iterator[Frame]:
        raise ValueError(f"{self.info.name}: what was captured live cannot be read again")
