"""What every alpha stream must do, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from instmatt_video.media.alpha_reader import AlphaReader, read_alpha
from instmatt_video.media.formats import FORMATS, FormatSpec, open_alpha_stream
from instmatt_video.media.frame import ColorTags
from instmatt_video.media.layer import Layer
from instmatt_video.media.source import open_source
from tests.media.made_layers import (
    INFO,
    LOSSY_TOLERANCE,
    FloatImage,
    coming_and_going,
    placed,
    soft_layer,
    write_stream,
)

Maker = Callable[..., Path]

VFR_TICKS = [0, 1001, 2002, 5005, 6006, 9009]


def steps_of(spec: FormatSpec) -> int:
    return (1 << spec.bit_depth) - 1


def assert_alpha(spec: FormatSpec, found: FloatImage, expected: FloatImage) -> None:
    assert found.shape == expected.shape
    if spec.name == "exr":  # a half float has 11 significant bits
        assert np.array_equal(found, expected.astype(np.float16).astype(np.float32))
    elif spec.name not in LOSSY_TOLERANCE:
        levels = np.rint(found.astype(float) * steps_of(spec))
        assert np.array_equal(levels, np.rint(expected.astype(float) * steps_of(spec)))
    else:
        visible = (expected > 0) | (found > 0)
        if visible.any():
            assert np.abs(found - expected)[visible].mean() < LOSSY_TOLERANCE[spec.name]


def test_alpha_reads_back_frame_by_frame(spec: FormatSpec, tmp_path: Path) -> None:
    layers = coming_and_going()
    path = write_stream(spec, tmp_path, layers)
    found = list(read_alpha(path))
    assert len(found) == len(layers)
    for alpha, layer in zip(found, layers, strict=True):
        assert_alpha(spec, alpha, placed(layer))
        if layer is None:
            assert not alpha.any()  # absent is absent, in lossy formats too


def test_every_level_survives_where_promised(spec: FormatSpec, tmp_path: Path) -> None:
    if spec.name in LOSSY_TOLERANCE or spec.name == "exr":
        pytest.skip("the format does not promise it")
    levels = np.linspace(0, steps_of(spec), 128 * 64).round() / steps_of(spec)
    alpha = levels.reshape(64, 128).astype(np.float32)
    layer = Layer(16, 16, alpha, np.full((64, 128, 3), 90, np.uint8))
    path = write_stream(spec, tmp_path, [layer, None])
    assert_alpha(spec, next(read_alpha(path)), placed(layer))


def test_times_are_the_sources_even_where_its_rate_varies(spec: FormatSpec, tmp_path: Path) -> None:
    info = replace(INFO, is_variable_rate=True)
    path = write_stream(spec, tmp_path, coming_and_going(), info, ticks=VFR_TICKS)
    if spec.is_folder:
        lines = (path / "timecodes.txt").read_text().splitlines()[1:]
        assert [round(float(line) * 30) for line in lines] == VFR_TICKS
        return
    times = [frame.time for frame in open_source(path)]
    wanted = [Fraction(tick, 30000) for tick in VFR_TICKS]
    # Matroska and WebM count whole milliseconds.
    tolerance = Fraction(1, 2000) if spec.extension in (".mkv", ".webm") else Fraction(0)
    assert len(times) == len(wanted)
    assert all(abs(a - b) <= tolerance for a, b in zip(times, wanted, strict=True))


def test_a_video_counts_the_ticks_that_its_format_says(spec: FormatSpec, tmp_path: Path) -> None:
    if spec.is_folder:
        pytest.skip("pictures have no clock")
    info = replace(INFO, is_variable_rate=True)
    path = write_stream(spec, tmp_path, coming_and_going(), info, ticks=VFR_TICKS)
    assert open_source(path).info.time_base == (spec.tick_s or info.time_base)


def test_a_video_has_the_range_that_its_format_says(spec: FormatSpec, tmp_path: Path) -> None:
    if spec.is_rgb:
        pytest.skip("pictures of R'G'B' have no luma")
    path = write_stream(spec, tmp_path, coming_and_going())
    assert open_source(path).info.color.is_full_range == spec.is_full_range


@pytest.mark.parametrize("first_tick", [400, 900_900], ids=["13 ms", "30 s"])
def test_a_clip_that_starts_late_stays_late(
    spec: FormatSpec, tmp_path: Path, first_tick: int
) -> None:
    if spec.extension not in (".mov", ".mp4"):
        pytest.skip("pictures have no clock, Matroska's is tested above")
    ticks = [first_tick + 1001 * k for k in range(3)]
    path = write_stream(spec, tmp_path, [None, soft_layer(), None], ticks=ticks)
    with AlphaReader(path) as reader:
        assert reader.packet_times() == [Fraction(tick, 30000) for tick in ticks]


@pytest.mark.parametrize(("width", "height"), [(37, 23), (16, 16), (65, 48)], ids=str)
def test_odd_and_narrow_frames(spec: FormatSpec, tmp_path: Path, width: int, height: int) -> None:
    info = replace(INFO, width=width, height=height)
    layers = [soft_layer(-7, -5, 40), None, soft_layer(3, 2, 11)]
    path = write_stream(spec, tmp_path, layers, info)
    for found, layer in zip(read_alpha(path), layers, strict=True):
        if spec.name not in LOSSY_TOLERANCE:
            assert_alpha(spec, found, placed(layer, info))
        else:
            assert np.abs(found - placed(layer, info)).mean() < 0.03


@pytest.mark.parametrize("count", [1, 2, 40])
def test_one_frame_and_many(spec: FormatSpec, tmp_path: Path, count: int) -> None:
    path = write_stream(spec, tmp_path, [soft_layer(k) for k in range(count)])
    assert sum(1 for _ in read_alpha(path)) == count


def test_a_person_who_never_shows_is_no_fault(spec: FormatSpec, tmp_path: Path) -> None:
    path = write_stream(spec, tmp_path, [None] * 5)
    assert not any(alpha.any() for alpha in read_alpha(path))


def test_a_layer_outside_the_frame_is_absent(spec: FormatSpec, tmp_path: Path) -> None:
    path = write_stream(spec, tmp_path, [soft_layer(400, 10), soft_layer(10, -60)])
    assert not any(alpha.any() for alpha in read_alpha(path))


def test_colour_is_straight_and_black_beyond_the_crop(spec: FormatSpec, tmp_path: Path) -> None:
    if not spec.has_color or spec.name == "exr":
        pytest.skip("a matte has no colour; exr is premultiplied")
    path = write_stream(spec, tmp_path, [soft_layer(40, 20, 48)] * 2)
    image = next(iter(open_source(path, frame_rate=30))).image
    largest = np.iinfo(image.dtype).max
    colour = image[24:64, 44:84].reshape(-1, 3).mean(axis=0) / largest * 255
    assert np.abs(colour - (200, 120, 40)).max() < 4  # where alpha is 0 as well
    assert image[:, 120:].max() / largest < 3 / 255


def test_a_colour_format_needs_colour(spec: FormatSpec, tmp_path: Path) -> None:
    layer = replace(soft_layer(), foreground=None)
    if spec.has_color:
        with pytest.raises(ValueError, match="foreground"):
            write_stream(spec, tmp_path, [layer])
    else:
        write_stream(spec, tmp_path, [layer])


def test_times_off_the_clock_are_refused(spec: FormatSpec, tmp_path: Path) -> None:
    path = tmp_path / f"person_01{spec.extension}"
    with open_alpha_stream(spec.name, path, INFO) as stream:
        stream.write(Fraction(0), None)
        with pytest.raises(ValueError, match="before 0"):
            stream.write(-INFO.time_base, None)
        with pytest.raises(ValueError, match="no multiple of the time base"):
            stream.write(Fraction(1, 7), None)
        with pytest.raises(ValueError, match="does not follow"):
            stream.write(Fraction(0), None)
    with pytest.raises(ValueError, match="closed"):
        stream.write(Fraction(1), None)


def test_exr_names_its_primaries(tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    info = replace(INFO, color=ColorTags("bt2020", "bt2020-10", "bt2020nc"))
    path = write_stream(FORMATS["exr"], tmp_path, [soft_layer()], info)
    with openexr.File(str(path / "000001.exr")) as file:
        found = file.header()["chromaticities"]
    # ITU-R BT.2020, table 3.
    wanted = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
    assert found == pytest.approx(wanted, abs=1e-6)


def test_exr_is_linear_and_premultiplied(tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    layer = Layer(2, 1, np.full((3, 4), 0.5, np.float32), np.full((3, 4, 3), 255, np.uint8))
    assert layer.foreground is not None
    layer.foreground[0, 0] = 18  # 18 / 255 lies on the straight part of the BT.709 curve
    path = write_stream(FORMATS["exr"], tmp_path, [layer])
    with openexr.File(str(path / "000001.exr")) as file:
        pixels = file.channels()["RGBA"].pixels
    assert pixels.dtype == np.float16
    assert pixels[2, 3].tolist() == [0.5, 0.5, 0.5, 0.5]
    assert pixels[1, 2, 0] == pytest.approx(0.5 * 18 / 255 / 4.5, rel=1e-3)
    assert not pixels[0].any()
