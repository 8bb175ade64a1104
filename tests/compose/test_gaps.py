"""Compositions of clips in which pictures cannot be read: everything else keeps its place."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.compose.clock import write_clock
from instmatt_video.compose.composition import compose_streams
from instmatt_video.compose.options import ComposeOptions, parse_background
from instmatt_video.config import OutputConfig
from instmatt_video.media.source import open_source
from tests.media.made_clips import damage
from tests.synthetic_clip import SIZE, WALL, BoxMatter, ColorDetector, picture

pytestmark = pytest.mark.usefixtures("ffmpeg_program")

FRAMES = 12
UNEVEN = (0, 3001, 6003, 12100, 12990, 21000, 24000, 27050, 30000, 33100, 36500, 40000)
"""Ticks of 1/90000 s."""
GAPS = [
    pytest.param((0, 1), id="first"),
    pytest.param((4, 7), id="middle"),
    pytest.param((11,), id="last"),
]


def numbered(index: int) -> np.ndarray:
    """Return a picture whose wall grows lighter from frame to frame."""
    image = picture(index)
    image[(image == WALL).all(2)] = 60 + 10 * index
    return image


def what_tells(image: np.ndarray) -> tuple[float, float, float]:
    """Return the wall's grey, and the middle columns of the red person and of the green one."""
    red, green, _ = np.moveaxis(image.astype(float), 2, 0)

    def middle(difference: np.ndarray) -> float:
        columns = np.nonzero(difference > 80)[1]
        return float(columns.mean()) if len(columns) else float("nan")

    return float(image[:8].mean()), middle(red - green), middle(green - red)


def write_video(path: Path, ticks: Sequence[int], time_base: Fraction) -> Path:
    """Encode `numbered` pictures, each of which is read alone."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mjpeg", rate=25, options={"qscale": "2"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuvj444p"
        stream.codec_context.time_base = stream.time_base = time_base
        for index, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(numbered(index), "rgb24")
            frame.pts, frame.time_base = tick, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def check(
    clip: Path,
    tmp_path: Path,
    *,
    format: str = "prores4444",
    frame_rate: Fraction | None = None,
    background: str = "source",
) -> None:
    """Raise unless everybody over their own clip is the clip, as its source gives it."""
    output = OutputConfig(format=format, is_trimmed=True, has_preview=False, has_report=False)
    config = MatteConfig(output=output, frame_rate=frame_rate)
    manifest = matte_video(
        clip, tmp_path / "out", config, detector=ColorDetector(), matter=BoxMatter()
    )
    assert len(manifest.tracks) == 2
    options = ComposeOptions(parse_background(background), quality=1)
    made = compose_streams(tmp_path / "out" / manifest.source.name, tmp_path / "made.mov", options)
    truth = list(open_source(clip, frame_rate=frame_rate))
    composed = list(open_source(made.path))
    tolerance_s = Fraction(1, 1000) if format == "matte-ffv1" else 0  # Matroska's clock
    for true, frame in zip(truth, composed, strict=True):
        assert abs(true.time - frame.time) <= tolerance_s
        expected, found = what_tells(true.image), what_tells(frame.image / 257)
        if background != "source":
            if true.is_held:  # before the first picture nobody was seen
                continue
            expected, found = expected[1:], found[1:]
        assert found == pytest.approx(expected, abs=1, nan_ok=True), f"frame {true.index}"


@pytest.mark.parametrize("missing", GAPS)
def test_of_a_folder(missing: tuple[int, ...], tmp_path: Path) -> None:
    clip = tmp_path / "shot"
    clip.mkdir()
    for index in range(FRAMES):
        assert cv2.imwrite(str(clip / f"{index:04d}.png"), numbered(index)[..., ::-1])
    for index in missing:
        (clip / f"{index:04d}.png").write_bytes(b"torn")
    check(clip, tmp_path, frame_rate=Fraction(25))


@pytest.mark.parametrize("missing", GAPS)
@pytest.mark.parametrize("frame_rate", [None, Fraction(12)], ids=["own", "asked"])
def test_of_a_video_at_one_rate(
    frame_rate: Fraction | None, missing: tuple[int, ...], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mov", range(FRAMES), Fraction(1, 25))
    for index in missing:
        damage(clip, range(index, index + 1))
    check(clip, tmp_path, frame_rate=frame_rate)


@pytest.mark.parametrize("missing", GAPS)
@pytest.mark.parametrize(
    ("format", "background"),
    [("prores4444", "source"), ("prores4444", "black"), ("matte-ffv1", "source")],
)
def test_of_a_video_at_uneven_times(
    format: str, background: str, missing: tuple[int, ...], tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "phone.mov", UNEVEN, Fraction(1, 90000))
    for index in missing:
        damage(clip, range(index, index + 1))
    check(clip, tmp_path, format=format, background=background)


def test_a_clock_ticks_exactly(tmp_path: Path) -> None:
    time_base = Fraction(1001, 30000)
    write_clock(tmp_path / "clock.nut", (0, 1, 5, 7000), time_base)
    with av.open(tmp_path / "clock.nut") as container:
        packets = [p for p in container.demux(video=0) if p.size]
        assert [p.pts * p.time_base for p in packets] == [n * time_base for n in (0, 1, 5, 7000)]
