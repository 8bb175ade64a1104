"""Layers on the clip's clock, and what makes them fit one another.

Everything is 10-bit Y'CbCr 4:2:2 in the source's own matrix and video range, with straight alpha,
and is blended in code values. That is the equation which the mattes and the foreground colours were
solved in: blending in linear light would not give the source back.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import ffmpeg
import numpy as np

from ..media.color import rgb_to_yuv
from ..media.formats import FORMATS
from ..media.frame import ColorTags
from ..media.picture_names import list_numbered_frames
from ..media.source import list_frames
from ..media.timetable import Timetable, read_timetable
from ..media.video_file import first_video_stream, open_container
from .background_file import BackgroundFile
from .clock import write_clock
from .inputs import InputMaker, Node, in_turn, picture, video, without_gaps
from .material import Clip, Material, PersonStream

Ending = Literal["pass", "repeat", "endless"]

PIXEL_FORMAT = "yuv422p10le"
ALPHA_FORMAT = "gray10le"
_SCALER = "bicubic+accurate_rnd+full_chroma_int"

_SCALE_MATRICES = {
    "bt709": "bt709",
    "fcc": "fcc",
    "bt470bg": "bt601",
    "smpte170m": "bt601",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
}
"""FFmpeg's scale filter has names of its own."""


class LayerMaker:
    """Makes the layers of one composition.

    Args:
        material: The clip and its streams.
        folder: Takes the clock and the lists of pictures that FFmpeg is to read.
    """

    def __init__(self, material: Material, folder: Path) -> None:
        self._material, self._folder = material, folder
        self._clip, self._format = material.clip, FORMATS[material.format]
        self._inputs = InputMaker(folder)
        self._clock: Node | None = None

    def source(self, copies: int) -> list[Node]:
        """Return the clip itself, several times; to be called once, before the canvas is made."""
        clip = self._clip
        # Of all inputs it alone has such times; without it they are written out (`_ticks`).
        is_clock = clip.is_variable_rate and not clip.gaps and clip.source is not None
        if not copies and not is_clock:
            return []
        frames = self._source()
        if clip.gaps:
            self._clock, clock = split(self._ticks(clip.width, clip.height), 2)
            frames = over(clock, frames, ending="repeat")
        layers = split(frames, copies + is_clock)
        if is_clock:
            self._clock = layers.pop()
        return layers

    def canvas(self, rgb: tuple[int, int, int], size: tuple[int, int]) -> Node:
        """Return a plain layer, opaque, that has exactly the clip's frames and times.

        Args:
            rgb: Its colour, 0..255.
            size: Width and height.
        """
        width, height = size
        ticking = self._ticks(width, height) if self._clock is None else self._clock
        ticking = ticking.filter("scale", width, height)
        tags = ColorTags(matrix=self._clip.color.matrix)
        codes = rgb_to_yuv(np.array([[rgb]], np.uint8), tags, 10)[0, 0]
        y, u, v = (int(code) for code in codes)
        return ticking.filter("format", PIXEL_FORMAT).filter("lutyuv", y=y, u=u, v=v)

    def background_file(self) -> Node:
        """Return a picture or video that covers the frame, cut where it is too wide or high."""
        clip, file = self._clip, self._material.background_file
        assert file is not None
        if file.is_moving:
            layer = self._looped(file)
        else:
            layer = picture(file.path)
        if file.is_clear:
            layer = layer.filter("premultiply", inplace=1)  # over black
        covering = {"force_original_aspect_ratio": "increase"}
        layer = self._converted(layer, file.color, f"{clip.width}:{clip.height}", **covering)
        return layer.filter("crop", clip.width, clip.height, exact=1).filter("setsar", 1)

    def _looped(self, file: BackgroundFile) -> Node:
        """Return a video again and again: for ever, or for somewhat longer than the clip."""
        clip, info = self._clip, file.info
        if file.can_rewind:
            frames = video(file.path, file.decoder, is_endless=True)
            return frames.filter("setpts", "PTS-STARTPTS")
        length_s = clip.frame_count / clip.frame_rate
        if clip.is_variable_rate:
            length_s = self._timetable.duration_s
        assert info.duration_s is not None  # a file has an end
        # One more, for pictures that cannot be decoded and do not come.
        copies = math.ceil(length_s / info.duration_s) + 1
        frames = self._inputs.repeated(file.path, info.duration_s, copies, file.decoder)
        if info.is_variable_rate:
            return frames.filter("setpts", "PTS-STARTPTS")
        return in_turn(frames, info.frame_rate)

    def person(self, person: PersonStream, source: Node | None) -> tuple[Node, Node]:
        """Return a person's colour and alpha, each on the clip's clock.

        Args:
            person: Their stream.
            source: A copy of the clip, whose colour a stream without colour takes.
        """
        frames = self._on_clock(self._stream_input(person), person.first)
        if self._format.has_color:
            if self._format.is_rgb:
                frames = frames.filter("format", "gbrap16le")  # planes, of which one can be taken
            color, alpha = split(frames, 2)
            tags = None if self._format.is_rgb else ColorTags(matrix=self._clip.color.matrix)
            return self._converted(color, tags), _as_alpha(alpha.filter("extractplanes", "a"))
        assert source is not None
        span = {"start_frame": person.first, "end_frame": person.last + 1}
        return source.filter("trim", **span), self._matte(frames)

    def _matte(self, frames: Node) -> Node:
        """Return the alpha of a stream that is a luma matte."""
        if self._format.is_full_range:
            return _as_alpha(frames)
        # From video range to full range, in the samples' own depth.
        unit, largest = 1 << (self._format.bit_depth - 8), (1 << self._format.bit_depth) - 1
        full = f"clip((val-{16 * unit})*{largest}/{219 * unit},0,{largest})"
        return _as_alpha(frames.filter("extractplanes", "y").filter("lut", c0=full))

    def _stream_input(self, person: PersonStream) -> Node:
        if person.path.is_dir():
            return self._inputs.pictures(list_numbered_frames(person.path), self._clip.frame_rate)
        return video(person.path, self._format.decoder)

    def _ticks(self, width: int, height: int) -> Node:
        """Return pictures of anything at exactly the clip's times."""
        clip = self._clip
        if not clip.is_variable_rate:
            return ffmpeg.input(
                # Of 4:2:0 the source would leave out an odd row or column.
                f"color=c=black:s={width}x{height}:r={clip.frame_rate},format=yuv444p,"
                f"trim=end_frame={clip.frame_count}",
                f="lavfi",
            )
        path = self._folder / "clock.nut"
        timetable = self._timetable
        write_clock(path, timetable.ticks[: clip.frame_count], timetable.time_base)
        return self._on_clock(video(path), 0).filter("scale", width, height)

    def _source(self) -> Node:
        """Return the clip's own pictures; where it has gaps, none is there.

        What cannot be read at its beginning is shown by the first picture that can.
        """
        clip = self._clip
        assert clip.source is not None  # `gather` has seen to it
        # Of a clip that breaks off FFmpeg may read more than was matted.
        end = {"end_frame" if clip.is_variable_rate else "end_pts": clip.frame_count}
        paths = list_frames(clip.source)
        if paths is not None:
            frames = self._inputs.pictures(without_gaps(paths, clip.gaps), clip.frame_rate)
            frames = frames.filter("trim", **end)
            return self._converted(frames, None)  # JPEG has a matrix of its own
        frames = video(clip.source)
        first = clip.gaps[0][1] + 1 if clip.gaps and clip.gaps[0][0] == 0 else 0
        if clip.is_retimed:
            frames = in_turn(frames, clip.frame_rate, clip.gaps)
        else:
            frames = self._on_clock(frames, first)
        if first:
            frames = frames.filter("setpts", "if(eq(N,0),0,PTS)")
        # Chroma of interlaced frames stays in its field.
        return self._converted(frames.filter("trim", **end), clip.color, interl=-1)

    def _on_clock(self, frames: Node, first: int) -> Node:
        """Return frames whose first is the clip's frame `first`, at exactly the clip's times."""
        clip = self._clip
        if not clip.is_variable_rate:
            return frames.filter("settb", f"1/({clip.frame_rate})").filter(
                "setpts", f"PTS-STARTPTS+{first}"
            )
        tick_s = self._format.tick_s or clip.time_base
        # FFmpeg would cut the fraction of a tick off.
        start = f"+round({float(self._time_of(first))}/TB)" if first else ""
        return frames.filter("setpts", f"PTS-STARTPTS{start}").filter("settb", str(tick_s))

    def _time_of(self, index: int) -> Fraction:
        """Return the seconds from the clip's first frame to frame `index`."""
        return self._timetable.time_s(index) - self._timetable.time_s(0)

    @cached_property
    def _timetable(self) -> Timetable:
        path = self._clip.clock_from
        assert path is not None  # `gather` has seen to it
        with open_container(path) as container:
            stream = first_video_stream(container, path)
            return read_timetable(container, stream)

    def _converted(
        self, layer: Node, tags: ColorTags | None, size: str = "iw:ih", **words: Any
    ) -> Node:
        """Return a layer in the composition's samples.

        Args:
            layer: Any.
            tags: Its matrix and range; `None` leaves these to each frame's own tags.
            size: Width and height, as the scale filter takes them.
            words: Further options of the scale filter.
        """
        width, height = size.split(":")
        words |= {
            "flags": _SCALER,
            "out_color_matrix": _SCALE_MATRICES[self._clip.color.matrix],
            "out_range": "tv",
        }
        if tags is not None:
            words["in_color_matrix"] = _SCALE_MATRICES[tags.matrix]
            words["in_range"] = "pc" if tags.is_full_range else "tv"
        return layer.filter("scale", width, height, **words).filter("format", PIXEL_FORMAT)


def split(layer: Node, copies: int) -> list[Node]:
    """Return a stream several times: one pad of a graph feeds one filter."""
    if copies < 2:
        return [layer] * copies
    outputs = layer.filter_multi_output("split", copies)
    return [outputs[index] for index in range(copies)]


def over(
    below: Node,
    layer: Node,
    x: int = 0,
    y: int = 0,
    ending: Ending = "pass",
) -> Node:
    """Return a layer over what is below, on the clock of that.

    Args:
        below: Without alpha.
        layer: With straight alpha, or opaque.
        x: Column of `below` at which the layer begins.
        y: Row.
        ending: After its last frame, `pass`: nothing is seen of the layer; `repeat`: that frame is;
            `endless`: it has no last frame, and must not keep the graph from ending.
    """
    words = {"shortest": 1} if ending == "endless" else {"eof_action": ending}
    blended = ffmpeg.filter(
        [below, layer], "overlay", x, y, format="yuv422p10", alpha="straight", eval="init", **words
    )
    return blended.filter("format", PIXEL_FORMAT)


def blank_alpha(layer: Node) -> Node:
    """Return an alpha of 0 everywhere, at a layer's times."""
    return layer.filter("format", ALPHA_FORMAT).filter("lut", c0=0)


def scaled(layer: Node, width: int, height: int) -> Node:
    """Return a layer, with its alpha if it has one, at another size."""
    return layer.filter("scale", width, height, flags=_SCALER)


def blurred(layer: Node, sigma_px: float) -> Node:
    """Return a layer blurred alike in luma and chroma."""
    return (
        layer.filter("format", "yuv444p10le")
        .filter("gblur", sigma=sigma_px, steps=2)
        .filter("format", PIXEL_FORMAT)
    )


def finished(layer: Node, size: tuple[int, int], clip: Clip, container: str) -> Node:
    """Return the composition in the samples of its container, tagged.

    Args:
        layer: The composition.
        size: Its width and height.
        clip: Gives the tags.
        container: `.mp4` is 8-bit 4:2:0, whose chroma needs even sides: an odd row or column is
            repeated once. `.mov` stays as it is.
    """
    if container == ".mp4":
        matrix = _SCALE_MATRICES[clip.color.matrix]
        odd_column, odd_row = size[0] % 2, size[1] % 2
        if odd_column or odd_row:
            layer = layer.filter("pad", size[0] + odd_column, size[1] + odd_row)
            layer = layer.filter("fillborders", right=odd_column, bottom=odd_row, mode="smear")
        matrices = {"in_color_matrix": matrix, "out_color_matrix": matrix}
        ranges = {"in_range": "tv", "out_range": "tv"}
        # Chroma of interlaced frames stays in its field.
        fields = {"interl": int(clip.first_field is not None)}
        layer = layer.filter("scale", "iw", "ih", flags=_SCALER, **matrices, **ranges, **fields)
        layer = layer.filter("format", "yuv420p")
    return layer.filter("setsar", str(clip.pixel_aspect)).filter(
        "setparams",
        field_mode=clip.first_field or "prog",
        range="tv",
        color_primaries=clip.color.primaries,
        color_trc=clip.color.transfer,
        colorspace=clip.color.matrix,
    )


def _as_alpha(gray: Node) -> Node:
    # Grey is full range whatever its tags say.
    return gray.filter("scale", "iw", "ih", in_range="pc", out_range="pc").filter(
        "format", ALPHA_FORMAT
    )
