"""What every alpha stream must do, whatever its format."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from instmatt_video.errors import AlphaWriteError, OptionError
from instmatt_video.media import (
    FORMATS,
    AlphaStream,
    ClipInfo,
    ColorTags,
    FormatSpec,
    Layer,
    check_format,
    open_alpha_stream,
    open_source,
    read_alpha,
)

Maker = Callable[..., Path]
FloatImage = npt.NDArray[np.float32]

RATE = Fraction(30000, 1001)
INFO = ClipInfo(
    name="clip",
    path=None,
    width=160,
    height=96,
    frame_rate=RATE,
    time_base=Fraction(1, 30000),
)
VFR_TICKS = [0, 1001, 2002, 5005, 6006, 9009]

# Mean error of alpha where the person is, of formats that are not exact.
LOSSY_TOLERANCE = {"matte-prores": 0.004, "matte-mp4": 0.01, "webm": 0.02}


@pytest.fixture(params=list(FORMATS))
def spec(request: pytest.FixtureRequest) -> FormatSpec:
    if request.param == "exr":
        pytest.importorskip("OpenEXR")
    return FORMATS[request.param]


def soft_layer(left: int = 40, top: int = 20, side: int = 48) -> Layer:
    """Return a layer with a soft disc."""
    y, x = np.mgrid[:side, :side].astype(np.float32) - side / 2 + 0.5
    alpha = np.clip((side / 2 - 6 - np.hypot(x, y)) / 8 + 0.5, 0, 1).astype(np.float32)
    foreground = np.empty((side, side, 3), np.uint8)
    foreground[:] = (200, 120, 40)
    return Layer(left, top, alpha, foreground)


def placed(layer: Layer | None, info: ClipInfo = INFO) -> FloatImage:
    """Return the layer's alpha on the frame, by its definition."""
    frame = np.zeros((info.height, info.width), np.float32)
    if layer is not None:
        for row in range(layer.alpha.shape[0]):
            for column in range(layer.alpha.shape[1]):
                y, x = layer.top + row, layer.left + column
                if 0 <= y < info.height and 0 <= x < info.width:
                    frame[y, x] = layer.alpha[row, column]
    return frame


def steps_of(spec: FormatSpec) -> int:
    return (1 << spec.bit_depth) - 1


def assert_alpha(spec: FormatSpec, found: FloatImage, expected: FloatImage) -> None:
    assert found.shape == expected.shape
    if spec.name == "exr":  # a half float has 11 significant bits
        assert np.array_equal(found, expected.astype(np.float16).astype(np.float32))
    elif spec.is_alpha_exact:
        levels = np.rint(found.astype(float) * steps_of(spec))
        assert np.array_equal(levels, np.rint(expected.astype(float) * steps_of(spec)))
    else:
        visible = (expected > 0) | (found > 0)
        if visible.any():
            assert np.abs(found - expected)[visible].mean() < LOSSY_TOLERANCE[spec.name]


def write_stream(
    spec: FormatSpec,
    folder: Path,
    layers: list[Layer | None],
    info: ClipInfo = INFO,
    ticks: list[int] | None = None,
    **options: object,
) -> Path:
    path = folder / f"person_01{spec.extension}"
    ticks = ticks or [1001 * k for k in range(len(layers))]
    with open_alpha_stream(spec.name, path, info, **options) as stream:  # type: ignore[arg-type]
        for tick, layer in zip(ticks, layers, strict=True):
            stream.write(tick * info.time_base, layer)
    return path


def coming_and_going() -> list[Layer | None]:
    return [None, soft_layer(10), soft_layer(20), None, soft_layer(30), None]


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
    if not spec.is_alpha_exact or spec.name == "exr":
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


@pytest.mark.parametrize("first_tick", [400, 900_900], ids=["13 ms", "30 s"])
def test_a_clip_that_starts_late_stays_late(
    spec: FormatSpec, tmp_path: Path, first_tick: int
) -> None:
    if spec.extension not in (".mov", ".mp4"):
        pytest.skip("pictures have no clock, Matroska's is tested above")
    ticks = [first_tick + 1001 * k for k in range(3)]
    path = write_stream(spec, tmp_path, [None, soft_layer(), None], ticks=ticks)
    times = [frame.time for frame in open_source(path)]
    assert times == [Fraction(tick, 30000) for tick in ticks]


@pytest.mark.parametrize(("width", "height"), [(37, 23), (16, 16), (65, 48)], ids=str)
def test_odd_and_narrow_frames(spec: FormatSpec, tmp_path: Path, width: int, height: int) -> None:
    info = replace(INFO, width=width, height=height)
    layers = [soft_layer(-7, -5, 40), None, soft_layer(3, 2, 11)]
    path = write_stream(spec, tmp_path, layers, info)
    for found, layer in zip(read_alpha(path), layers, strict=True):
        if spec.is_alpha_exact:
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


# What must not be left behind


def test_nothing_has_the_final_name_before_the_end(spec: FormatSpec, tmp_path: Path) -> None:
    path = tmp_path / f"person_01{spec.extension}"
    with open_alpha_stream(spec.name, path, INFO) as stream:
        for k in range(5):
            stream.write(k * 1001 * INFO.time_base, soft_layer(k))
        assert not path.exists()
        assert stream.partial_path.exists()
    assert path.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_crash_leaves_nothing(spec: FormatSpec, tmp_path: Path) -> None:
    path = tmp_path / f"person_01{spec.extension}"
    with pytest.raises(KeyError), open_alpha_stream(spec.name, path, INFO) as stream:
        stream.write(Fraction(0), soft_layer())
        raise KeyError("crash")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_no_final_name(spec: FormatSpec, tmp_path: Path) -> None:
    path = tmp_path / f"person_01{spec.extension}"
    script = f"""
        import os, signal
        from fractions import Fraction
        import numpy as np
        from instmatt_video.media import ClipInfo, Layer, open_alpha_stream
        info = ClipInfo("clip", None, 160, 96, Fraction(25), Fraction(1, 25))
        stream = open_alpha_stream({spec.name!r}, {str(path)!r}, info)
        layer = Layer(9, 9, np.full((40, 40), 0.5, np.float32), np.zeros((40, 40, 3), np.uint8))
        for k in range(10):
            stream.write(Fraction(k, 25), layer)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    repository = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=repository, check=False)
    assert not path.exists()
    # The next run writes over what was left, and cleans up.
    write_stream(spec, tmp_path, coming_and_going())
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_full_disk_is_named_and_leaves_nothing(
    spec: FormatSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"person_01{spec.extension}"
    stream = open_alpha_stream(spec.name, path, INFO)
    stream.write(Fraction(0), soft_layer())

    def fail(tick: int, layer: Layer | None) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stream, "_write", fail)
    with pytest.raises(AlphaWriteError, match="the disk is full") as raised, stream:
        stream.write(INFO.time_base, soft_layer())
    assert raised.value.exit_status == 7
    assert str(path) in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_really_stops_taking_bytes(tmp_path: Path) -> None:
    script = """
        import resource, signal, sys
        from fractions import Fraction
        import numpy as np
        from instmatt_video.errors import AlphaWriteError
        from instmatt_video.media import ClipInfo, Layer, open_alpha_stream
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        info = ClipInfo("clip", None, 320, 240, Fraction(25), Fraction(1, 25))
        noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
        try:
            with open_alpha_stream("prores4444", sys.argv[1], info) as stream:
                for k in range(20):
                    alpha = np.ones((240, 320), np.float32)
                    stream.write(Fraction(k, 25), Layer(0, 0, alpha, noise))
        except AlphaWriteError as error:
            print(error)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "person_01.mov")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "person_01.mov: cannot be written: File too large" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_named(spec: FormatSpec, tmp_path: Path) -> None:
    path = tmp_path / "absent" / f"person_01{spec.extension}"
    with pytest.raises(AlphaWriteError, match="No such file or directory"):
        open_alpha_stream(spec.name, path, INFO)


# Verification


def verification_fails(stream: AlphaStream, words: str) -> None:
    with pytest.raises(AlphaWriteError, match=words):
        stream.close()
    assert not stream.path.exists()
    assert not stream.partial_path.exists()


def test_a_lost_frame_is_found(spec: FormatSpec, tmp_path: Path) -> None:
    stream = open_alpha_stream(spec.name, tmp_path / f"person_01{spec.extension}", INFO)
    for k in range(4):
        stream.write(k * 1001 * INFO.time_base, soft_layer())
    stream._ticks.append(4 * 1001)  # as if a frame had been handed over and got lost
    verification_fails(stream, "read back")


def test_a_wrong_matte_is_found(spec: FormatSpec, tmp_path: Path) -> None:
    stream = open_alpha_stream(spec.name, tmp_path / f"person_01{spec.extension}", INFO)
    write = stream._write
    stream._write = lambda tick, layer: write(tick, None)  # type: ignore[method-assign]
    stream.write(Fraction(0), soft_layer())
    stream.write(1001 * INFO.time_base, soft_layer())
    verification_fails(stream, "the alpha of frame 0 reads back wrong")


def test_a_frame_at_the_wrong_time_is_found(tmp_path: Path) -> None:
    stream = open_alpha_stream("prores4444", tmp_path / "person_01.mov", INFO)
    for k in range(4):
        stream.write(k * 1001 * INFO.time_base, soft_layer())
    stream._ticks[2] += 1
    verification_fails(stream, "frame 2 reads back at")


def test_a_stream_without_frames_is_no_file(spec: FormatSpec, tmp_path: Path) -> None:
    stream = open_alpha_stream(spec.name, tmp_path / f"person_01{spec.extension}", INFO)
    verification_fails(stream, "no frame was written")


# Options


@pytest.mark.parametrize(
    ("format", "name", "quality", "words"),
    [
        ("prores", "a.mov", None, "choose one of prores4444, matte-ffv1"),
        ("prores4444", "a.mp4", None, r"prores4444 is written to \.mov files"),
        ("webm", "a.mov", None, r"webm is written to \.webm files"),
        ("prores4444", "a.mov", 65, r"quality of prores4444 must be 1\.\.64, got 65"),
        ("matte-ffv1", "a.mkv", 3, "has no quality to choose"),
        ("matte-mp4", "a.mp4", 20, r"must be 0\.\.12"),
    ],
)
def test_impossible_options_are_refused_before_the_work(
    tmp_path: Path, format: str, name: str, quality: int | None, words: str
) -> None:
    with pytest.raises(OptionError, match=words) as raised:
        open_alpha_stream(format, tmp_path / name, INFO, quality=quality)
    assert raised.value.exit_status == 2
    assert list(tmp_path.iterdir()) == []


def test_clips_that_a_format_cannot_hold_are_refused() -> None:
    with pytest.raises(OptionError, match="choose prores4444, matte-ffv1 or png"):
        check_format("matte-mp4", replace(INFO, width=20000))
    pytest.importorskip("OpenEXR")
    with pytest.raises(OptionError, match="no linear form"):
        check_format("exr", replace(INFO, color=ColorTags(transfer="smpte2084")))


def test_exr_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(OptionError, match="instmatt-video\\[exr\\]"):
        check_format("exr")


def test_a_folder_with_other_things_in_it_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "person_01"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(AlphaWriteError, match=r"other files \(thesis.txt\)"):
        write_stream(FORMATS["png"], tmp_path, [soft_layer()])
    assert (folder / "thesis.txt").read_text() == "precious"


def test_pictures_keep_the_sources_numbers(tmp_path: Path) -> None:
    info = replace(INFO, first_frame_number=1001)
    path = write_stream(FORMATS["png"], tmp_path, [soft_layer(), None], info)
    assert sorted(p.name for p in path.iterdir()) == ["001001.png", "001002.png"]


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


# What the container carries


def carried_info() -> ClipInfo:
    return replace(
        INFO,
        timecode="01:00:00;00",
        pixel_aspect=Fraction(8, 9),
        color=ColorTags("smpte170m", "smpte170m", "smpte170m", is_full_range=True),
    )


def test_prores_carries_colour_timecode_and_aspect(tmp_path: Path) -> None:
    path = write_stream(FORMATS["prores4444"], tmp_path, coming_and_going(), carried_info())
    info = open_source(path).info
    assert info.color == ColorTags("smpte170m", "smpte170m", "smpte170m", is_full_range=False)
    assert info.timecode == "01:00:00;00"
    assert info.pixel_aspect == Fraction(8, 9)
    assert info.frame_rate == RATE
    # The ProRes frame header, which editors trust more than the container's `colr` atom.
    with av.open(path) as container:
        packet = next(p for p in container.demux(video=0) if p.size)
    header = bytes(packet)[8:28]
    assert header[4:8] == b"apl0"
    assert tuple(header[14:17]) == (6, 6, 6)


@pytest.fixture
def ffprobe() -> Iterator[Callable[[Path], list[dict[str, object]]]]:
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")

    def probe(path: Path) -> list[dict[str, object]]:
        command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
        output = subprocess.run(command, capture_output=True, check=True).stdout
        streams: list[dict[str, object]] = json.loads(output)["streams"]
        return streams

    yield probe


def test_ffprobe_agrees(
    tmp_path: Path, ffprobe: Callable[[Path], list[dict[str, object]]], make_video: Maker
) -> None:
    sound = make_video("sound.mp4", has_audio=True)
    path = write_stream(
        FORMATS["prores4444"], tmp_path, coming_and_going(), carried_info(), audio_from=sound
    )
    video, *others = ffprobe(path)
    assert video["codec_tag_string"] == "ap4h"
    assert video["profile"] == "4444"
    assert video["pix_fmt"] in ("yuva444p12le", "yuva444p10le")
    assert video["color_range"] == "tv"
    assert video["color_space"] == video["color_primaries"] == "smpte170m"
    assert video["sample_aspect_ratio"] == "8:9"
    assert video["nb_frames"] == "6"
    assert video["avg_frame_rate"] == "30000/1001"
    assert [other["codec_type"] for other in others] == ["audio", "data"]
    assert others[0]["codec_name"] == "aac"


# Sound


def audio_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(path) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.size and packet.pts is not None
        ]


def test_sound_is_copied_bit_by_bit(tmp_path: Path, make_video: Maker) -> None:
    source = make_video("sound.mp4", has_audio=True, count=25)
    info = open_source(source).info
    path = tmp_path / "person_01.mov"
    with open_alpha_stream("prores4444", path, info, audio_from=source) as stream:
        for frame in open_source(source):
            stream.write(frame.time, None)
    assert stream.warnings == []
    assert audio_packets(path) == audio_packets(source)


def test_sound_of_a_trimmed_stream_begins_with_it(tmp_path: Path, make_video: Maker) -> None:
    source = make_video("sound.mp4", has_audio=True, count=25)
    info = open_source(source).info
    start = Fraction(10, 25)
    path = tmp_path / "person_01.mov"
    with open_alpha_stream(
        "prores4444", path, info, audio_from=source, audio_start=start
    ) as stream:
        for k in range(10):
            stream.write(Fraction(k, 25), None)
    found = audio_packets(path)
    wanted = [(t - start, data) for t, data in audio_packets(source) if start <= t < start * 2]
    assert [data for _, data in found] == [data for _, data in wanted]
    assert all(
        abs(a - b) < Fraction(1, 40000) for (a, _), (b, _) in zip(found, wanted, strict=True)
    )


def test_sound_that_does_not_fit_is_left_out_with_a_warning(
    tmp_path: Path, make_video: Maker
) -> None:
    source = make_video("sound.mp4", has_audio=True)
    path = tmp_path / "person_01.webm"
    with open_alpha_stream("webm", path, INFO, audio_from=source) as stream:
        stream.write(Fraction(0), soft_layer())
    assert stream.warnings == ["sound left out: aac does not go into a webm file"]
    assert not open_source(path).info.has_audio


def test_a_blank_frame_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "person_01.mov"
    with open_alpha_stream("prores4444", path, INFO) as stream:
        stream.write(Fraction(0), None)
        monkeypatch.setattr("av.video.frame.VideoFrame.reformat", None)
        encoded = stream._blank_packet  # type: ignore[attr-defined]
        for k in range(1, 30):
            stream.write(k * 1001 * INFO.time_base, None)
        assert stream._blank_packet is encoded  # type: ignore[attr-defined]
    with av.open(path) as container:
        packets = {bytes(packet) for packet in container.demux(video=0) if packet.size}
    assert packets == {encoded}
