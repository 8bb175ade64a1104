"""The colour policy, and conversion against the standard's formulas."""

from __future__ import annotations

import av
import numpy as np
import pytest

from instmatt_video.media.color import (
    MATRICES,
    PRIMARIES,
    TRANSFERS,
    RgbConverter,
    plane_view,
    resolve_tags,
    rgb_to_yuv,
    tag_frame,
    yuv_to_rgb,
)
from instmatt_video.media.frame import ColorTags
from instmatt_video.media.linear_light import to_linear

UNKNOWN = 2


@pytest.mark.parametrize(
    ("height", "matrix"),
    [
        (1080, "bt709"),
        (720, "bt709"),
        (2160, "bt709"),
        (576, "bt470bg"),
        (480, "smpte170m"),
        (486, "smpte170m"),
        (360, "bt709"),
    ],
)
def test_unknown_tags_are_filled_by_size(height: int, matrix: str) -> None:
    tags = resolve_tags(UNKNOWN, UNKNOWN, UNKNOWN, 0, height)
    assert tags.matrix == matrix
    assert tags.primaries == matrix
    assert not tags.is_full_range


def test_known_tags_stand() -> None:
    tags = resolve_tags(9, 16, 9, 2, 576)
    assert tags == ColorTags("bt2020", "smpte2084", "bt2020nc", is_full_range=True)


def test_bt2020_primaries_imply_the_matrix() -> None:
    assert resolve_tags(9, UNKNOWN, UNKNOWN, 1, 2160).matrix == "bt2020nc"
    assert resolve_tags(9, UNKNOWN, UNKNOWN, 1, 2160).transfer == "bt2020-10"


def test_every_name_is_ffmpegs() -> None:
    # ffmpeg -h names them; av_color_*_from_name knows every one of ours, e.g. through setparams.
    for option, names in (
        ("color_primaries", PRIMARIES),
        ("color_trc", TRANSFERS),
        ("colorspace", MATRICES),
    ):
        for name in names:
            graph = av.filter.Graph()
            graph.add("setparams", f"{option}={name}")


# Codes of 75 % colour bars in 10-bit video range, SMPTE RP 219 (BT.709): white, yellow, cyan,
# green, magenta, red, blue.
BARS_709 = [
    ((0.75, 0.75, 0.75), (721, 512, 512)),
    ((0.75, 0.75, 0.00), (674, 176, 543)),
    ((0.00, 0.75, 0.75), (581, 589, 176)),
    ((0.00, 0.75, 0.00), (534, 253, 207)),
    ((0.75, 0.00, 0.75), (251, 771, 817)),
    ((0.75, 0.00, 0.00), (204, 435, 848)),
    ((0.00, 0.00, 0.75), (111, 848, 481)),
]


@pytest.mark.parametrize(("rgb", "codes"), BARS_709, ids=[str(c) for _, c in BARS_709])
def test_golden_colour_bars(rgb: tuple[float, ...], codes: tuple[int, ...]) -> None:
    image = np.rint(np.array(rgb) * 65535).astype(np.uint16).reshape(1, 1, 3)
    assert tuple(rgb_to_yuv(image, ColorTags(), 10)[0, 0]) == codes


@pytest.mark.parametrize("matrix", list(MATRICES))
@pytest.mark.parametrize("is_full_range", [False, True], ids=["video", "full"])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_black_white_and_grey(matrix: str, is_full_range: bool, bits: int) -> None:
    unit = 1 << (bits - 8)
    black, white = (0, (1 << bits) - 1) if is_full_range else (16 * unit, 235 * unit)
    image = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    codes = rgb_to_yuv(image, ColorTags(matrix=matrix, is_full_range=is_full_range), bits)
    neutral = 128 * unit
    assert codes.tolist() == [[[black, neutral, neutral], [white, neutral, neutral]]]


@pytest.mark.parametrize("matrix", list(MATRICES))
@pytest.mark.parametrize("is_full_range", [False, True], ids=["video", "full"])
def test_eight_bit_colours_survive_a_round_trip_in_ten_bits(
    matrix: str, is_full_range: bool
) -> None:
    image = np.random.default_rng(7).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    color = ColorTags(matrix=matrix, is_full_range=is_full_range)
    back = yuv_to_rgb(rgb_to_yuv(image, color, 10), color, 10)
    assert np.array_equal(np.rint(back / 257), image)


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv444p10le", "yuv444p12le"])
@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt470bg", "bt2020nc", "smpte240m"])
@pytest.mark.parametrize("is_full_range", [False, True], ids=["video", "full"])
def test_decoded_frames_follow_the_formula(
    pixel_format: str, matrix: str, is_full_range: bool
) -> None:
    bits = {"yuv444p": 8, "yuv444p10le": 10, "yuv444p12le": 12}[pixel_format]
    color = ColorTags(matrix=matrix, is_full_range=is_full_range)
    image = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    codes = rgb_to_yuv(image, color, bits)
    frame = av.VideoFrame(32, 32, pixel_format)
    for k in range(3):
        plane_view(frame, k)[:] = codes[..., k]
    # The frame bears no tags: the clip's resolved ones must decide.
    decoded = RgbConverter(color)(frame)
    assert decoded.dtype == (np.uint8 if bits == 8 else np.uint16)
    levels = decoded if bits == 8 else np.rint(decoded / 257)
    assert np.abs(levels.astype(int) - image).max() <= (2 if bits == 8 else 0)


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize(("luma", "grey"), [(16, 0), (60, 51), (126, 128), (200, 214), (235, 255)])
def test_grey_is_as_bright_whatever_the_chroma_sampling(name: str, luma: int, grey: int) -> None:
    frame = av.VideoFrame(64, 48, name)
    for plane, value in enumerate((luma, 128, 128)):
        plane_view(frame, plane)[:] = value
    assert (RgbConverter(ColorTags())(frame) == grey).all()  # (luma - 16) · 255 / 219


def test_tags_are_set_on_frames() -> None:
    frame = av.VideoFrame(16, 16, "yuv444p10le")
    tag_frame(frame, ColorTags("bt2020", "arib-std-b67", "bt2020nc", is_full_range=True))
    assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (
        9,
        18,
        9,
        2,
    )


@pytest.mark.parametrize(
    ("transfer", "code", "linear"),
    [
        ("linear", 128, 128 / 255),
        ("iec61966-2-1", 188, 0.5028865),  # IEC 61966-2-1, 4.4
        ("bt709", 255, 1.0),
        ("bt709", 18, 18 / 255 / 4.5),  # the straight part near black
        ("bt470m", 128, (128 / 255) ** 2.2),
        ("bt470bg", 128, (128 / 255) ** 2.8),
    ],
)
def test_linear_light(transfer: str, code: int, linear: float) -> None:
    assert to_linear(np.array([code], np.uint8), transfer)[0] == pytest.approx(linear, abs=1e-6)
    deep = to_linear(np.array([code * 257], np.uint16), transfer)[0]
    assert deep == pytest.approx(linear, abs=1e-6)
