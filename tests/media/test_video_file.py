"""Video files: times, rotation, depth, faults."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from instmatt_video.errors import FrameDecodeError, VideoOpenError
from instmatt_video.media.formats import open_alpha_stream
from instmatt_video.media.source import open_source
from instmatt_video.media.turn import Turn, turn_of
from instmatt_video.media.video_file import MAX_BAD_FRAMES_IN_A_ROW
from tests.media.made_clips import damage, disc_picture, write_video

Maker = Callable[..., Path]


def test_variable_rate_keeps_each_frames_time(make_video: Maker) -> None:
    ticks = [0, 1001, 2002, 5005, 6006, 9009, 9509, 12012]
    path = make_video("vfr.mp4", time_base=Fraction(1, 30000), ticks=ticks, rate=Fraction(30))
    source = open_source(path)
    assert [frame.time for frame in source] == [Fraction(tick, 30000) for tick in ticks]
    assert source.info.is_variable_rate
    assert any("variable frame rate" in warning for warning in source.warnings)
    assert [frame.time for frame in source.frames(5)] == [
        Fraction(tick, 30000) for tick in ticks[5:]
    ]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_broadcast_rates_are_exact(make_video: Maker, rate: Fraction, suffix: str) -> None:
    source = open_source(make_video(f"clip.{suffix}", rate=rate, count=30))
    assert source.info.frame_rate == rate
    assert not source.info.is_variable_rate  # Matroska's whole milliseconds are no variable rate
    assert [frame.time for frame in source] == [index / rate for index in range(30)]


JOINED = (
    "times repeat or start over in the file, as where recordings were joined: pictures and sound "
    "go on from what came before"
)


@pytest.mark.parametrize("begins", [0, 12, 250, 2500], ids=["anew", "within", "10 s", "100 s back"])
def test_joined_recordings_are_shown_one_after_the_other(make_video: Maker, begins: int) -> None:
    """In MPEG files FFmpeg takes a step back by more than a minute for a turn of the clock."""
    first = make_video("a.ts", count=8, ticks=range(begins, begins + 8))
    second = make_video("b.ts", count=30, ticks=range(30))
    joined = first.with_name("joined.ts")
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    source = open_source(joined)
    assert source.info.frame_count == 38
    assert source.info.duration_s == Fraction(38, 25)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(38))
    assert [frame.time for frame in frames] == [Fraction(k, 25) for k in range(38)]
    for frame in frames:
        truth = disc_picture(frame.index if frame.index < 8 else frame.index - 8)
        assert np.abs(frame.image.astype(int) - truth).mean() < 4
    assert source.warnings == [JOINED]
    for start in (5, 20):
        part = list(source.frames(start))
        assert [frame.index for frame in part] == list(range(start, 38))
        assert np.array_equal(part[0].image, frames[start].image)


@pytest.mark.parametrize("rate", [Fraction(2400), Fraction(1000, 40)], ids=["fast", "one repeats"])
def test_pictures_of_one_time_are_all_shown(tmp_path: Path, rate: Fraction) -> None:
    """On Matroska's clock of milliseconds; at 2,400 frames a second they are 5/12 ms apart."""
    path = tmp_path / "clip.mkv"
    ticks = [0, 40, 80, 80, 120, 170]
    if rate == 2400:
        ticks = [0, 0, 1, 1, 2, 2]
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for index, tick in enumerate(ticks):
            for packet in stream.encode(av.VideoFrame.from_ndarray(disc_picture(index), "rgb24")):
                packet.time_base = Fraction(1, 1000)
                packet.pts = packet.dts = tick
                container.mux(packet)
    source = open_source(path)
    frames = list(source)
    times = [0, 40, 80, 81, 120, 170]
    assert [1000 * frame.time for frame in frames] == (
        [k * Fraction(1000, 2400) for k in range(6)] if rate == 2400 else times
    )
    for frame in frames:
        assert np.abs(frame.image.astype(int) - disc_picture(frame.index)).mean() < 4
    assert source.warnings[0] == JOINED


@pytest.mark.parametrize(
    ("rotation_deg", "clockwise"),
    [(90, 270), (-90, 90), (180, 180)],
    ids=["counter-clockwise", "phone upright", "upside down"],
)
def test_rotation_is_applied(make_video: Maker, rotation_deg: int, clockwise: int) -> None:
    source = open_source(make_video("turned.mp4", rotation_deg=rotation_deg, count=2))
    turned = np.rot90(disc_picture(0), -clockwise // 90)
    assert source.info.rotation_deg == clockwise
    assert (source.info.height, source.info.width) == turned.shape[:2]
    image = next(iter(source)).image
    assert np.abs(image.astype(int) - turned).mean() < 4


@pytest.mark.parametrize(
    ("matrix", "seen"),
    [
        ((-1, 0, 0, 1), lambda picture: picture[:, ::-1]),
        ((1, 0, 0, -1), lambda picture: picture[::-1]),
        ((0, 1, 1, 0), lambda picture: picture.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda picture: picture[::-1, ::-1].swapaxes(0, 1)),
        ((0, 1, -1, 0), lambda picture: picture[::-1].swapaxes(0, 1)),
    ],
    ids=["left is right", "top is bottom", "transposed", "transposed upside down", "clockwise"],
)
def test_a_mirrored_picture_is_mirrored_back(
    make_video: Maker,
    matrix: tuple[int, int, int, int],
    seen: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Where x goes to a·x + c·y, and y to b·x + d·y."""
    source = open_source(make_video("front.mp4", display_matrix=matrix, count=2))
    truth = seen(disc_picture(0))
    assert (source.info.height, source.info.width) == truth.shape[:2]
    image = next(iter(source)).image
    assert np.abs(image.astype(int) - truth).mean() < 4


def test_side_data_without_a_name_is_no_harm(tmp_path: Path) -> None:
    """Of a TIFF file FFmpeg gives Exif, at which PyAV reads no side data at all."""
    assert cv2.imwrite(str(tmp_path / "1.tif"), disc_picture(0))
    with av.open(tmp_path / "1.tif") as container:
        assert turn_of(next(container.decode(video=0))) == Turn()


def test_anamorphic_pixels_turn_with_the_picture(make_video: Maker) -> None:
    path = make_video("wide.mp4", rotation_deg=90, pixel_aspect=Fraction(4, 3), count=1)
    assert open_source(path).info.pixel_aspect == Fraction(3, 4)


def test_ten_bits_are_not_crushed(tmp_path: Path) -> None:
    path = tmp_path / "ramp.mkv"
    ramp = np.arange(64, 940, dtype=np.uint16)  # every luma level of 10-bit video range
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = ramp.size, 4, "yuv444p10le"
        frame = av.VideoFrame(ramp.size, 4, "yuv444p10le")
        for plane in frame.planes:
            codes = np.frombuffer(memoryview(plane), np.uint16).reshape(4, -1)
            codes[:] = 512
        luma = np.frombuffer(memoryview(frame.planes[0]), np.uint16).reshape(4, -1)
        luma[:, : ramp.size] = ramp
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    source = open_source(path)
    image = next(iter(source)).image
    assert source.info.bit_depth == 10
    assert image.dtype == np.uint16
    expected = np.rint((ramp.astype(float) - 64) / 876 * 65535)
    assert np.abs(image[0, :, 1] - expected).max() <= 1


@pytest.mark.parametrize(("width", "height"), [(37, 23), (16, 48), (64, 15)], ids=str)
def test_odd_and_narrow_pictures(make_video: Maker, width: int, height: int) -> None:
    path = make_video(
        "odd.mkv", width=width, height=height, codec="ffv1", pixel_format="yuv444p", count=2
    )
    for frame in open_source(path):
        assert frame.image.shape == (height, width, 3)
        truth = disc_picture(frame.index, width, height)
        assert np.abs(frame.image.astype(int) - truth).max() <= 3


def test_one_frame_is_a_clip(make_video: Maker) -> None:
    source = open_source(make_video("one.mp4", count=1))
    assert source.info.frame_count == 1
    assert [frame.index for frame in source] == [0]
    assert list(source.frames(1)) == []


INTERLACED = "interlaced: fields are matted as they are; deinterlace first for clean edges"


def test_interlaced_is_flagged(make_video: Maker) -> None:
    source = open_source(make_video("fields.mp4", options={"flags": "+ildct+ilme"}, height=64))
    assert source.info.is_interlaced
    assert source.warnings == [INTERLACED]


def test_fields_count_as_pictures(make_video: Maker) -> None:
    source = open_source(make_video("fields.mp4", options={"flags": "+ildct+ilme"}, height=64))
    assert [frame.index for frame in source] == list(range(8))
    assert source.info.frame_count == 8
    assert source.warnings == [INTERLACED]


def test_what_an_edit_list_hides_is_not_shown_nor_missed(make_video: Maker) -> None:
    path = make_video("early.mp4", options={"bf": "0"}, ticks=range(-3, 5))
    source = open_source(path)
    assert [frame.time for frame in source] == [Fraction(k, 25) for k in range(5)]
    assert [frame.index for frame in source.frames(3)] == [3, 4]
    assert source.warnings == []
    first = next(iter(source)).image.astype(int)
    assert np.abs(first - disc_picture(3)).mean() < 4


def test_sound_timecode_and_aspect_are_found(make_video: Maker) -> None:
    path = make_video(
        "tc.mov", sounds=("aac",), timecode="01:02:03:04", pixel_aspect=Fraction(8, 9)
    )
    info = open_source(path).info
    assert info.has_audio
    assert info.timecode == "01:02:03:04"
    assert info.pixel_aspect == Fraction(8, 9)
    assert info.duration_s == Fraction(8, 25)


def test_a_rate_that_is_asked_for_replaces_the_clips_times(make_video: Maker) -> None:
    source = open_source(make_video(), frame_rate=12.5)
    assert [frame.time for frame in source] == [k / Fraction(25, 2) for k in range(8)]
    assert [frame.index for frame in source.frames(5)] == [5, 6, 7]
    assert source.warnings == ["its own 25 frames/s are replaced by 25/2, as asked (--fps)"]
    assert open_source(make_video(), frame_rate=25).warnings == []
    with pytest.raises(ValueError, match=r"must be in 0.001..100000, not 0"):
        open_source(make_video(), frame_rate=0)


def test_varying_times_are_not_replaced_without_a_word(make_video: Maker) -> None:
    ticks = [0, 40, 80, 100, 160, 200, 240, 280]  # 25 frames/s in the mean
    path = make_video("clip.mkv", codec="ffv1", time_base=Fraction(1, 1000), ticks=ticks)
    source = open_source(path, frame_rate=25)
    assert [frame.time for frame in source] == [Fraction(k, 25) for k in range(8)]
    assert source.warnings == [
        "variable frame rate: each frame's own time is replaced by that of 25 frames/s, as asked "
        "(--fps)"
    ]


@pytest.mark.parametrize("suffix", ["mov", "mkv", "mxf"])
def test_timecode_is_found_whatever_the_case_of_its_name(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip.{suffix}"
    codec = {"mxf": "mpeg2video"}.get(suffix, "libx264")
    write_video(path, codec=codec, timecode="01:02:03:04")
    assert open_source(path).info.timecode == "01:02:03:04"


def test_a_timecode_that_cannot_count_at_the_rate_is_left_out(make_video: Maker) -> None:
    path = make_video("df.mov", rate=Fraction(30000, 1001), timecode="01:00:00;00")
    assert open_source(path).info.timecode == "01:00:00;00"
    source = open_source(path, frame_rate=24)
    assert source.info.timecode is None
    assert source.warnings == [
        "its own 30000/1001 frames/s are replaced by 24, as asked (--fps)",
        "timecode left out: 01:00:00;00 counts no frames at 24 frames/s",
    ]


@pytest.mark.parametrize(("rate", "told"), [(255, "01:00:00:000"), (300, None)])
def test_a_movie_is_written_whatever_the_rate_of_a_timecode(
    make_video: Maker, rate: int, told: str | None
) -> None:
    """Movies count up to 255 frames a second in a timecode, in three digits; Matroska tells any."""
    clip = make_video("clip.mkv", codec="ffv1", rate=Fraction(rate), timecode="01:00:00:00")
    source = open_source(clip)
    path = clip.with_name("person_01.mov")
    with open_alpha_stream("prores4444", path, source.info) as stream:
        for frame in source:
            stream.write(frame.time, None)
    assert open_source(path).info.timecode == told
    assert any("timecode left out" in words for words in source.warnings) == (told is None)


@pytest.mark.parametrize(("frame_rate", "has_audio"), [(25, True), (24, False)])
def test_sound_is_left_out_where_another_rate_would_part_it_from_the_pictures(
    frame_rate: int, has_audio: bool, make_video: Maker
) -> None:
    source = open_source(make_video(sounds=("aac",)), frame_rate=frame_rate)
    assert source.info.has_audio is has_audio
    warnings = [
        "its own 25 frames/s are replaced by 24, as asked (--fps)",
        "sound left out: it would not keep time at 24 frames/s",
    ]
    assert source.warnings == ([] if has_audio else warnings)


@pytest.mark.parametrize("codec", ["mjpeg", "prores_ks"])
@pytest.mark.parametrize("count", [1, 2, 8], ids=["one", "two", "the most that is borne"])
def test_the_picture_before_stands_in_for_a_fault(
    make_video: Maker, codec: str, count: int
) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv422p10le"
    path = make_video("clip.mov", codec=codec, pixel_format=pixel_format, count=30)
    broken = range(7, 7 + count)
    source = open_source(damage(path, broken))
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time for frame in frames] == [Fraction(k, 25) for k in range(30)]
    assert [frame.index for frame in frames if frame.is_held] == list(broken)
    for frame in frames:
        shown = 6 if frame.index in broken else frame.index
        assert np.array_equal(frame.image, frames[shown].image)
    named = "frame 8" if count == 1 else f"frames 8-{7 + count}"
    assert source.warnings == [f"{named} cannot be decoded; a neighbouring picture stands in"]
    # From within the hole, and from behind it.
    for start in (broken.start, broken.stop - 1, broken.stop):
        part = list(source.frames(start))
        assert [frame.index for frame in part] == list(range(start, 30))
        assert [frame.is_held for frame in part] == [frame.index in broken for frame in part]
        assert np.array_equal(part[0].image, frames[start].image)
    assert len(source.warnings) == 1


@pytest.mark.parametrize(
    ("broken", "stands_in"), [(range(3), 3), (range(27, 30), 26)], ids=["beginning", "end"]
)
def test_a_fault_at_either_end_keeps_its_place(
    make_video: Maker, broken: range, stands_in: int
) -> None:
    path = make_video("clip.mov", codec="mjpeg", pixel_format="yuvj420p", count=30)
    frames = list(open_source(damage(path, broken)))
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.index for frame in frames if frame.is_held] == list(broken)
    assert all(np.array_equal(frames[k].image, frames[stands_in].image) for k in broken)


def test_nine_faults_in_a_row_end_the_run(make_video: Maker) -> None:
    path = make_video("clip.mov", codec="mjpeg", pixel_format="yuvj420p", count=30)
    source = open_source(damage(path, range(7, 16)))
    frames = []
    with pytest.raises(FrameDecodeError, match=r"more than 8 .* \(frames 8-16\)"):
        frames.extend(frame.index for frame in source)
    assert frames == list(range(7)), "all that come before are given"


def test_a_clip_without_one_good_frame_does_not_open(make_video: Maker) -> None:
    path = make_video("clip.mov", codec="mjpeg", pixel_format="yuvj420p", count=20)
    with pytest.raises(VideoOpenError, match="not one frame can be decoded"):
        open_source(damage(path, range(20)))


def test_a_file_cut_off_gives_what_is_left(make_video: Maker) -> None:
    path = make_video("clip.mov", count=60, codec="prores_ks", pixel_format="yuv422p10le")
    with (
        av.open(path) as container,
        av.open(path.with_name("fast.mov"), "w", options={"movflags": "faststart"}) as out,
    ):
        stream = out.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    fast = path.with_name("fast.mov")
    data = fast.read_bytes()
    fast.write_bytes(data[: len(data) // 2])
    source = open_source(fast)
    frames = list(source)
    assert 20 < len(frames) < 40
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert any("truncated" in warning for warning in source.warnings)


@pytest.mark.parametrize("sounds", [(), ("libopus",)], ids=["silent", "with sound"])
@pytest.mark.parametrize("begins", [0, 50], ids=["at zero", "at 2 s"])
@pytest.mark.parametrize("suffix", ["mkv", "webm"])
def test_matroska_that_is_cut_off_is_told_of(
    make_video: Maker, suffix: str, begins: int, sounds: tuple[str, ...]
) -> None:
    """Its header counts from 0 of its clock, and tells how long each stream is."""
    codec = {"mkv": "mjpeg", "webm": "libvpx"}[suffix]
    pixel_format = {"mkv": "yuvj420p", "webm": "yuv420p"}[suffix]
    path = make_video(
        f"clip.{suffix}",
        codec=codec,
        pixel_format=pixel_format,
        count=100,
        ticks=range(begins, begins + 100),
        sounds=sounds,
        options={"g": "10"},
    )
    whole = open_source(path)
    assert (whole.info.frame_count, whole.warnings) == (100, [])
    assert not any("truncated" in words for words in open_source(path, frame_rate=50).warnings)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    source = open_source(path)
    assert source.info.frame_count is not None and 10 < source.info.frame_count < 75
    named = f"the file ends after {float(source.info.duration_s):.2f} s: truncated?"
    assert source.warnings == [named]


@pytest.mark.parametrize("name", ["clip.ts", "clip.m2ts", "clip.flv"])
def test_containers_without_an_index_are_sought_to_the_last_frame(
    make_video: Maker, name: str
) -> None:
    """Seeking there may lead past the last key frame, from where no picture comes at all."""
    path = make_video(name, count=58, options={"g": "15", "threads": "1"})
    whole = list(open_source(path))
    assert [frame.index for frame in whole] == list(range(58))
    for start in (1, 31, 44, 47, 50, 57):
        source = open_source(path)
        part = list(source.frames(start))
        assert [frame.index for frame in part] == list(range(start, 58)), start
        assert np.array_equal(part[-1].image, whole[-1].image)
        assert source.warnings == []


def test_a_recording_may_begin_between_two_key_frames(make_video: Maker) -> None:
    """As one of a broadcast does: what comes before the first key frame cannot be decoded."""
    path = make_video("clip.ts", count=75, options={"g": "25", "threads": "1"})
    with av.open(path) as container:
        begun = [packet.pos for packet in container.demux(video=0) if packet.size][10]
    data = path.read_bytes()
    tables = 3 * 188  # what the file holds stands in its first packets
    path.write_bytes(data[:tables] + data[begun:])
    source = open_source(path)
    assert source.info.frame_count == 65
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(65))
    first = next(frame.index for frame in frames if not frame.is_held)
    assert first > MAX_BAD_FRAMES_IN_A_ROW
    named = f"frames 1-{first}"
    assert source.warnings == [f"{named} cannot be decoded; a neighbouring picture stands in"]
    assert all(frame.is_held == (frame.index < first) for frame in frames)
    assert np.array_equal(frames[0].image, frames[first].image)
    for frame in frames[first:]:
        assert np.abs(frame.image - disc_picture(10 + frame.index).astype(int)).mean() < 4


def test_pictures_of_another_size_are_scaled_to_the_clips(
    make_video: Maker, tmp_path: Path
) -> None:
    """A recording of a broadcast changes its size where the programme does."""
    parts = [make_video(f"{k}.ts", count=5, width=64 * k, height=48 * k) for k in (1, 2)]
    spliced = tmp_path / "spliced.ts"
    with av.open(spliced, "w", format="mpegts") as out:
        with av.open(parts[0]) as first:
            stream = out.add_stream_from_template(first.streams.video[0])
        for number, part in enumerate(parts):
            with av.open(part) as container:
                origin = container.streams.video[0].start_time
                for packet in container.demux(video=0):
                    if packet.size:
                        shift = number * 5 * 3600 - origin + 90000  # ticks of 1/90000 s
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        out.mux(packet)
    source = open_source(spliced)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(10))
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    assert source.warnings == ["some frames are 128x96, and scaled to 64x48"]
    for frame, index in zip(frames[5:], range(5), strict=True):
        assert np.abs(frame.image[4, 4].astype(int) - disc_picture(index)[4, 4]).max() < 12


def test_real_clips_are_counted_and_sought(shared_dir: Path) -> None:
    counts = {
        "dancers_studio.mp4": 96,
        "greeting_1080p.mp4": 72,
        "street_pets.avi": 795,
    }
    for name, count in counts.items():
        source = open_source(shared_dir / "data" / "video" / name)
        assert source.info.frame_count == count
        tail = [frame.index for frame in source.frames(count - 3)]
        assert tail == list(range(count - 3, count))
