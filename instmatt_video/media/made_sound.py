"""Sound from samples, encoded into a container that is open for writing."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer

SAMPLE_RATE_HZ = 48_000


def add_sound_stream(container: OutputContainer) -> AudioStream:
    """Return a new stereo AAC stream of `SAMPLE_RATE_HZ`."""
    return container.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo")


def encode_sound(
    container: OutputContainer, audio: AudioStream, sound: npt.NDArray[np.float32]
) -> None:
    """Write all of a stream of `add_sound_stream`, from time 0.

    Args:
        container: Where the stream was added.
        audio: The stream.
        sound: `(2, samples)`, -1..1.
    """
    frame = AudioFrame.from_ndarray(sound, format="fltp", layout="stereo")
    frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, 0
    frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
    container.mux(audio.encode(frame))
    container.mux(audio.encode(None))
