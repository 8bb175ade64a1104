"""A clip's clock as a video: a blank picture at each of its times, for layers to be laid upon.

FFmpeg has no source of its own whose pictures come at uneven times.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ..media.file_url import file_url

_BLANK = np.zeros((16, 16), np.uint8)


def write_clock(path: Path, ticks: Sequence[int], time_base: Fraction) -> None:
    """Write a NUT file, which holds any times exactly.

    Args:
        path: The file.
        ticks: When each picture is shown, rising.
        time_base: Seconds per tick.
    """
    with av.open(file_url(path), "w", format="nut") as container:
        stream = container.add_stream("rawvideo")
        stream.height, stream.width = _BLANK.shape
        stream.pix_fmt = "gray"
        stream.codec_context.time_base = stream.time_base = time_base
        for tick in ticks:
            frame = av.VideoFrame.from_ndarray(_BLANK, "gray")
            frame.pts, frame.time_base = tick, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
