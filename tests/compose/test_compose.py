"""What comes out of a composition, pixel by pixel, of clips whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from instmatt_video import MatteConfig, matte_video
from instmatt_video.compose.composition import compose_streams
from instmatt_video.compose.options import ComposeOptions, Placement, parse_background
from instmatt_video.config import OutputConfig
from instmatt_video.errors import FrameDecodeError
from instmatt_video.media.color import plane_view
from instmatt_video.media.frame import ColorTags
from instmatt_video.media.source import open_source
from tests.compose.conftest import FRAMES, soft_neighbours
from tests.media.made_clips import damage, write_video
from tests.synthetic_clip import (
    SIZE,
    BoxMatter,
    ColorDetector,
    boxes_at,
    write_frames,
)

pytestmark = pytest.mark.usefixtures("ffmpeg_program")

BLUE = (0, 71, 187)


def pictures(path: Path) -> list[np.ndarray]:
    """Return a video's frames, RGB 0..255, as floats."""
    return [
        frame.image / (257.0 if frame.image.dtype == np.uint16 else 1.0)
        for frame in open_source(path)
    ]


def lumas(path: Path) -> list[np.ndarray]:
    """Return a video's 8-bit luma codes, as floats."""
    with av.open(path) as container:
        return [np.array(plane_view(f, 0), float) for f in container.decode(video=0)]


def times(path: Path) -> list[Fraction]:
    return [frame.time for frame in open_source(path)]


def away_from_edges(frame: int, margin: int = 4) -> np.ndarray:
    """Return the pixels that chroma of a box's edge does not reach."""
    width, height = SIZE
    is_person = np.zeros((height, width), np.uint8)
    for left, top, right, bottom in boxes_at(frame).values():
        is_person[top:bottom, max(0, left) : right] = 1
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    return cv2.morphologyEx(is_person, cv2.MORPH_GRADIENT, kernel) == 0


def is_person(frame: int, without: int | None = None) -> np.ndarray:
    width, height = SIZE
    mask = np.zeros((height, width), bool)
    for person, (left, top, right, bottom) in boxes_at(frame).items():
        if person != without:
            mask[top:bottom, max(0, left) : right] = True
    return mask


@pytest.mark.parametrize(
    ("format", "is_trimmed"),
    [
        ("prores4444", False),
        ("prores4444", True),
        ("matte-ffv1", True),
        ("matte-prores", False),
        ("matte-mp4", False),
        ("png", True),
        ("webm", False),
    ],
)
def test_people_over_a_colour(
    format: str, is_trimmed: bool, make_folder: Callable[..., Path], clip: Path, tmp_path: Path
) -> None:
    """Person 1 enters at frame 6: a trimmed stream must be placed there."""
    options = ComposeOptions(parse_background("blue"), quality=1, has_audio=False)
    made = compose_streams(make_folder(format, is_trimmed), tmp_path / "out.mov", options)
    assert (made.frame_count, made.people) == (FRAMES, (1, 2))
    truth = pictures(clip)
    for index, picture in enumerate(pictures(tmp_path / "out.mov")):
        expected = np.where(is_person(index)[..., None], truth[index], BLUE)
        error = np.abs(picture - expected).max(2)
        assert error[away_from_edges(index)].max() < 4, f"frame {index}"
    assert times(tmp_path / "out.mov") == times(clip)


def test_everybody_over_the_source_is_the_source(
    make_folder: Callable[..., Path], clip: Path, tmp_path: Path
) -> None:
    """Luma codes as they are stored: the clip is 4:4:4, the composition 4:2:0."""
    compose_streams(make_folder(), tmp_path / "out.mp4", ComposeOptions(quality=4))
    squares = [
        np.square(made - true)[away_from_edges(index) & ~is_person(index)]
        for index, (made, true) in enumerate(
            zip(lumas(tmp_path / "out.mp4"), lumas(clip), strict=True)
        )
    ]
    # A PSNR of 45 dB.
    assert np.concatenate(squares).mean() <= 255**2 / 10**4.5
    with av.open(tmp_path / "out.mp4") as made, av.open(clip) as source:
        assert made.streams.video[0].average_rate == 25
        assert [bytes(p) for p in made.demux(audio=0)] == [bytes(p) for p in source.demux(audio=0)]
        context = made.streams.video[0].codec_context
        # An untagged clip of 96 lines counts as HD.
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)
        assert context.color_range == 1


def test_who_is_left_out_is_not_seen(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    options = ComposeOptions(parse_background("blue"), without=(2,), quality=1)
    made = compose_streams(make_folder(), tmp_path / "out.mov", options)
    assert made.people == (1,)
    picture = pictures(tmp_path / "out.mov")[9]
    gone = is_person(9) & ~is_person(9, without=1)
    assert np.abs(picture - BLUE).max(2)[gone & away_from_edges(9)].max() < 4


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_order_and_place(
    order: tuple[int, int], make_folder: Callable[..., Path], clip: Path, tmp_path: Path
) -> None:
    """Person 2, moved by (-90, -20), comes to lie over person 1; the last in order is in front."""
    place = {2: Placement(1.0, -90, -20)}
    options = ComposeOptions(parse_background("blue"), order=order, places=place, quality=1)
    assert compose_streams(make_folder(), tmp_path / "out.mov", options).people == order
    (l0, t0, r0, b0), (l1, t1, r1, b1) = boxes_at(9).values()
    l1, r1, t1, b1 = l1 - 90, r1 - 90, t1 - 20, b1 - 20
    left, right, top, bottom = max(l0, l1), min(r0, r1), max(t0, t1), min(b0, b1)
    x, y = (left + right) // 2, (top + bottom) // 2
    source = pictures(clip)[9]
    front = source[y, x] if order[-1] == 1 else source[y + 20, x + 90]
    assert np.abs(pictures(tmp_path / "out.mov")[9][y, x] - front).max() < 4


def test_a_person_half_as_large(
    make_folder: Callable[..., Path], clip: Path, tmp_path: Path
) -> None:
    options = ComposeOptions(
        parse_background("blue"), without=(2,), places={1: Placement(0.5, 40, 10)}, quality=1
    )
    compose_streams(make_folder(), tmp_path / "out.mov", options)
    picture, source = pictures(tmp_path / "out.mov")[4], pictures(clip)[4]
    left, top, right, bottom = boxes_at(4)[0]
    seen = np.abs(picture - BLUE).max(2) > 60
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    found = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    expected = np.array([left, top, right, bottom]) / 2 + [40, 10, 40, 10]
    assert np.abs(found - expected).max() <= 2
    middle = ((top + bottom) // 4 + 10, (left + right) // 4 + 40)
    assert np.abs(picture[middle] - source[(top + bottom) // 2, (left + right) // 2]).max() < 4


def test_people_who_share_a_pixel_leave_no_seam(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """Shares of 1/2 and 1/2 cover all: `over` alone would show a quarter of the background."""
    folder = soft_neighbours(tmp_path, make_folder())
    options = ComposeOptions(parse_background("blue"), quality=1)
    compose_streams(folder, tmp_path / "out.mov", options)
    expected = np.mean([(200, 40, 40), (40, 190, 40)], axis=0)
    assert np.abs(pictures(tmp_path / "out.mov")[1] - expected).max() < 3


def test_half_an_alpha_is_half_of_the_code_values(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """Straight alpha, blended as the mattes were solved: not in linear light."""
    folder = soft_neighbours(tmp_path, make_folder())
    options = ComposeOptions(parse_background("blue"), without=(2,), quality=1)
    compose_streams(folder, tmp_path / "out.mov", options)
    expected = np.mean([(200, 40, 40), BLUE], axis=0)
    assert np.abs(pictures(tmp_path / "out.mov")[0] - expected).max() < 3


def test_picture_behind(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    """A picture twice as wide as it must be is cut at both sides."""
    image = np.zeros((96, 320, 3), np.uint8)
    image[:, :80] = image[:, 240:] = (0, 0, 255)
    image[:, 80:240] = (0, 200, 0)
    cv2.imwrite(str(tmp_path / "back.png"), image)
    options = ComposeOptions(parse_background(str(tmp_path / "back.png")), quality=1)
    compose_streams(make_folder(), tmp_path / "out.mov", options)
    made = pictures(tmp_path / "out.mov")
    for index in (0, FRAMES - 1):
        free = away_from_edges(index) & ~is_person(index)
        free[:, :4] = free[:, -4:] = False
        assert np.abs(made[index] - (0, 200, 0)).max(2)[free].max() < 4


def test_black_is_behind_a_clear_picture(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    image = np.full((96, 160, 4), (0, 0, 200, 128), np.uint8)  # red, half of it
    cv2.imwrite(str(tmp_path / "back.png"), image)
    options = ComposeOptions(parse_background(str(tmp_path / "back.png")), quality=1)
    compose_streams(make_folder(), tmp_path / "out.mov", options)
    free = away_from_edges(0) & ~is_person(0)
    assert np.abs(pictures(tmp_path / "out.mov")[0] - (100, 0, 0)).max(2)[free].max() < 4


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("back.mov", "prores_ks", "yuva444p10le"),
        ("back.webm", "libvpx-vp9", "yuva420p"),
        ("back.webm", "libvpx", "yuva420p"),
        ("back.mkv", "libvpx-vp9", "yuva420p"),
    ],
    ids=["ProRes 4444", "VP9", "VP8", "VP9 in Matroska"],
)
def test_black_is_behind_a_clear_video(
    name: str, codec: str, pixel_format: str, make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    image = np.full((96, 160, 4), (200, 200, 200, 128), np.uint8)  # whatever the matrix
    coding = {"auto-alt-ref": "0"} if codec.startswith("libvpx") else {}
    with av.open(tmp_path / name, "w") as container:
        stream = container.add_stream(codec, rate=25, options=coding)
        stream.width, stream.height, stream.pix_fmt = 160, 96, pixel_format
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgba")))
        container.mux(stream.encode(None))
    options = ComposeOptions(parse_background(str(tmp_path / name)), quality=1)
    compose_streams(make_folder(), tmp_path / "out.mov", options)
    free = away_from_edges(0) & ~is_person(0)
    assert np.abs(pictures(tmp_path / "out.mov")[0] - 100).max(2)[free].max() < 4


@pytest.mark.parametrize(
    "name", ["back.mp4", "back.mkv", "back.mts", "back.ts", "it's %d.mpg", "back.h264"]
)
def test_a_short_video_behind_is_looped(
    name: str, make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    write_video(tmp_path / name, count=4, width=160, height=96, options={"crf": "1"})
    options = ComposeOptions(parse_background(str(tmp_path / name)), quality=1)
    compose_streams(make_folder(), tmp_path / "out.mov", options)
    back, made = pictures(tmp_path / name), pictures(tmp_path / "out.mov")
    assert len(made) == FRAMES
    for index in range(FRAMES):  # the bottom row is nobody's
        assert np.abs(made[index][94] - back[index % 4][94]).mean() < 3


def test_blur_keeps_a_flat_wall_flat(
    make_folder: Callable[..., Path], clip: Path, tmp_path: Path
) -> None:
    options = ComposeOptions(parse_background("blur:2"), quality=1)
    compose_streams(make_folder(), tmp_path / "out.mov", options)
    made, true = pictures(tmp_path / "out.mov")[0], pictures(clip)[0]
    far = away_from_edges(0, 12) & ~is_person(0)
    assert np.abs(made - true).max(2)[far].max() < 4


def test_sheet_shows_everybody_alone(
    make_folder: Callable[..., Path], clip: Path, tmp_path: Path
) -> None:
    options = ComposeOptions(parse_background("blue"), is_sheet=True, quality=1)
    made = compose_streams(make_folder(), tmp_path / "out.mov", options)
    width, height = SIZE
    assert (made.width, made.height) == (2 * width, height)
    picture, source = pictures(tmp_path / "out.mov")[9], pictures(clip)[9]
    for cell, (person, box) in enumerate(sorted(boxes_at(9).items())):
        alone = picture[:, cell * width : (cell + 1) * width]
        x, y = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
        assert np.abs(alone[y, x] - source[y, x]).max() < 4
        other = boxes_at(9)[1 - person]
        assert np.abs(alone[other[3] - 6, (other[0] + other[2]) // 2] - BLUE).max() < 4


def test_odd_sides_are_made_even_for_chroma(tmp_path: Path) -> None:
    clip = tmp_path / "odd.mp4"
    write_video(clip, count=3, width=65, height=49, pixel_format="yuv444p", rotation_deg=90)
    output = OutputConfig(has_preview=False, has_report=False)
    matte_video(
        clip, tmp_path, MatteConfig(output=output), detector=ColorDetector(), matter=BoxMatter()
    )
    made = compose_streams(tmp_path / "odd", tmp_path / "out.mp4", ComposeOptions(quality=1))
    assert (made.width, made.height) == (50, 66)  # upright, and a column and a row more
    for composed, true in zip(pictures(made.path), pictures(clip), strict=True):
        assert np.abs(composed[:49, :49] - true[:49, :49]).mean() < 6
        assert np.abs(composed[65] - composed[64]).mean() < 3
    exact = compose_streams(tmp_path / "odd", tmp_path / "out.mov", ComposeOptions())
    assert (exact.width, exact.height) == (49, 65)


@pytest.mark.parametrize("format", ["prores4444", "matte-ffv1"])
def test_variable_frame_rate_keeps_each_frames_time(format: str, tmp_path: Path) -> None:
    clip, ticks = tmp_path / "phone.mp4", (0, 3001, 6003, 12100, 12990, 21000)
    write_video(clip, count=6, rate=Fraction(30), time_base=Fraction(1, 90000), ticks=ticks)
    output = OutputConfig(format=format, has_preview=False, has_report=False)
    matte_video(
        clip, tmp_path, MatteConfig(output=output), detector=ColorDetector(), matter=BoxMatter()
    )
    made = compose_streams(tmp_path / "phone", tmp_path / "out.mp4", ComposeOptions(quality=1))
    tolerance = 0 if format == "prores4444" else Fraction(1, 1000)  # Matroska's clock
    for time, tick in zip(times(made.path), ticks, strict=True):
        assert abs(time - Fraction(tick, 90000)) <= tolerance
    for composed, true in zip(pictures(made.path), pictures(clip), strict=True):
        assert np.abs(composed - true).mean() < 4


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_tags_and_timecode_are_the_clips(
    suffix: str, make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    """System B/G, as PAL's MPEG-2 is tagged, under names of FFmpeg's own."""
    clip, tags = tmp_path / "pal.mkv", ColorTags("bt470bg", "bt470bg", "bt470bg")
    options = {"x264-params": "colorprim=bt470bg:transfer=bt470bg:colormatrix=bt470bg"}
    write_video(clip, timecode="10:00:00:20", options=options)
    made = compose_streams(
        make_folder(source=clip),
        tmp_path / f"out{suffix}",
        ComposeOptions(parse_background("black")),
    )
    info = open_source(made.path).info
    assert (info.color, info.timecode) == (tags, "10:00:00:20")


@pytest.mark.parametrize("format", ["prores4444", "matte-ffv1"])
def test_at_a_rate_that_was_asked_for_frames_of_the_source_count_in_turn(
    format: str, make_folder: Callable[..., Path], clip: Path, tmp_path: Path
) -> None:
    rate = Fraction(12)
    folder = make_folder(format, frame_rate=rate)
    made = compose_streams(folder, tmp_path / "out.mp4", ComposeOptions(quality=1))
    assert times(made.path) == [index / rate for index in range(FRAMES)]
    for index, (composed, true) in enumerate(zip(lumas(made.path), lumas(clip), strict=True)):
        assert np.abs(composed - true)[away_from_edges(index)].max() < 4, f"frame {index}"


def test_jpegs_keep_their_colours(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    """JPEG is BT.601 whatever its size."""
    shot = write_frames(tmp_path / "shot", 3, "%d.jpg")
    folder = make_folder("matte-ffv1", source=shot, frame_rate=Fraction(25))
    made = compose_streams(folder, tmp_path / "out.mov", ComposeOptions(quality=1))
    truth = [frame.image.astype(float) for frame in open_source(shot)]
    for index, composed in enumerate(pictures(made.path)):
        inner = is_person(index) & away_from_edges(index, 8)
        assert np.abs(composed - truth[index])[inner].max() < 4


def test_command_says_what_it_made(
    make_folder: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from instmatt_video.cli import main

    out = tmp_path / "a name; $(true) 'quoted'.mp4"
    words = ["compose", str(make_folder()), "--out", str(out), "--background", "white", "--json"]
    assert main([*words, "--quiet", "--place", "1:scale=0.5,x=3,y=4"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(out),
        "width": SIZE[0],
        "height": SIZE[1],
        "frame_count": FRAMES,
        "people": [1, 2],
    }
    assert out.is_file()


@pytest.mark.parametrize(
    ("without", "has_rest", "words"),
    [
        (["--without", "2"], False, "1 person, "),
        ([], False, "2 people, "),
        ([], True, "2 people and the rest, "),
    ],
)
def test_command_counts_who_is_in_it(
    make_folder: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    without: list[str],
    has_rest: bool,
    words: str,
) -> None:
    from instmatt_video.cli import main

    out = ["--out", str(tmp_path / "out.mp4"), "--background", "white"]
    assert main(["compose", str(make_folder(has_rest=has_rest)), *out, *without]) == 0
    assert capsys.readouterr().err.splitlines()[-1].startswith(words)


def test_a_clip_that_breaks_off_is_shown_up_to_there(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mov"
    write_video(clip, count=30, codec="mjpeg", pixel_format="yuvj420p")
    damage(clip, range(14, 26))
    with pytest.raises(FrameDecodeError):
        matte_video(clip, tmp_path, detector=ColorDetector(), matter=BoxMatter())
    made = compose_streams(tmp_path / "clip", tmp_path / "out.mp4", ComposeOptions())
    assert made.frame_count == len(pictures(tmp_path / "out.mp4")) == 14


def test_names_that_look_like_patterns_stay_names(tmp_path: Path, clip: Path) -> None:
    output = OutputConfig(
        format="png", filename="take %03d/{track}", has_preview=False, has_report=False
    )
    matte_video(
        clip, tmp_path, MatteConfig(output=output), detector=ColorDetector(), matter=BoxMatter()
    )
    cv2.imwrite(str(tmp_path / "wall %d.png"), np.full((30, 40, 3), BLUE[::-1], np.uint8))
    options = ComposeOptions(parse_background(str(tmp_path / "wall %d.png")), quality=1)
    made = compose_streams(tmp_path / "walk", tmp_path / "OUT.MOV", options)
    composed, true = pictures(made.path)[9], pictures(clip)[9]
    outside, inside = ~is_person(9) & away_from_edges(9, 4), is_person(9) & away_from_edges(9, 4)
    assert np.abs(composed - BLUE)[outside].max() < 4
    assert np.abs(composed - true)[inside].max() < 6
