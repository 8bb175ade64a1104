"""What a container carries besides the picture: colour, clock, sound."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from instmatt_video.media.alpha_reader import AlphaReader
from instmatt_video.media.formats import FORMATS, open_alpha_stream
from instmatt_video.media.frame import ClipInfo, ColorTags
from instmatt_video.media.source import open_source
from instmatt_video.media.video_writer import VideoWriter
from tests.media.made_clips import forget_codec
from tests.media.made_layers import (
    INFO,
    RATE,
    coming_and_going,
    soft_layer,
    write_stream,
)

Maker = Callable[..., Path]


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
    sound = make_video("sound.mp4", sounds=("aac",))
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
    assert video["field_order"] == "progressive"
    assert video["nb_frames"] == "6"
    assert video["avg_frame_rate"] == "30000/1001"
    assert [other["codec_type"] for other in others] == ["audio", "data"]
    assert others[0]["codec_name"] == "aac"


@pytest.mark.parametrize("name", ["prores4444", "matte-prores"])
@pytest.mark.parametrize("is_interlaced", [False, True])
def test_a_movie_without_fields_says_so(name: str, is_interlaced: bool, tmp_path: Path) -> None:
    info = replace(INFO, is_interlaced=is_interlaced)
    data = write_stream(FORMATS[name], tmp_path, coming_and_going(), info).read_bytes()
    one_field = b"fiel\x01\x00"  # QuickTime: their number, and which comes first
    assert (one_field in data, b"fiel" in data) == (not is_interlaced, not is_interlaced)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "exr"])
def test_the_shape_of_pixels_is_kept_or_its_loss_told(name: str, tmp_path: Path) -> None:
    spec = FORMATS[name]
    path = tmp_path / f"person_01{spec.extension}"
    for shape in (Fraction(1), Fraction(4, 3)):
        with open_alpha_stream(name, path, replace(INFO, pixel_aspect=shape)) as stream:
            stream.write(Fraction(0), soft_layer())
        is_kept = open_source(path).info.pixel_aspect == shape
        assert [words.split(",")[0] for words in stream.warnings] == (
            [] if is_kept else ["pixels are 4/3 as wide as high"]
        )


def test_a_constant_rate_stays_constant_from_a_clock_of_milliseconds(
    tmp_path: Path, make_video: Maker
) -> None:
    source = open_source(make_video("clip.mkv", rate=RATE, count=20))
    path = tmp_path / "person_01.mov"
    with open_alpha_stream("prores4444", path, source.info) as stream:
        for frame in source:
            stream.write(frame.time, None)
    with AlphaReader(path) as reader:
        assert reader.packet_times() == [k / RATE for k in range(20)]


def test_a_colon_in_a_folders_name_is_no_protocol(
    tmp_path: Path, make_video: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("take:01")
    monkeypatch.chdir(tmp_path)
    folder.mkdir()
    sound = make_video("sound.mov", sounds=("aac",)).rename(folder / "sound.mov")
    path = write_stream(FORMATS["prores4444"], folder, coming_and_going(), audio_from=sound)
    assert open_source(path).info.has_audio
    with VideoWriter(folder / "preview.mp4", 16, 16, Fraction(25)) as preview:
        preview.write(Fraction(0), np.zeros((16, 16, 3), np.uint8))
    assert open_source(folder / "preview.mp4").info.frame_count == 1


def audio_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(path) as container:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(audio=0)
            if packet.size and packet.pts is not None
        ]


def test_sound_is_copied_bit_by_bit(tmp_path: Path, make_video: Maker) -> None:
    source = make_video("sound.mp4", sounds=("aac",), count=25)
    info = open_source(source).info
    path = tmp_path / "person_01.mov"
    with open_alpha_stream("prores4444", path, info, audio_from=source) as stream:
        for frame in open_source(source):
            stream.write(frame.time, None)
    assert stream.warnings == []
    assert audio_packets(path) == audio_packets(source)


@pytest.mark.parametrize("seconds", [(3, 3), (3, 1)], ids=["as long", "the second one ends early"])
def test_every_track_of_sound_is_copied_however_far_apart_they_lie(
    seconds: tuple[int, int], tmp_path: Path, make_video: Maker
) -> None:
    """Recorders write a second of one track, then a second of the next."""
    picture, source = make_video("picture.mp4", count=49), tmp_path / "sounds.mov"
    with av.open(picture) as container, av.open(source, "w") as out:
        video = out.add_stream_from_template(container.streams.video[0])
        tracks = [out.add_stream("pcm_s16le", rate=48000, layout="mono") for _ in seconds]
        for second in range(3):
            for number, track in enumerate(tracks):
                if second < seconds[number]:
                    samples = np.full((1, 48000), 100 * (1 + number) + second, np.int16)
                    sound = av.AudioFrame.from_ndarray(samples, "s16", "mono")
                    sound.sample_rate, sound.pts = 48000, 48000 * second
                    sound.time_base = Fraction(1, 48000)
                    out.mux(track.encode(sound))
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = video
                out.mux(packet)
    path = tmp_path / "person_01.mov"
    frames = open_source(source)
    with open_alpha_stream("prores4444", path, frames.info, audio_from=source) as stream:
        for frame in frames:
            stream.write(frame.time, None)
    assert stream.warnings == []
    for number, length in enumerate(seconds):
        heard = [
            value
            for packet in packets_of(path, number)
            for value in np.unique(np.frombuffer(packet, np.int16)).tolist()
        ]
        assert sorted(set(heard)) == [100 * (1 + number) + k for k in range(min(length, 2))]
        samples = sum(len(packet) // 2 for packet in packets_of(path, number))
        assert samples == pytest.approx(48000 * min(length, 49 / 25), abs=1024)


def packets_of(path: Path, number: int) -> list[bytes]:
    with av.open(path) as container:
        return [bytes(packet) for packet in container.demux(audio=number) if packet.size]


def test_sound_of_a_trimmed_stream_begins_with_it(tmp_path: Path, make_video: Maker) -> None:
    source = make_video("sound.mp4", sounds=("aac",), count=25)
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


@pytest.mark.parametrize("lead", [-12, 0, 900_000], ids=["early", "at zero", "ten hours late"])
def test_sound_moves_with_the_pictures(lead: int, tmp_path: Path, make_video: Maker) -> None:
    """Wherever on its file's clock a clip begins, in frames of 1/25 s."""
    plain, moved = make_video("plain.mov", sounds=("aac",), count=25), tmp_path / "moved.mkv"
    with (
        av.open(plain) as container,
        av.open(moved, "w", options={"avoid_negative_ts": "disabled"}) as out,
    ):
        streams = [out.add_stream_from_template(stream) for stream in container.streams]
        for packet in container.demux():
            if packet.size and packet.pts is not None and packet.dts is not None:
                shift = round(Fraction(lead, 25) / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    path = tmp_path / "person_01.mov"
    source = open_source(moved)
    with open_alpha_stream("prores4444", path, source.info, audio_from=moved) as stream:
        for frame in source:
            stream.write(frame.time, None)
    for (time, data), (wanted, same) in zip(audio_packets(path), audio_packets(plain), strict=True):
        assert data == same
        assert abs(time - stream.info.first_time - wanted) < Fraction(
            1, 1000
        )  # Matroska counts milliseconds


def test_sound_of_joined_recordings_goes_on_as_the_pictures_do(
    tmp_path: Path, make_video: Maker
) -> None:
    part = make_video("part.ts", sounds=("aac",), count=25)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(2 * part.read_bytes())
    path = tmp_path / "person_01.mov"
    source = open_source(joined)
    with open_alpha_stream("prores4444", path, source.info, audio_from=joined) as stream:
        for frame in source:
            stream.write(frame.time, None)
    once, found = audio_packets(part), audio_packets(path)
    assert len(found) in (2 * len(once) - 1, 2 * len(once)), "the pictures may end before the sound"
    steps = {after - before for (before, _), (after, _) in pairwise(found)}
    assert steps == {Fraction(1024, 48000)}
    assert stream.warnings == []


def test_sound_that_does_not_fit_is_left_out_with_a_warning(
    tmp_path: Path, make_video: Maker
) -> None:
    source = make_video("sound.mp4", sounds=("aac",))
    path = tmp_path / "person_01.webm"
    with open_alpha_stream("webm", path, INFO, audio_from=source) as stream:
        stream.write(Fraction(0), soft_layer())
    assert stream.warnings == ["sound left out: aac does not go into a webm file"]
    assert not open_source(path).info.has_audio


def test_sound_of_an_unknown_codec_is_left_out_and_the_other_copied(
    tmp_path: Path, make_video: Maker
) -> None:
    """Telephones record a spatial track that FFmpeg cannot decode beside the plain one."""
    source = forget_codec(make_video("phone.mov", sounds=("aac", "pcm_s16le")))
    path = tmp_path / "person_01.mov"
    with open_alpha_stream("prores4444", path, INFO, audio_from=source) as stream:
        for k in range(10):
            stream.write(1001 * k * INFO.time_base, None)
    assert stream.warnings == ["sound left out: unknown codec"]
    assert audio_packets(path) == audio_packets(source)


@pytest.mark.parametrize("codec", ["opus", "flac"])
def test_sound_that_quicktime_lists_and_refuses_is_left_out(codec: str, tmp_path: Path) -> None:
    source = tmp_path / "sound.mkv"
    with av.open(source, "w") as container:
        audio = container.add_stream({"opus": "libopus"}.get(codec, codec), rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux([*audio.encode(frame), *audio.encode(None)])
    path = tmp_path / "person_01.mov"
    with open_alpha_stream("prores4444", path, INFO, audio_from=source) as stream:
        stream.write(Fraction(0), soft_layer())
    assert stream.warnings == [f"sound left out: {codec} does not go into a mov file"]
    assert not open_source(path).info.has_audio


def test_tracks_of_sound_keep_their_languages(tmp_path: Path) -> None:
    source = tmp_path / "two.mp4"
    with av.open(source, "w") as container:
        tracks = [container.add_stream("aac", rate=48000) for _ in "ab"]
        for track, language in zip(tracks, ("eng", "spa"), strict=True):
            track.metadata["language"] = language
        for track in tracks:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 48000, 0
            container.mux([*track.encode(frame), *track.encode(None)])
    path = tmp_path / "person_01.mov"
    with open_alpha_stream("prores4444", path, INFO, audio_from=source) as stream:
        stream.write(Fraction(0), soft_layer())
    with av.open(path) as container:
        assert [t.metadata.get("language") for t in container.streams.audio] == ["eng", "spa"]


def test_pictures_of_an_unannounced_varying_rate_get_a_number_each(tmp_path: Path) -> None:
    with open_alpha_stream("png", tmp_path / "person_01", INFO) as stream:
        for tick in (0, 1001, 1002, 3003):  # of 1/30000 s, at 30000/1001 frames a second
            stream.write(Fraction(tick, 30000), None)
    names = sorted(path.name for path in (tmp_path / "person_01").iterdir())
    assert names == ["000001.png", "000002.png", "000003.png", "000004.png"]
