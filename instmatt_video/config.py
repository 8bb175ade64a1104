"""Every choice of a run, one frozen dataclass a stage, nested in `MatteConfig`.

Defaults stand here once; the command line reads them for its help.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from .media.frame_rate import as_frame_rate

DEVICES = ("auto", "cpu", "cuda", "mps")
RUNTIMES = ("torch", "onnx")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
FOREGROUND_METHODS = ("blur-fusion", "pymatting", "source")


@dataclass(frozen=True)
class DetectionConfig:
    """Finding people."""

    detector: str = "auto"
    """`auto`, `compact`, `maskrcnn`, a weights file, or `masks:DIR` for instance masks of another
    tool."""
    detect_every: int = 1
    """Frames from one detection to the next; in between, optical flow moves masks along."""
    finds_small_people: bool = True
    """Let the compact detector look more finely, too, at frames well larger than it sees whole."""
    steady_frames: int = 2
    """Frames before and after a frame whose masks, carried there by optical flow, are averaged with
    its own. Masks from disk are taken as they are."""

    def __post_init__(self) -> None:
        if self.detect_every < 1:
            raise ValueError(f"detect_every must be 1 or more, not {self.detect_every}")
        if not 0 <= self.steady_frames <= 8:
            raise ValueError(f"steady_frames must be in 0..8, not {self.steady_frames}")


@dataclass(frozen=True)
class MattingConfig:
    """Turning masks into alphas."""

    model: str = "lite"
    """`lite`, `base`, or a weights file."""
    matte_size: int = 576
    """Longest side, in pixels, of a person's crop as the network sees it."""
    context: float = 0.15
    """Margin of a crop around the person, as a share of the person's longer side."""
    device: str = "auto"
    precision: str = "auto"
    """`auto` is fp16 on CUDA, bf16 on a CPU that multiplies it faster, and fp32 elsewhere."""
    runtime: str = "torch"
    """`onnx` computes on a CPU what onnxruntime computes faster there: the compact detector and, in
    fp32, the trunk of the matting network. Alphas differ from torch's by rounding."""
    has_refinement: bool = True
    """Run the multi-instance refinement where people share a crop."""
    has_second_look: bool = True
    """Let a network that was trained to look twice do so: its first answer guides its second."""
    has_solved_edges: bool = True
    """Solve edges and hair from the picture's colours, after the network (closed-form matting)."""
    color_noise: float | None = None
    """Standard deviation of the colours' errors, of 0..1: differences below it say nothing of an
    edge. `None` goes by the source's coding: 0.015 for coded video, 0.001 for clean pictures."""

    def __post_init__(self) -> None:
        if not 64 <= self.matte_size <= 4096:
            raise ValueError(f"matte_size must be in 64..4096 pixels, not {self.matte_size}")
        if not 0 <= self.context <= 1:
            raise ValueError(f"context must be in 0..1, not {self.context}")
        if self.color_noise is not None and not 5e-4 <= self.color_noise <= 0.1:
            raise ValueError(f"color_noise must be in 0.0005..0.1, not {self.color_noise}")
        if not re.fullmatch(rf"{'|'.join(DEVICES)}|cuda:[0-9]+", self.device):
            raise ValueError(
                f"device must be one of {', '.join(DEVICES)}, or as cuda:1, not {self.device!r}"
            )
        if self.runtime not in RUNTIMES:
            raise ValueError(f"runtime must be one of {', '.join(RUNTIMES)}, not {self.runtime!r}")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}"
            )


@dataclass(frozen=True)
class OutputConfig:
    """What is written, and how it is called."""

    format: str = "prores4444"
    """A name of `instmatt_video.media.formats.FORMATS`."""
    quality: int | None = None
    """Codec quality, lower is better; the format's own default unless given."""
    filename: str = "person_{track:02d}.{ext}"
    """Template; fields are clip, track, name, ext."""
    foreground: str = "blur-fusion"
    """Colour under the matte: `blur-fusion`, `pymatting`, `source`."""
    has_audio: bool = True
    """Copy the clip's sound into colour streams."""
    has_preview: bool = True
    """Write `preview.mp4`."""
    has_report: bool = True
    """Write `report.html`."""
    has_rest: bool = False
    """Write everybody who has no stream of their own into one more stream, `rest`."""
    only: tuple[int, ...] = ()
    """Track numbers that get a stream; empty is all."""
    is_trimmed: bool = False
    """Cut each stream to the person's span; else every stream has all frames of the clip."""
    still_frames: int = 2
    """Frames before and after a frame whose alphas are averaged with its own where the picture
    stands still."""

    def __post_init__(self) -> None:
        if not 0 <= self.still_frames <= 8:
            raise ValueError(f"still_frames must be in 0..8, not {self.still_frames}")
        if self.foreground not in FOREGROUND_METHODS:
            raise ValueError(
                f"foreground must be one of {', '.join(FOREGROUND_METHODS)}, "
                f"not {self.foreground!r}"
            )
        if any(track < 1 for track in self.only):
            raise ValueError(f"only: track numbers begin at 1, not {min(self.only)}")


@dataclass(frozen=True)
class RunConfig:
    """How a run treats what is there already."""

    is_resumed: bool = False
    """Go on after the last whole chunk and keep verified streams."""
    is_overwriting: bool = False
    """Replace an earlier output of the same clip."""
    is_cleaned: bool = False
    """Remove the alpha store once every stream is written."""
    is_online: bool = False
    """Write the streams while the clip is read: no alpha store, no stitching, nothing to resume."""
    is_offline: bool = False
    """Never fetch weights; so it is, too, where `INSTMATT_VIDEO_OFFLINE` is set."""
    chunk_frames: int = 32
    """Frames a chunk of the alpha store: what a crash costs at most."""

    def __post_init__(self) -> None:
        if self.is_resumed and self.is_overwriting:
            raise ValueError("--resume and --overwrite contradict each other")
        if self.is_resumed and self.is_online:
            raise ValueError(
                "an online run keeps nothing to resume from: leave out --resume, or --online"
            )
        if self.chunk_frames < 1:
            raise ValueError(f"chunk_frames must be 1 or more, not {self.chunk_frames}")


@dataclass(frozen=True)
class MatteConfig:
    """Every choice of a run."""

    detection: DetectionConfig = field(default_factory=DetectionConfig)
    matting: MattingConfig = field(default_factory=MattingConfig)
    output: OutputConfig = field(default_factory=OutputConfig)
    run: RunConfig = field(default_factory=RunConfig)
    frame_rate: Fraction | None = None
    """Frames per second of a folder of pictures; replaces a video's own rate and times."""

    def __post_init__(self) -> None:
        if self.frame_rate is not None:
            as_frame_rate(self.frame_rate)
