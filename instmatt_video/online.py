"""A clip straight to its streams: detection, tracking, matting and writing in one pass.

Nothing is kept but the streams: no later frame corrects who is who, and nothing can be resumed.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from .analysis import matted_frames
from .errors import AlphaWriteError, FrameDecodeError
from .matting.frame_matter import FrameMatter
from .media.frame_source import FrameSource
from .people.finder import PeopleFinder
from .people.mask_steadying import MaskSteadier
from .progress import Progress, Report
from .rendering.online_streams import OnlineStreams
from .rendering.run_result import RunResult
from .stages import StageClock


def stream_online(
    source: FrameSource,
    finder: PeopleFinder,
    steadier: MaskSteadier,
    matter: FrameMatter,
    streams: OnlineStreams,
    clock: StageClock,
    report: Report,
) -> RunResult:
    """Write a clip's streams while it is read.

    Args:
        source: The clip; read once.
        finder: Detection and tracking, fresh.
        steadier: Of masks, fresh.
        matter: Masks to alphas.
        streams: Fresh; finished and verified afterwards, up to where the clip can be read, or
            removed.
        clock: Counts the stages' work.
        report: Told of every frame.

    Raises:
        VideoOpenError: The clip changes meanwhile; nothing is kept.
        AlphaWriteError: A stream cannot be written, or no frame could be read.
    """
    matted = matted_frames(source.frames(), finder, steadier, matter, clock, source.stop)
    with streams, closing(matted) as frames:
        breaks_off: str | None = None
        try:
            for found in frames:
                streams.write(found)
                count = streams.frame_count
                report(Progress("stream", count, source.info.frame_count, streams.people))
        except FrameDecodeError as error:
            breaks_off = str(error)
        if not streams.frame_count:
            raise AlphaWriteError(f"{source.info.name} has no frame that could be read")
        source.refuse_changed()
        return replace(streams.close(finder.finish()), breaks_off=breaks_off)
