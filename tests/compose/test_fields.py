"""Compositions of interlaced clips: fields stay fields, or are none any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.compose.composition import compose_streams
from instmatt_video.compose.options import ComposeOptions, Placement, parse_background
from instmatt_video.config import OutputConfig
from instmatt_video.media.color import plane_view
from tests.synthetic_clip import SIZE, BoxMatter, ColorDetector, picture

pytestmark = pytest.mark.usefixtures("ffmpeg_program")


def test_chroma_of_interlaced_frames_stays_in_its_field(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    clip = tmp_path / "fields.mov"
    with av.open(clip, "w") as container:
        options = {"qp": "1", "flags": "+ildct+ilme", "x264-params": "tff=1"}
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = (64, 64, "yuv420p")
        frame = av.VideoFrame(64, 64, "yuv420p")
        plane_view(frame, 0)[:], plane_view(frame, 2)[:] = 120, 128
        plane_view(frame, 1)[0::2], plane_view(frame, 1)[1::2] = 110, 150
        for index in range(3):
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    made = compose_streams(make_folder(source=clip), tmp_path / "out.mov", ComposeOptions())
    with av.open(made.path) as container:
        blue = plane_view(next(container.decode(video=0)), 1)
        assert np.abs(blue[8:56:2] / 4.0 - 110).max() < 3
        assert np.abs(blue[9:56:2] / 4.0 - 150).max() < 3


def write_fields(path: Path, order: str = "tff", size: tuple[int, int] = SIZE) -> Path:
    """Encode an interlaced clip of two people, cut off below where the frame is lower."""
    with av.open(path, "w") as container:
        codec = "libx264" if size[1] % 4 == 0 else "mpeg2video"
        options = {"flags": "+ildct+ilme", "field_order": {"tff": "tt", "bff": "bb"}[order]}
        options |= {"x264-params": f"{order}=1"} if codec == "libx264" else {"qscale": "2"}
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = (*size, "yuv420p")
        for index in range(4):
            shown = np.ascontiguousarray(picture(index)[: size[1], : size[0]])
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(format="yuv420p")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    light = MatteConfig(output=OutputConfig(has_preview=False))
    matte_video(path, path.parent, light, detector=ColorDetector(), matter=BoxMatter())
    return path.with_suffix("")


def field_order(path: Path) -> int:
    """Return which field is coded first, as FFmpeg counts; 1 is progressive."""
    with av.open(path) as container:
        is_interlaced = next(container.decode(video=0)).interlaced_frame
        found = int(container.streams.video[0].codec_context.field_order)
    assert is_interlaced == (found > 1)
    return found


@pytest.mark.parametrize(("order", "codes"), [("tff", (2, 4)), ("bff", (3, 5))])
@pytest.mark.parametrize("suffix", ["mov", "mp4"])
def test_fields_come_in_the_clips_order(
    order: str, codes: tuple[int, int], suffix: str, tmp_path: Path
) -> None:
    folder = write_fields(tmp_path / "fields.mov", order)
    made = compose_streams(folder, tmp_path / f"out.{suffix}", ComposeOptions())
    assert field_order(made.path) in codes


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(ComposeOptions(parse_background("black"), is_sheet=True), id="sheet"),
        pytest.param(ComposeOptions(places={1: Placement(0.5)}), id="scaled"),
        pytest.param(ComposeOptions(places={1: Placement(y=3)}), id="by an odd row"),
    ],
)
def test_rows_that_are_mixed_or_moved_are_no_fields(
    options: ComposeOptions, tmp_path: Path
) -> None:
    folder = write_fields(tmp_path / "fields.mov")
    assert field_order(compose_streams(folder, tmp_path / "out.mov", options).path) == 1


def test_an_mp4_whose_rows_cannot_be_coded_in_fields_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_fields(tmp_path / "fields.mov", size=(160, 94))
    for suffix, codes in (("mov", (2, 4)), ("mp4", (1,))):
        made = compose_streams(folder, tmp_path / f"out.{suffix}", ComposeOptions())
        assert field_order(made.path) in codes
    assert "an .mp4 of 94 rows cannot be coded in fields" in caplog.text
