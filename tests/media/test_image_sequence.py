"""Folders and patterns of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from instmatt_video.errors import FrameDecodeError, VideoOpenError
from instmatt_video.media.animation import is_animated
from instmatt_video.media.frame import ColorTags
from instmatt_video.media.source import open_source, open_still
from tests.media.made_clips import disc_picture

Maker = Callable[..., Path]


def test_natural_order_and_first_number(make_folder: Maker) -> None:
    source = open_source(make_folder(numbers=range(8, 14)))  # frame_8 … frame_13
    assert [np.array_equal(f.image, disc_picture(f.index)) for f in source] == [True] * 6
    assert source.info.first_frame_number == 8


def test_default_rate_is_announced(make_folder: Maker) -> None:
    source = open_source(make_folder())
    assert source.info.frame_rate == 24
    assert any("24 frames/s" in warning for warning in source.warnings)
    assert [frame.time for frame in source] == [Fraction(k, 24) for k in range(8)]


@pytest.mark.parametrize(
    ("given", "meant"),
    [(29.97, Fraction(30000, 1001)), (23.976, Fraction(24000, 1001)), (25, 25), (12.5, 12.5)],
)
def test_rounded_rates_mean_the_broadcast_ones(
    make_folder: Maker, given: float, meant: Fraction
) -> None:
    assert open_source(make_folder(), frame_rate=given).info.frame_rate == meant


def test_a_rate_that_is_given_is_not_announced(make_folder: Maker) -> None:
    source = open_source(make_folder(), frame_rate=Fraction(30000, 1001))
    assert source.warnings == []
    assert source.info.time_base == Fraction(1001, 30000)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_kinds_of_pictures(make_folder: Maker, suffix: str) -> None:
    source = open_source(make_folder(template=f"frame_{{:04d}}.{suffix}"))
    for frame in source:
        assert np.abs(frame.image.astype(int) - disc_picture(frame.index)).mean() < 4


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp"])
def test_one_picture_is_a_sequence_of_one(make_folder: Maker, suffix: str) -> None:
    folder = make_folder(template=f"frame_{{:04d}}.{suffix}", numbers=[7])
    alone = open_source(folder / f"frame_0007.{suffix}", frame_rate=25)
    together = open_source(folder, frame_rate=25)
    assert replace(alone.info, name=folder.name) == together.info
    assert alone.info.first_frame_number == 7
    (one,), (other,) = list(alone), list(together)
    assert np.array_equal(one.image, other.image)


def test_an_animated_png_is_a_film(tmp_path: Path) -> None:
    path = tmp_path / "clip.png"
    with av.open(path, "w", format="apng") as container:
        stream = container.add_stream("apng", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(disc_picture(index), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frames = list(open_source(path))
    assert [frame.index for frame in frames] == [0, 1, 2]
    for frame in frames:
        assert np.abs(frame.image.astype(int) - disc_picture(frame.index)).mean() < 4
    assert open_still(path).warnings == []


@pytest.mark.parametrize(
    ("flags", "is_film"), [(0x02, True), (0x10, False)], ids=["moving", "with alpha"]
)
def test_a_webp_says_whether_it_moves(tmp_path: Path, flags: int, is_film: bool) -> None:
    path = tmp_path / "clip.webp"
    path.write_bytes(b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes([flags]) + bytes(9))
    assert is_animated(path) == is_film


def test_sixteen_bits(make_folder: Maker) -> None:
    source = open_source(make_folder(deep=True))
    assert source.info.bit_depth == 16
    for frame in source:
        assert np.array_equal(frame.image, disc_picture(frame.index, deep=True))


@pytest.mark.parametrize("kind", ["grey", "alpha"])
def test_grey_and_alpha_become_rgb(tmp_path: Path, kind: str) -> None:
    shape = (4, 6) if kind == "grey" else (4, 6, 4)
    cv2.imwrite(str(tmp_path / "1.png"), np.full(shape, 77, np.uint8))
    (frame,) = open_source(tmp_path)
    assert np.array_equal(frame.image, np.full((4, 6, 3), 77))


def test_colours_of_a_tiff_are_not_multiplied_by_its_alpha(tmp_path: Path) -> None:
    rgba = np.zeros((4, 6, 4), np.uint8)
    rgba[..., :3], rgba[..., 3] = (200, 100, 50), np.arange(6) * 51
    frame = av.VideoFrame.from_ndarray(rgba, format="rgba")
    with av.open(tmp_path / "%d.tif", "w", format="image2") as container:
        stream = container.add_stream("tiff", rate=25)
        stream.width, stream.height, stream.pix_fmt = 6, 4, "rgba"
        container.mux([*stream.encode(frame), *stream.encode(None)])
    (found,) = open_source(tmp_path)
    assert np.array_equal(found.image, rgba[..., :3])


@pytest.mark.parametrize("other", ["b.{:04d}.png", "a_v2.{:04d}.png", "a.-{:04d}.png"])
def test_two_sequences_in_one_folder_are_refused(make_folder: Maker, other: str) -> None:
    folder = make_folder(template="a.{:04d}.png", numbers=range(1, 5))
    for number in (1, 2):
        cv2.imwrite(str(folder / other.format(number)), disc_picture(number))
    with pytest.raises(VideoOpenError, match=r"several sequences, as .*a\.####\.png"):
        open_source(folder)
    source = open_source(folder / "a.####.png")
    assert [np.array_equal(f.image, disc_picture(f.index)) for f in source] == [True] * 4
    assert source.info.name == "a"


def test_shots_that_go_on_counting_are_one_sequence(make_folder: Maker) -> None:
    folder = make_folder(template="day1_{:04d}.png", numbers=range(1, 5))
    for number in (5, 6):
        cv2.imwrite(str(folder / f"day2_{number:04d}.png"), disc_picture(number))
    assert len(list(open_source(folder))) == 6


def test_hashes_stand_for_digits(make_folder: Maker) -> None:
    folder = make_folder(template="frame_{:03d}.png", numbers=[8, 9, 10])
    for pattern in ("frame_###.png", "frame_#.png", "frame_%03d.png", "frame_%d.png"):
        assert len(list(open_source(folder / pattern))) == 3
    with pytest.raises(VideoOpenError, match="no file matches the pattern"):
        open_source(folder / "frame_####.png")


def test_a_gap_names_the_missing_frame(make_folder: Maker) -> None:
    folder = make_folder(numbers=[1, 2, 4, 5])
    with pytest.raises(VideoOpenError, match=r"frame 3 is missing after frame_2\.png"):
        open_source(folder)
    with pytest.raises(VideoOpenError, match=r"frame 3 is missing after frame_2\.png"):
        open_source(folder / "frame_%d.png")


@pytest.mark.parametrize("pattern", ["", "shot_%04d_v2.png", "shot_####_v2.png"])
def test_a_version_behind_it_is_not_the_frames_number(make_folder: Maker, pattern: str) -> None:
    template = "shot_{:04d}_v2.png"
    source = open_source(make_folder(template=template, numbers=[101, 102, 103]) / pattern)
    assert source.info.first_frame_number == 101
    (source.info.path / template.format(102)).unlink()  # type: ignore[operator]
    with pytest.raises(VideoOpenError, match=r"frame 102 is missing after shot_0101_v2\.png"):
        open_source(source.info.path / pattern)  # type: ignore[operator]


def test_a_glob_takes_what_there_is_and_tells_how_it_is_counted(make_folder: Maker) -> None:
    folder = make_folder(numbers=[1, 2, 4, 5])
    source = open_source(folder / "frame_*.png")
    assert len(list(source)) == 4
    gap = [warning for warning in source.warnings if "counted on" in warning]
    assert len(gap) == 1 and gap[0].startswith("frame_2.png: the next picture is 4;")


@pytest.mark.parametrize("pattern", ["", "frame_*.png", "frame_%d.png"])
def test_a_whole_row_has_no_gap_to_tell_of(make_folder: Maker, pattern: str) -> None:
    source = open_source(make_folder(numbers=[8, 9, 10]) / pattern)
    assert not any("counted on" in warning for warning in source.warnings)


def test_mixed_sizes_name_the_file(make_folder: Maker) -> None:
    folder = make_folder()
    cv2.imwrite(str(folder / "frame_5.png"), disc_picture(5, 32, 48))
    with pytest.raises(VideoOpenError, match=r"frame_5\.png: 32x48, but frame_0\.png is 64x48"):
        open_source(folder)


def test_mixed_kinds_are_refused(make_folder: Maker) -> None:
    folder = make_folder()
    cv2.imwrite(str(folder / "frame_8.jpg"), disc_picture(8))
    with pytest.raises(VideoOpenError, match=r"several kinds \(\.jpg, \.png\)"):
        open_source(folder)
    assert len(list(open_source(folder / "*.png"))) == 8


@pytest.mark.parametrize("suffix", ["png", "jpg"])
@pytest.mark.parametrize("damage", ["cut off", "noise", "empty"])
def test_a_corrupt_frame_is_named_and_the_one_before_stands_in(
    make_folder: Maker, suffix: str, damage: str
) -> None:
    folder = make_folder(template=f"frame_{{:d}}.{suffix}")
    path = folder / f"frame_3.{suffix}"
    data = path.read_bytes()
    path.write_bytes(
        {"cut off": data[: len(data) // 2], "noise": b"noise" * 40, "empty": b""}[damage]
    )
    source = open_source(folder, frame_rate=25)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(8))
    assert [frame.time for frame in frames] == [Fraction(k, 25) for k in range(8)]
    assert [frame.index for frame in frames if frame.is_held] == [3]
    assert np.array_equal(frames[3].image, frames[2].image)
    assert len(source.warnings) == 1
    assert str(path) in source.warnings[0]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_what_follows_a_pictures_end_is_no_harm(make_folder: Maker, suffix: str) -> None:
    """Some cameras fill their files up to whole blocks."""
    folder = make_folder(template=f"frame_{{:d}}.{suffix}")
    plain = list(open_source(folder, frame_rate=25))
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes() + bytes(300))
    source = open_source(folder, frame_rate=25)
    for frame, before in zip(source, plain, strict=True):
        assert not frame.is_held
        assert np.array_equal(frame.image, before.image)
    assert source.warnings == []


def test_the_end_of_a_thumbnail_is_not_the_pictures(make_folder: Maker) -> None:
    folder = make_folder(template="frame_{:d}.jpg")
    path = folder / "frame_3.jpg"
    data = path.read_bytes()
    thumbnail = b"Exif\0\0" + data[:300] + b"\xff\xd9"
    whole = data[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + data[2:]
    path.write_bytes(whole)
    assert not any(frame.is_held for frame in open_source(folder))
    path.write_bytes(whole[:-200])
    assert [frame.index for frame in open_source(folder) if frame.is_held] == [3]


def test_pictures_of_floats_are_named_as_such(make_folder: Maker) -> None:
    folder = make_folder(numbers=())
    for number in range(2):
        cv2.imwrite(str(folder / f"{number}.tif"), np.zeros((8, 8, 3), np.float32))
    with pytest.raises(VideoOpenError, match=r"0\.tif: its values are float32, .* or EXR"):
        open_source(folder)


def test_nine_corrupt_frames_in_a_row_end_the_run(make_folder: Maker) -> None:
    folder = make_folder(numbers=range(20))
    for number in range(5, 14):
        (folder / f"frame_{number}.png").write_bytes(b"noise")
    frames = []
    with pytest.raises(FrameDecodeError, match=r"frame_13\.png: more than 8 frames in a row"):
        frames.extend(frame.index for frame in open_source(folder))
    assert frames == list(range(5)), "all that come before are given"


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        pytest.param([0, 1], {0: 2, 1: 2}, id="the first two"),
        pytest.param([3, 4, 5], {3: 2, 4: 2, 5: 2}, id="in the middle"),
        pytest.param([6, 7], {6: 5, 7: 5}, id="the last two"),
        pytest.param([2, 4], {2: 1, 4: 3}, id="apart"),
    ],
)
def test_wherever_reading_begins_the_same_pictures_stand_in(
    make_folder: Maker, bad: list[int], shown: dict[int, int]
) -> None:
    folder = make_folder()
    for number in bad:
        (folder / f"frame_{number}.png").write_bytes(b"noise")
    source = open_source(folder, frame_rate=25)
    for start in range(8):
        frames = list(source.frames(start))
        assert [frame.index for frame in frames] == list(range(start, 8))
        assert [frame.index for frame in frames if frame.is_held] == [k for k in bad if k >= start]
        for frame in frames:
            picture = disc_picture(shown.get(frame.index, frame.index))
            assert np.array_equal(frame.image, picture), (start, frame.index)


def test_changed_pictures_are_told_of_where_they_are_asked_for(
    make_folder: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder()
    source = open_source(folder)
    source.refuse_changed()
    (folder / "frame_5.png").write_bytes(b"another")
    (folder / "frame_7.png").unlink()
    for unchanged in ((0, 5), (6, 7), (8, 12)):
        source.refuse_changed(*unchanged)
    for changed in ((0, None), (5, 6), (4, 12), (6, 8)):
        with pytest.raises(VideoOpenError, match=f"{folder} has changed while it was read"):
            source.refuse_changed(*changed)
    asked: list[str] = []
    stat = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path: asked.append(path.name) or stat(path))
    source.refuse_changed(1, 3)
    assert asked == ["frame_1.png", "frame_2.png"], "no other file of a network disk"


def test_hidden_files_and_notes_do_not_matter(make_folder: Maker) -> None:
    folder = make_folder()
    (folder / "._frame_3.png").write_bytes(b"resource fork")
    (folder / "notes.txt").write_text("take 2")
    assert open_source(folder).info.frame_count == 8


def test_pictures_without_numbers_are_a_clip_too(tmp_path: Path) -> None:
    for name in ("b.png", "a.png"):
        cv2.imwrite(str(tmp_path / name), np.full((4, 4, 3), ord(name[0]), np.uint8))
    source = open_source(tmp_path)
    assert [int(frame.image[0, 0, 0]) for frame in source] == [ord("a"), ord("b")]
    assert source.info.first_frame_number == 1


def test_pictures_are_srgb_whatever_their_size(make_folder: Maker) -> None:
    info = open_source(make_folder(width=72, height=480, numbers=range(1))).info
    assert info.color == ColorTags("bt709", "iec61966-2-1", "bt709")


def test_exif_orientation_counts(tmp_path: Path) -> None:
    import struct

    cv2.imwrite(str(tmp_path / "1.jpg"), disc_picture(0, 64, 48)[..., ::-1])
    data = (tmp_path / "1.jpg").read_bytes()
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)  # turn clockwise by 90 degrees
    body = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    (tmp_path / "1.jpg").write_bytes(data[:2] + segment + data[2:])
    source = open_source(tmp_path)
    assert (source.info.width, source.info.height) == (48, 64)
    (frame,) = source
    assert frame.image.shape == (64, 48, 3)
