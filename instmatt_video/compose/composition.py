"""`compose_streams`: an output folder in, one finished video out."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import ffmpeg

from ..errors import AlphaWriteError, FrameDecodeError, OptionError, VideoOpenError, disk_errors
from ..folder_lock import writing_alone
from ..media.av_errors import describe_av_error
from ..media.encodings import PRORES_QUALITY_UNIT
from ..media.file_url import file_url
from ..media.timetable import read_timetable
from ..media.video_file import decode_pictures, first_video_stream, open_container
from ..progress import Progress, Report, ignore
from ..whole_file import whole_file
from .ffmpeg_run import require_ffmpeg, run_ffmpeg
from .graph import build_composition, build_sheet
from .inputs import Node
from .layers import finished
from .material import Clip, Material, gather
from .options import CONTAINERS, ComposeOptions

_log = logging.getLogger(__name__)

_TRANSFER_OPTIONS = {"bt470m": "gamma22", "bt470bg": "gamma28"}
"""FFmpeg's option has names of its own."""
_HDR_TRANSFERS = frozenset({"smpte2084", "arib-std-b67"})
_COPIED_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
"""Sound that both containers hold as it is; other sound is encoded."""


@dataclass(frozen=True)
class Composition:
    """A video that was composed and verified."""

    path: Path
    width: int
    height: int
    frame_count: int
    people: tuple[int, ...]
    """Tracks, back to front."""


def compose_streams(
    folder: str | Path,
    out: str | Path,
    options: ComposeOptions | None = None,
    progress: Report | None = None,
) -> Composition:
    """Put the finished streams of an output folder over a background.

    Args:
        folder: With a `manifest.json`.
        out: `.mp4` is H.264, `.mov` ProRes 422 HQ. Never a file of the
            run or of what is composed.
        options: Every choice; everybody over the source unless given.
        progress: Told of every few frames.

    Raises:
        VideoOpenError: The folder, a stream or the background cannot be read.
        OptionError: There is no ffmpeg program, choices that cannot be, or `out` is there already
            or being written.
        AlphaWriteError: The video could not be written, or failed its verification.
    """
    options, report, out = options or ComposeOptions(), progress or ignore, Path(out)
    container = out.suffix.lower()
    quality = _quality(out, container, options)
    program = require_ffmpeg()
    material = gather(Path(folder), options)
    clip = material.clip
    _warn(material, options, container)
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with (
            writing_alone(out),
            whole_file(out) as partial,
            tempfile.TemporaryDirectory(prefix="instmatt-compose-") as scratch,
        ):
            _refuse_taken(out, material, options)
            # Of a run that was killed, whose ffmpeg may still be at it.
            partial.unlink(missing_ok=True)
            if options.is_sheet:
                layer, size = build_sheet(material, Path(scratch))
            else:
                layer, size = build_composition(material, options, Path(scratch))
            clip = replace(clip, first_field=_first_field(clip, options, size, container))
            video = finished(layer, size, clip, container)
            output = _output(video, partial, clip, container, quality)
            run_ffmpeg(
                ffmpeg.compile(output, cmd=program, overwrite_output=True),
                lambda done: report(
                    Progress("compose", done, clip.frame_count, len(material.people))
                ),
            )
            size = _with_even_sides(size) if container == ".mp4" else size
            _verify(partial, out, clip, size)
    return Composition(
        out, *size, clip.frame_count, tuple(person.track_id for person in material.people)
    )


def _quality(out: Path, container: str, options: ComposeOptions) -> int:
    if container not in CONTAINERS:
        raise OptionError(f"{out}: a composition is written to {' or '.join(CONTAINERS)}")
    low, high, default = CONTAINERS[container]
    quality = default if options.quality is None else options.quality
    if not low <= quality <= high:
        raise OptionError(f"quality of {container} must be {low}..{high}, not {quality}")
    return quality


def _warn(material: Material, options: ComposeOptions, suffix: str) -> None:
    is_changed = options.without or any(not p.is_in_place for p in options.places.values())
    if material.background.kind == "source" and is_changed and not options.is_sheet:
        _log.warning(
            "the background is the source itself: who is taken out or moved still stands in it"
        )
    transfer, file = material.clip.color.transfer, material.background_file
    color = None if file is None else file.color
    is_foreign = material.background.kind in ("color", "file") and (
        color is None or color.transfer != transfer
    )
    if transfer in _HDR_TRANSFERS and is_foreign:
        _log.warning(
            "the clip is HDR (%s), and the background's levels are taken for its own: white is as "
            "bright as the clip can be",
            transfer,
        )
    if transfer in _HDR_TRANSFERS and suffix == ".mp4":
        _log.warning("an .mp4 holds 8 bits, few for HDR: .mov holds 10")


def _first_field(
    clip: Clip, options: ComposeOptions, size: tuple[int, int], container: str
) -> str | None:
    """Return which field of the composition comes first; `None` where its rows are no fields."""
    is_whole = all(place.scale == 1 and place.y % 2 == 0 for place in options.places.values())
    if clip.first_field is None or options.is_sheet or not is_whole:
        return None
    if container == ".mp4" and size[1] % 4:
        _log.warning("an .mp4 of %d rows cannot be coded in fields: .mov can", size[1])
        return None
    return clip.first_field


def _refuse_taken(out: Path, material: Material, options: ComposeOptions) -> None:
    """Raise where a file would be lost that is not to be replaced."""
    if not out.exists():
        return
    clip = material.clip
    inputs = (clip.source, clip.audio_from, material.background.path)
    kept = [*material.run_files, *(path for path in inputs if path is not None)]
    if any(path.exists() and out.samefile(path) for path in kept):
        raise OptionError(f"{out} is a file of the run, or one that it would be made from")
    if not options.is_overwriting:
        raise OptionError(f"{out} is there already: --overwrite replaces it")


def _output(video: Node, path: Path, clip: Clip, container: str, quality: int) -> Node:
    words: dict[str, Any] = {
        "f": container[1:],
        "fps_mode": "passthrough",
        "color_primaries": clip.color.primaries,
        "color_trc": _TRANSFER_OPTIONS.get(clip.color.transfer, clip.color.transfer),
        "colorspace": clip.color.matrix,
        "color_range": "tv",
        "map_metadata": -1,
    }
    if clip.timecode:
        words["timecode"] = clip.timecode
    if clip.is_variable_rate:
        words["enc_time_base"] = str(clip.time_base)
        words["video_track_timescale"] = clip.time_base.denominator
    if container == ".mp4":
        words |= {"vcodec": "libx264", "crf": quality, "preset": "medium"}
        words |= {"movflags": "+faststart"}
    else:
        words |= {"vcodec": "prores_ks", "profile:v": "hq", "vendor": "apl0"}
        words |= {"flags:v": "+qscale", "global_quality:v": quality * PRORES_QUALITY_UNIT}
    if clip.first_field is not None:
        words["flags:v"] = f"{words.get('flags:v', '')}+ildct+ilme"
        words |= {"x264-params": f"{clip.first_field}=1"} if container == ".mp4" else {}
    sounds: list[Node] = []
    if clip.audio_from is not None:
        sounds, sound_words = _sounds(clip, clip.audio_from, container)
        words |= sound_words
    return ffmpeg.output(video, *sounds, file_url(path), **words)


def _sounds(clip: Clip, path: Path, container: str) -> tuple[list[Node], dict[str, Any]]:
    """Return the clip's sounds, from the first picture on, and how each is written."""
    words: dict[str, Any] = {}
    if clip.lead_s:
        source = ffmpeg.input(file_url(path), itsoffset=f"{-float(clip.lead_s):.6f}")
        words["copypriorss"] = 0  # sound from before the first picture is left out
    else:
        source = ffmpeg.input(file_url(path))
    sounds: list[Node] = []
    with open_container(path) as opened:
        for number, stream in enumerate(opened.streams.audio):
            if stream.codec_context is None:
                _log.warning("sound left out: unknown codec")
                continue
            encoder = _sound_encoder(stream.codec_context.codec.canonical_name, container)
            words[f"c:a:{len(sounds)}"] = encoder
            if encoder == "aac":
                words[f"b:a:{len(sounds)}"] = "192k"
            sounds.append(source[f"a:{number}"])
    return sounds, words


def _sound_encoder(codec: str, container: str) -> str:
    if codec in _COPIED_SOUND or (container == ".mov" and codec.startswith("pcm_")):
        return "copy"
    return "pcm_s24le" if container == ".mov" else "aac"


def _with_even_sides(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] + size[0] % 2, size[1] + size[1] % 2


def _verify(partial: Path, out: Path, clip: Clip, size: tuple[int, int]) -> None:
    """Compare frames, rate and size with what was asked for, and decode the last pictures."""
    try:
        with open_container(partial) as container:
            stream = first_video_stream(container, out)
            timetable = read_timetable(container, stream)
            found = (stream.width, stream.height)
            container.seek(timetable.ticks[-1] if timetable.ticks else 0, stream=stream)
            pictures = [p for p in decode_pictures(container, stream, _raise) if p is not None]
    except av.FFmpegError as error:
        raise AlphaWriteError(f"{out}: does not read back: {describe_av_error(error)}") from error
    except (VideoOpenError, FrameDecodeError) as error:
        raise AlphaWriteError(f"{out}: does not read back: {error}") from error
    complaints = {
        f"{len(timetable.ticks)} frames, not {clip.frame_count}": len(timetable.ticks)
        != clip.frame_count,
        f"{found[0]}x{found[1]} px, not {size[0]}x{size[1]}": found != size,
        f"{timetable.frame_rate} frames/s, not {clip.frame_rate}": not clip.is_variable_rate
        and clip.frame_count > 1
        and timetable.frame_rate != clip.frame_rate,
        "the last picture cannot be decoded": not pictures
        or pictures[-1].pts != timetable.ticks[-1],
    }
    for complaint, is_so in complaints.items():
        if is_so:
            raise AlphaWriteError(f"{out}: failed its verification: {complaint}")


def _raise(error: av.FFmpegError) -> None:
    raise error
