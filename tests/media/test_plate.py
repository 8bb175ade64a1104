"""Plates: EXR in linear light and DPX, alone and in rows."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.errors import VideoOpenError
from instmatt_video.matting.foreground import colour_layer
from instmatt_video.media.chromaticities import CHROMATICITIES
from instmatt_video.media.exr_header import is_cut_off, read_exr_header
from instmatt_video.media.formats import open_alpha_stream
from instmatt_video.media.image_sequence import read_image
from instmatt_video.media.image_size import read_image_size
from instmatt_video.media.linear_light import to_linear
from instmatt_video.media.plate import read_plate
from instmatt_video.media.source import open_source
from tests.media.made_clips import disc_picture

ACES_AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
GREY_18 = 30235
"""sRGB code of 0.18: (1.055 · 0.18^(1/2.4) − 0.055) · 65535."""


def write_exr(path: Path, rgb: np.ndarray, **header: object) -> Path:
    openexr = pytest.importorskip("OpenEXR")
    given = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage} | header
    openexr.File(given, {"RGB": rgb}).write(str(path))
    return path


def noise(dtype: type, shape: tuple[int, ...] = (48, 61, 3)) -> np.ndarray:
    return np.random.default_rng(0).random(shape).astype(dtype)


def timecode(hours: int, minutes: int, seconds: int, frame: int) -> object:
    openexr = pytest.importorskip("OpenEXR")
    value = openexr.TimeCode()
    value.hours, value.minutes, value.seconds, value.frame = hours, minutes, seconds, frame
    return value


def write_row(pattern: Path, codec: str, pixel_format: str, pictures: Sequence[np.ndarray]) -> None:
    """Let FFmpeg write pictures, RGB uint16, as a numbered row at 24000/1001 frames/s."""
    height, width = pictures[0].shape[:2]
    with av.open(str(pattern), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(24000, 1001))
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, "rgb48le").reformat(format=pixel_format)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def places_of_chunks(data: bytes, count: int) -> int:
    """Return where an EXR file tells the places of its chunks: behind that the first one begins."""
    return next(
        k for k in range(len(data)) if int.from_bytes(data[k : k + 8], "little") == k + count * 8
    )


class TestExr:
    @pytest.mark.parametrize("dtype", [np.float16, np.float32])
    def test_linear_light_becomes_srgb(self, tmp_path: Path, dtype: type) -> None:
        light = [0, 0.18, 1, 4, -0.5, np.nan, np.inf, 0.0031308]
        path = write_exr(
            tmp_path / "a.exr", np.repeat(np.array([[light]], dtype), 3).reshape(1, -1, 3)
        )
        plate = read_image(path)
        assert plate is not None and plate.dtype == np.uint16
        expected = [0, GREY_18, 65535, 65535, 0, 0, 65535, 2651]  # 12.92 · 0.0031308 · 65535
        assert np.abs(plate[0, :, 1].astype(int) - expected).max() <= (
            4 if dtype == np.float16 else 1
        )

    @pytest.mark.parametrize("dtype", [np.float16, np.float32])
    def test_light_above_1_is_kept_beside_the_codes(self, tmp_path: Path, dtype: type) -> None:
        light = np.full((4, 6, 3), 0.5, dtype)
        light[1, 2] = (7, 1, 1.5)
        light[2, 3] = (np.nan, np.inf, -4)
        plate = read_plate(write_exr(tmp_path / "a.exr", light))
        assert plate is not None and plate.excess is not None
        assert plate.excess[1, 2].tolist() == [6, 0, 0.5]
        assert plate.excess[2, 3, ::2].tolist() == [0, 0] and np.isfinite(plate.excess).all()
        plate.excess[1, 2] = plate.excess[2, 3] = 0
        assert not plate.excess.any()

    def test_dim_light_has_nothing_beside(self, tmp_path: Path) -> None:
        plate = read_plate(write_exr(tmp_path / "a.exr", np.ones((4, 6, 3), np.float16)))
        assert plate is not None and plate.excess is None

    def test_light_comes_back(self, tmp_path: Path) -> None:
        light = noise(np.float16)
        plate = read_image(write_exr(tmp_path / "a.exr", light))
        assert plate is not None
        assert np.abs(to_linear(plate, "iec61966-2-1") - light).max() < 2e-5

    def test_red_is_red(self, tmp_path: Path) -> None:
        plate = read_image(
            write_exr(tmp_path / "a.exr", np.full((4, 6, 3), (1, 0.18, 0), np.float16))
        )
        assert plate is not None and plate.shape == (4, 6, 3)
        assert np.abs(plate[2, 3].astype(int) - (65535, GREY_18, 0)).max() <= 4

    @pytest.mark.parametrize(
        "compression", ["NO", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "DWAA"]
    )
    def test_a_file_that_ends_early_is_no_picture(self, tmp_path: Path, compression: str) -> None:
        openexr = pytest.importorskip("OpenEXR")
        code = getattr(openexr, f"{compression}_COMPRESSION")
        path = write_exr(tmp_path / "a.exr", noise(np.float16, (70, 61, 3)), compression=code)
        assert read_plate(path) is not None
        data = path.read_bytes()
        for length in (len(data) - 1, len(data) // 2, 400, 20, 3, 0):
            path.write_bytes(data[:length])
            assert read_plate(path) is None, length

    def test_a_frame_that_is_still_rendered_is_no_picture(self, tmp_path: Path) -> None:
        path = write_exr(tmp_path / "a.exr", noise(np.float16))  # 48 lines: three chunks
        data = bytearray(path.read_bytes())
        table = places_of_chunks(data, 3)
        data[table + 16 : table + 24] = bytes(8)  # where the last chunk lies is not told yet
        path.write_bytes(data)
        assert is_cut_off(path) and read_plate(path) is None

    @pytest.mark.parametrize("fault", ["no compression", "a place that no file reaches"])
    def test_a_header_that_cannot_be_is_no_picture(self, fault: str, tmp_path: Path) -> None:
        path = write_exr(tmp_path / "a.exr", noise(np.float16))
        data = path.read_bytes()
        if fault == "no compression":
            name = b"compression\0compression\0"
            data = data.replace(name + b"\1\0\0\0", name + b"\0\0\0\0")
        else:
            table = places_of_chunks(data, 3)
            data = data[:table] + b"\xff" * 8 + data[table + 8 :]
        path.write_bytes(data)
        assert read_plate(path) is None

    def test_the_display_window_is_the_picture(self, tmp_path: Path) -> None:
        light = noise(np.float16, (48, 64, 3))
        path = write_exr(
            tmp_path / "a.exr",
            light,
            dataWindow=(np.int32([-2, -3]), np.int32([61, 44])),
            displayWindow=(np.int32([0, 0]), np.int32([49, 39])),
        )
        assert read_image_size(path) == (50, 40)
        plate = read_image(path)
        assert plate is not None
        assert np.abs(to_linear(plate, "iec61966-2-1") - light[3:43, 2:52]).max() < 2e-5

    def test_grey_and_alpha(self, tmp_path: Path) -> None:
        openexr = pytest.importorskip("OpenEXR")
        header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
        light = noise(np.float16, (8, 9))
        for channels in ({"Y": light}, {"RGBA": np.repeat(light[..., None], 4, axis=2)}):
            openexr.File(header, channels).write(str(tmp_path / "a.exr"))
            plate = read_image(tmp_path / "a.exr")
            assert plate is not None
            assert np.abs(to_linear(plate, "iec61966-2-1") - light[..., None]).max() < 2e-5

    def test_a_header_tells_the_primaries(self, tmp_path: Path) -> None:
        path = write_exr(
            tmp_path / "a.1.exr", noise(np.float16), chromaticities=CHROMATICITIES["bt2020"]
        )
        source = open_source(path)
        assert source.info.color.primaries == "bt2020"

    def test_primaries_that_video_does_not_know_are_told(self, tmp_path: Path) -> None:
        path = write_exr(tmp_path / "a.1.exr", noise(np.float16), chromaticities=ACES_AP1)
        source = open_source(path, frame_rate=24)
        assert source.info.color.primaries == "bt709"
        assert len(source.warnings) == 1 and "primaries" in source.warnings[0]

    def test_a_header_tells_the_pixels_shape(self, tmp_path: Path) -> None:
        path = write_exr(tmp_path / "a.1.exr", noise(np.float16), pixelAspectRatio=4 / 3)
        assert open_source(path).info.pixel_aspect == Fraction(4, 3)

    @pytest.mark.parametrize("shape", [0.0, -1.0, float("nan"), float("inf")])
    def test_a_shape_that_no_pixel_has_is_square(self, tmp_path: Path, shape: float) -> None:
        path = write_exr(tmp_path / "a.1.exr", noise(np.float16))
        data = path.read_bytes()
        head, name, tail = data.partition(b"pixelAspectRatio\0float\0\4\0\0\0")
        path.write_bytes(head + name + struct.pack("<f", shape) + tail[4:])
        assert open_source(path).info.pixel_aspect == 1

    def test_a_window_that_begins_elsewhere_is_refused(self, tmp_path: Path) -> None:
        """FFmpeg would paint its picture as far off, and cut off the rest."""
        window = (np.array([100, 50], np.int32), np.array([160, 97], np.int32))
        path = write_exr(
            tmp_path / "a.1.exr", noise(np.float16), dataWindow=window, displayWindow=window
        )
        with pytest.raises(VideoOpenError, match="begins at 100, 50: write the pictures"):
            open_source(path)

    def test_colours_that_only_a_layer_holds_are_told_by_its_channels(self, tmp_path: Path) -> None:
        openexr = pytest.importorskip("OpenEXR")
        header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
        channels = {f"beauty.{name}": noise(np.float16, (4, 6)) for name in "RGB"}
        openexr.File(header, channels).write(str(tmp_path / "a.1.exr"))
        with pytest.raises(VideoOpenError, match=r"only beauty\.B, beauty\.G, beauty\.R: write"):
            open_source(tmp_path)
        channels["Z"] = noise(np.float32, (4, 6))
        openexr.File(header, channels).write(str(tmp_path / "a.1.exr"))
        with pytest.raises(VideoOpenError, match=r"no channels R, G and B, only Z, beauty\.B"):
            open_source(tmp_path)

    @pytest.mark.parametrize(
        "data", [b"", b"\x76\x2f\x31\x01", b"\x76\x2f\x31\x01\2\0\0\0abc", b"PNG"]
    )
    def test_no_header(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "a.exr"
        path.write_bytes(data)
        assert read_exr_header(path) is None
        with pytest.raises(VideoOpenError, match="cannot be read as a picture"):
            open_source(path)


def test_what_is_brighter_than_1_comes_back_where_the_person_alone_is(tmp_path: Path) -> None:
    light = np.full((40, 40, 3), 0.25, np.float16)
    light[18:22, 10:30] = (3, 1, 0.5)  # a lamp behind and before them
    write_exr(tmp_path / "a.1.exr", light)
    source = open_source(tmp_path, frame_rate=24)
    alpha = np.ones((40, 20), np.float32)
    alpha[:, :5] = 0.5
    with open_alpha_stream("exr", tmp_path / "person", source.info) as stream:
        for frame in source:
            layer = colour_layer(frame.image, AlphaFrame(20, 0, alpha), "source", frame.excess)
            stream.write(frame.time, layer)
    openexr = pytest.importorskip("OpenEXR")
    with openexr.File(str(tmp_path / "person" / "000001.exr")) as file:
        written = file.channels()["RGBA"].pixels.astype(np.float32)
    assert np.abs(written[:, 25:, :3] - light[:, 25:]).max() < 2e-3
    assert np.abs(written[20, 20:25, :3] - (0.5, 0.5, 0.25)).max() < 1e-3  # of the lamp's 3 nothing
    assert not written[:, :20].any()


class TestRows:
    def test_exr(self, tmp_path: Path) -> None:
        for k in range(3):
            light = to_linear(disc_picture(k), "iec61966-2-1")
            write_exr(tmp_path / f"plate.{1001 + k}.exr", light.astype(np.float16))
        for spec in (tmp_path, tmp_path / "plate.%04d.exr", tmp_path / "plate.*.exr"):
            source = open_source(spec, frame_rate=25)
            assert source.info.first_frame_number == 1001
            assert (source.info.bit_depth, source.info.color.transfer) == (16, "iec61966-2-1")
            frames = list(source)
            assert len(frames) == 3 and not source.warnings
            for frame in frames:
                error = np.abs(frame.image / 257 - disc_picture(frame.index))
                assert error.max() < 0.1

    def test_a_rate_in_the_header_is_the_clips(self, tmp_path: Path) -> None:
        write_row(tmp_path / "p.%04d.exr", "exr", "gbrpf32le", [disc_picture(0, deep=True)])
        source = open_source(tmp_path)
        assert source.info.frame_rate == Fraction(24000, 1001)
        assert not source.warnings
        assert open_source(tmp_path, frame_rate=25).info.frame_rate == 25

    def test_a_timecode_in_the_header_is_the_clips(self, tmp_path: Path) -> None:
        write_exr(tmp_path / "p.1001.exr", noise(np.float16), timeCode=timecode(1, 2, 3, 22))
        source = open_source(tmp_path, frame_rate=24)
        assert source.info.timecode == "01:02:03:22"
        assert not source.warnings

    def test_where_the_first_picture_is_torn_the_next_tells(self, tmp_path: Path) -> None:
        (tmp_path / "p.1001.exr").write_bytes(b"")
        facts = {"timeCode": timecode(1, 2, 3, 0), "pixelAspectRatio": 2.0}
        facts["chromaticities"] = CHROMATICITIES["bt2020"]
        write_exr(tmp_path / "p.1002.exr", noise(np.float16), **facts)
        info = open_source(tmp_path, frame_rate=24).info
        assert (info.timecode, info.pixel_aspect, info.first_frame_number) == (
            "01:02:02:23",
            2,
            1001,
        )
        assert info.color.primaries == "bt2020"

    @pytest.mark.parametrize("rate", [20, 48])
    def test_a_timecode_that_counts_other_frames_is_left_out(
        self, tmp_path: Path, rate: int
    ) -> None:
        write_exr(tmp_path / "p.1001.exr", noise(np.float16), timeCode=timecode(1, 2, 3, 22))
        source = open_source(tmp_path, frame_rate=rate)
        assert source.info.timecode is None
        assert source.warnings == [
            f"timecode left out: 01:02:03:22 counts no frames at {rate} frames/s"
        ]

    @pytest.mark.parametrize("pixel_format", ["gbrp10le", "gbrp10be", "rgb24", "rgb48le"])
    def test_dpx(self, tmp_path: Path, pixel_format: str) -> None:
        pictures = [disc_picture(k, deep=True) for k in range(3)]
        write_row(tmp_path / "scan_%06d.dpx", "dpx", pixel_format, pictures)
        source = open_source(tmp_path)
        assert (source.info.width, source.info.height) == (64, 48)
        for frame, picture in zip(source, pictures, strict=True):
            assert np.abs(frame.image.astype(int) - picture).max() <= 257

    def test_a_colon_in_a_relative_folders_name_is_no_protocol(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        folder = Path("take:2")
        folder.mkdir()
        write_row(folder.absolute() / "%d.dpx", "dpx", "gbrp10le", [disc_picture(0, deep=True)])
        assert read_plate(folder / "1.dpx") is not None

    def test_a_dpx_that_ends_early_is_no_picture(self, tmp_path: Path) -> None:
        write_row(tmp_path / "%d.dpx", "dpx", "gbrp10le", [disc_picture(0, deep=True)])
        (path,) = tmp_path.iterdir()
        data = path.read_bytes()
        assert read_image(path) is not None
        for length in (len(data) - 600, len(data) // 2, 800, 4, 0):
            path.write_bytes(data[:length])
            assert read_image(path) is None, length


class TestDpxHeader:
    """Fields by their place in SMPTE ST 268-1."""

    @pytest.mark.parametrize("order", [">", "<"])
    def test_rate_timecode_and_pixel_aspect_are_the_clips(self, tmp_path: Path, order: str) -> None:
        facts = {1628: ("2I", 2, 1), 1920: ("I", 0x01020304), 1940: ("f", 23.976)}
        write_dpx(tmp_path / "scan_0086401.dpx", order, facts)
        info = open_source(tmp_path).info
        assert info.frame_rate == Fraction(24000, 1001)
        assert (info.timecode, info.pixel_aspect) == ("01:02:03:04", 2)
        assert (info.width, info.height, info.first_frame_number) == (64, 48, 86401)

    def test_a_film_rate_counts_before_one_of_video(self, tmp_path: Path) -> None:
        write_dpx(tmp_path / "a.1.dpx", ">", {1724: ("f", 24.0), 1940: ("f", 30.0)})
        assert open_source(tmp_path).info.frame_rate == 24

    @pytest.mark.parametrize("word", [0, 0xFFFFFFFF])
    def test_what_is_not_known_is_not_taken(self, tmp_path: Path, word: int) -> None:
        unknown = dict.fromkeys((1628, 1632, 1724, 1920, 1940), ("I", word))
        write_dpx(tmp_path / "a.1.dpx", ">", unknown)
        source = open_source(tmp_path)
        assert (source.info.timecode, source.info.pixel_aspect) == (None, 1)
        (warning,) = source.warnings
        assert "pictures have no frame rate" in warning

    @pytest.mark.parametrize(
        ("transfer", "is_told"), [(1, True), (3, True), (2, False), (6, False)]
    )
    def test_logarithmic_codes_are_told(self, tmp_path: Path, transfer: int, is_told: bool) -> None:
        write_dpx(tmp_path / "a.1.dpx", ">", {801: ("B", transfer), 1724: ("f", 24.0)})
        told = open_source(tmp_path).warnings
        assert [text[:38] for text in told] == ["a.1.dpx: its codes are logarithms; the"] * is_told

    @pytest.mark.parametrize("pixel_format", ["gbrp10be", "gbrp10le"])
    def test_pixels_are_no_fields_where_the_header_is_short(
        self, tmp_path: Path, pixel_format: str
    ) -> None:
        """FFmpeg's pixels begin at byte 1664; a small picture ends before byte 2048."""
        dot = np.full((4, 4, 3), 30000, np.uint16)
        for name, picture in (("scan", disc_picture(0, deep=True)), ("dot", dot)):
            write_row(tmp_path / f"{name}.%d.dpx", "dpx", pixel_format, [picture])
            source = open_source(tmp_path / f"{name}.%d.dpx")
            assert (source.info.height, source.info.width) == picture.shape[:2]
            assert (source.info.timecode, source.info.pixel_aspect) == (None, 1)
            (warning,) = source.warnings
            assert "pictures have no frame rate" in warning


def write_dpx(path: Path, order: str, fields: dict[int, tuple[object, ...]]) -> None:
    """Let FFmpeg write a picture, and fill in fields of its header, made whole, by their place."""
    pixel_format = "gbrp10be" if order == ">" else "gbrp10le"
    made = path.with_name("made.%04d.dpx")
    write_row(made, "dpx", pixel_format, [disc_picture(0, deep=True)])
    data = bytearray((path.parent / "made.0001.dpx").read_bytes())
    (path.parent / "made.0001.dpx").unlink()
    assert data[:4] == (b"SDPX" if order == ">" else b"XPDS")
    data[1664:1664] = bytes(2048 - 1664)  # FFmpeg leaves out what is of film and video
    struct.pack_into(f"{order}I", data, 4, 2048)
    for place, (kind, *values) in fields.items():
        struct.pack_into(f"{order}{kind}", data, place, *values)
    path.write_bytes(data)
