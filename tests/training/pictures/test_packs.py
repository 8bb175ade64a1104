"""Pictures from folders and tar files."""

from __future__ import annotations

import tarfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from instmatt_video.errors import OptionError
from instmatt_video.training.pictures import packs
from instmatt_video.training.pictures.packs import ImagePack, Pack
from tests.training.made_people import person, place, write_packs, write_rgb


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_packs(tmp_path, 3, 2)
    return tmp_path / "cutouts"


@pytest.fixture(params=["folder", "tar", "tar with dots"])
def pack_path(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Path:
    if request.param == "folder":
        return folder
    path = tmp_path / "cutouts.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(folder, "." if "dots" in request.param else "")
    return path


def test_names_and_pictures(pack_path: Path) -> None:
    pack = ImagePack(pack_path, "rgba")
    assert pack.names == ["person_0.png", "person_1.png", "person_2.png"] and len(pack) == 3
    assert np.array_equal(pack.read("person_1.png"), person(1))


@pytest.mark.parametrize("suffix", ["bmp", "TIF", "tiff", "jpg", "webp"])
def test_kinds_of_pictures(suffix: str, tmp_path: Path) -> None:
    picture = np.full((40, 60, 3), (200, 90, 30), np.uint8)
    assert cv2.imwrite(str(tmp_path / f"one.{suffix}"), picture[..., ::-1])
    pack = ImagePack(tmp_path)
    assert pack.names == [f"one.{suffix}"]
    np.testing.assert_allclose(pack.read(pack.names[0]), picture, atol=3)


@pytest.mark.parametrize("suffix", ["tif", "TIFF"])
def test_straight_colours_of_a_tiff_are_not_multiplied_by_alpha(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rgba = np.full((8, 6, 4), (200, 30, 10, 128), np.uint8)
    # OpenCV cannot write that the alpha is a straight colour's.
    encoder = av.CodecContext.create("tiff", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 6, 8, "rgba", Fraction(1)
    frame = av.VideoFrame.from_ndarray(rgba, format="rgba")
    (tmp_path / f"one.{suffix}").write_bytes(b"".join(map(bytes, encoder.encode(frame))))
    pack = ImagePack(tmp_path)
    assert np.array_equal(pack.read(pack.names[0]), rgba)
    monkeypatch.setattr(packs, "decode_frame", lambda data: None)  # as of what FFmpeg cannot read
    with pytest.raises(OptionError, match=rf"one\.{suffix} of .* this kind as PNG"):
        pack.read(pack.names[0])


def test_pictures_of_floats_are_named(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "one.tif"), np.full((8, 6, 3), 0.5, np.float32))
    with pytest.raises(OptionError, match=r"one\.tif of .* is float32, not of 8 or 16 bits"):
        ImagePack(tmp_path).read("one.tif")


def test_names_from_the_root(pack_path: Path) -> None:
    pack = ImagePack(pack_path)
    assert pack.names[0] == "rgba/person_0.png"
    assert pack.read_bytes("index.csv").startswith(b"file,long_hair")


def test_hidden_files_are_no_pictures(pack_path: Path, folder: Path) -> None:
    for name in ("rgba/._person_0.png", ".thumbnails/a.png", "rgba/.cache/b/c.png"):
        write_rgb(folder / name, place())
    if pack_path != folder:
        with tarfile.open(pack_path, "w") as tar:
            tar.add(folder, ".")
    assert ImagePack(pack_path).names == [f"rgba/person_{k}.png" for k in range(3)]


def test_linked_folders_are_looked_into_once(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder / "rgba").rename(elsewhere)
    for link in ("rgba", "same"):  # the second shows nothing new
        (folder / link).symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "loop").symlink_to(folder, target_is_directory=True)
    names = [f"person_{k}.png" for k in range(3)]
    assert ImagePack(folder).names == [f"rgba/{name}" for name in names]
    assert ImagePack(folder, "rgba").names == names
    assert np.array_equal(ImagePack(folder).read("rgba/person_1.png"), person(1))


def test_a_file_beside_the_pictures_needs_no_picture(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_bytes(b"file")
    assert Pack(tmp_path).read_bytes("index.csv") == b"file"


def test_what_is_not_there(pack_path: Path) -> None:
    with pytest.raises(OptionError, match=r"no nobody\.png in"):
        ImagePack(pack_path, "rgba").read("nobody.png")
    with pytest.raises(OptionError, match="no pictures below photos"):
        ImagePack(pack_path, "photos")
    with pytest.raises(OptionError, match="no folder or tar file"):
        ImagePack(pack_path.with_name("nothing"))


@pytest.mark.parametrize("content", [b"", bytes(range(256)) * 8], ids=["empty", "a video, say"])
def test_what_is_no_tar_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "s.mp4"
    path.write_bytes(content)
    with pytest.raises(OptionError, match=r"s\.mp4 is neither a folder nor an uncompressed tar"):
        ImagePack(path)


@pytest.fixture
def tar_path(folder: Path, tmp_path: Path) -> Path:
    """Return a tar file of three pictures."""
    path = tmp_path / "pack.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(folder / "rgba", "rgba")
    return path


def headers_and_end(path: Path) -> tuple[list[int], int]:
    """Return where the members begin, and where the last ends."""
    with tarfile.open(path) as tar:
        members = tar.getmembers()
    blocks = -(-members[-1].size // tarfile.BLOCKSIZE)
    return [m.offset for m in members], members[-1].offset_data + blocks * tarfile.BLOCKSIZE


def test_a_tar_file_that_is_cut_off_is_refused(tar_path: Path) -> None:
    whole = tar_path.read_bytes()
    (*_, last), end = headers_and_end(tar_path)
    for cut in (last + 100, last, end - 600, end):  # in a header, before it, in a picture, behind
        tar_path.write_bytes(whole[:cut])
        with pytest.raises(OptionError, match=r"pack\.tar is (cut off or damaged|neither)"):
            ImagePack(tar_path, "rgba")


def test_a_header_that_is_damaged_does_not_end_a_tar_file(tar_path: Path) -> None:
    whole = bytearray(tar_path.read_bytes())
    (*_, last), _ = headers_and_end(tar_path)
    whole[last + 150] ^= 255  # in its checksum
    tar_path.write_bytes(whole)
    with pytest.raises(OptionError, match=r"cut off or damaged after rgba/person_1\.png: a tar"):
        ImagePack(tar_path, "rgba")


@pytest.mark.parametrize("power", [45, 70])
def test_a_header_that_claims_more_than_any_disk_holds_is_refused(
    power: int, tmp_path: Path
) -> None:
    member = tarfile.TarInfo("rgba/person_0.png")
    member.size = 2**power
    path = tmp_path / "pack.tar"
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(OptionError, match=r"pack\.tar is neither .* tar file: "):
        ImagePack(path)


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(bytes(512), id="one block of zeros"),
        pytest.param(bytes(100), id="less"),
        pytest.param(bytes(1024) + b"padding", id="two, and something more"),
    ],
)
def test_a_tar_file_may_end_otherwise(tar_path: Path, behind: bytes) -> None:
    _, end = headers_and_end(tar_path)
    tar_path.write_bytes(tar_path.read_bytes()[:end] + behind)
    pack = ImagePack(tar_path, "rgba")
    assert len(pack) == 3 and np.array_equal(pack.read("person_2.png"), person(2, is_half=True))


@pytest.mark.parametrize("root", ["", "./"])
def test_hard_links_in_a_tar_file_are_followed(root: str, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(folder / "rgba" / "person_1.png", f"{root}rgba/person_1.png")
        for name, target in (("same", "person_1"), ("again", "same"), ("lost", "nobody")):
            link = tarfile.TarInfo(f"{root}rgba/{name}.png")
            link.type, link.linkname = tarfile.LNKTYPE, f"{root}rgba/{target}.png"
            tar.addfile(link)
    pack = ImagePack(path, "rgba")
    assert pack.names == ["again.png", "person_1.png", "same.png"]
    assert np.array_equal(pack.read("again.png"), person(1))


@pytest.mark.parametrize("content", [b"", b"no png"])
def test_what_is_no_picture(folder: Path, content: bytes) -> None:
    (folder / "rgba" / "broken.png").write_bytes(content)
    with pytest.raises(OptionError, match=r"broken\.png of .* cannot be read as a picture"):
        ImagePack(folder, "rgba").read("broken.png")


def test_channels_and_depth(tmp_path: Path) -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    cv2.imwrite(str(tmp_path / "deep.png"), grey.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "color.png"), place()[..., ::-1])
    pack = ImagePack(tmp_path)
    assert np.array_equal(pack.read("grey.png"), grey)
    assert np.array_equal(pack.read("deep.png"), grey)
    assert np.array_equal(pack.read("color.png"), place())
