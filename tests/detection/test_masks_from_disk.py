import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from instmatt_video.detection.detector import create_detector
from instmatt_video.detection.mask_file import read_labels, read_mask
from instmatt_video.detection.masks_from_disk import MasksFromDisk, detections_from_masks
from instmatt_video.detection.paste import paste_masks
from instmatt_video.errors import MaskReadError

SHAPE = (12, 16)


def write_palette_png(path, labels):
    """A PNG of colour type 3, whose palette's colours say nothing of the labels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width = labels.shape
    rows = b"".join(b"\0" + row.tobytes() for row in labels)
    palette = bytes([0, 0, 0, 128, 0, 0, 0, 0, 1, 250, 250, 250])
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", palette)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def two_people(shift=0):
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:6, 1 + shift : 5 + shift] = 1
    labels[4:10, 9:12] = 2
    return labels


def frame():
    return np.zeros((*SHAPE, 3), np.uint8)


def masks_of(detections):
    return paste_masks(detections, *SHAPE) > 0.5


@pytest.fixture(params=["labels", "frame/person", "person/frame"])
def layout(request, tmp_path):
    """The same two people in frames 0 and 2 in every layout."""
    for index in (0, 2):
        labels = two_people(shift=index)
        if request.param == "labels":
            write_palette_png(tmp_path / f"{index:05d}.png", labels)
            continue
        for person in (1, 2):
            is_by_frame = request.param == "frame/person"
            # Three people's folders would outnumber two frames, so one has nobody's mask in some.
            names = (
                (f"{index:05d}", f"{person:02d}")
                if is_by_frame
                else (f"{person:02d}", f"{index:05d}")
            )
            (tmp_path / names[0]).mkdir(exist_ok=True)
            cv2.imwrite(
                str(tmp_path / names[0] / f"{names[1]}.png"), (labels == person) * np.uint8(255)
            )
    if request.param == "person/frame":
        cv2.imwrite(str(tmp_path / "01" / "00003.png"), np.zeros(SHAPE, np.uint8))
    return tmp_path


def test_every_layout_gives_the_same_people(layout):
    detector = MasksFromDisk(layout, SHAPE)
    found = detector.detect([frame(), frame()], [0, 2])
    for index, detections in zip((0, 2), found, strict=True):
        labels = two_people(shift=index)
        np.testing.assert_array_equal(masks_of(detections), [labels == 1, labels == 2])
        np.testing.assert_array_equal(
            detections.boxes, [[1 + index, 2, 5 + index, 6], [9, 4, 12, 10]]
        )


def test_only_frames_with_files_are_looked_at(layout):
    detector = MasksFromDisk(layout)
    assert [detector.looks_at(index) for index in range(3)] == [True, False, True]
    assert len(detector.detect([frame()], [1])[0]) == 0


def test_nothing_is_remembered_of_the_last_look(layout):
    detector = MasksFromDisk(layout)
    assert [len(detector.detect([frame()], [k])[0]) for k in (2, 1, 2, 0)] == [2, 0, 2, 2]
    with pytest.raises(ValueError, match="frame_indices"):
        detector.detect([frame()], None)


def test_numbers_from_one_are_counted_from_the_first_frame(tmp_path):
    write_palette_png(tmp_path / "frame_0001.png", two_people())
    assert MasksFromDisk(tmp_path).looks_at(0)
    assert MasksFromDisk(tmp_path, first_frame_number=0).looks_at(1)


def place(folder, names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / name), (two_people() == 1) * np.uint8(255))


@pytest.mark.parametrize(
    ("names", "frames", "identities"),
    [
        pytest.param(["anna/1.png", "bert/1.png", "carl/1.png"], [1], [1, 2, 3], id="named people"),
        pytest.param(["1/0007.png", "2/0007.png", "10/0007.png"], [7], [1, 2, 3], id="few frames"),
        pytest.param(["0007/1.png", "0007/2.png"], [7], None, id="one frame"),
        pytest.param(["1/anna.png", "1/bert.png"], [1], None, id="people's files"),
        pytest.param(["1/9.png", "1/10.png", "1/11.png"], [9, 10, 11], [1], id="one person"),
    ],
)
def test_names_tell_people_from_frames(names, frames, identities, tmp_path):
    place(tmp_path, names)
    detector = MasksFromDisk(tmp_path, first_frame_number=0)
    assert [k for k in range(99) if detector.looks_at(k)] == frames
    (found,) = detector.detect([frame()], frames[:1])
    assert len(found) == len(names) // len(frames)
    told = None if found.identities is None else found.identities.tolist()
    assert told == identities


def test_identities_are_those_of_the_masks_that_are_there(tmp_path):
    place(tmp_path, ["a/00.png", "b/00.png", "c/00.png", "a/01.png"])
    cv2.imwrite(str(tmp_path / "b" / "00.png"), np.zeros(SHAPE, np.uint8))
    found = MasksFromDisk(tmp_path).detect([frame()] * 3, range(3))
    assert [people.identities.tolist() for people in found] == [[1, 3], [1], []]


def test_masks_are_told_from_others_by_names_and_contents(layout, tmp_path_factory):
    checksum = MasksFromDisk(layout).checksum
    copy = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(layout, copy, copy_function=shutil.copyfile)
    assert MasksFromDisk(copy).checksum == checksum
    first = min(copy.rglob("*.png"))
    first.rename(first.with_stem("00001"))
    assert MasksFromDisk(copy).checksum != checksum
    first.with_stem("00001").rename(first)
    cv2.imwrite(str(first), two_people(shift=3))
    assert MasksFromDisk(copy).checksum != checksum


def test_a_colon_in_a_relative_folders_name_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("take:2")
    folder.mkdir()
    (folder / "0001.png").write_bytes(cv2.imencode(".png", two_people())[1].tobytes())
    assert np.array_equal(read_labels(folder / "0001.png"), two_people())


def test_void_is_nobody(tmp_path):
    labels = two_people()
    labels[0] = 255
    cv2.imwrite(str(tmp_path / "0.png"), labels)
    assert len(MasksFromDisk(tmp_path).detect([frame()], [0])[0]) == 2


def assert_same_people(found, labels):
    """Whatever their order."""
    expected = [(labels == label).tolist() for label in (1, 2)]
    assert sorted(masks_of(found).tolist()) == sorted(expected)


@pytest.mark.parametrize("values", [(1, 2), (1001, 1002), (255, 256)], ids=str)
def test_labels_of_sixteen_bits_are_told_apart(values, tmp_path):
    labels = two_people()
    deep = np.select([labels == 1, labels == 2], values).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "0.png"), deep)
    assert_same_people(MasksFromDisk(tmp_path).detect([frame()], [0])[0], labels)


@pytest.mark.parametrize(
    "colours",
    [
        pytest.param([(255, 0, 0), (0, 0, 255)], id="colours"),
        pytest.param([(0, 76, 0), (44, 44, 44)], id="as light as each other"),
    ],
)
def test_colours_are_labels(colours, tmp_path):
    labels = two_people()
    coloured = np.zeros((*SHAPE, 3), np.uint8)
    for label, colour in enumerate(colours, start=1):
        coloured[labels == label] = colour
    cv2.imwrite(str(tmp_path / "0.png"), coloured)
    assert_same_people(MasksFromDisk(tmp_path).detect([frame()], [0])[0], labels)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("edge", [(200, 201, 200), (1, 1, 1)], ids=["tinted", "faint"])
def test_edges_of_black_and_white_masks_are_no_labels(edge, depth, tmp_path):
    white = two_people() == 1
    mask = np.where(white[..., None], 255, 0).astype(np.uint8).repeat(3, 2)
    mask[0] = edge
    if depth == 16:
        mask = mask[..., 0].astype(np.uint16) * 257
        mask[0] = 255
    (tmp_path / "00").mkdir()
    cv2.imwrite(str(tmp_path / "00" / "1.png"), mask)
    found = masks_of(MasksFromDisk(tmp_path).detect([frame()], [0])[0])
    np.testing.assert_array_equal(found[0][1:], white[1:])


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("opaque", ["white", "alpha"])
def test_masks_with_an_alpha_channel(opaque, depth, tmp_path):
    white = two_people() == 1
    most = (1 << depth) - 1
    mask = np.where(white, most, 0)
    full = np.full_like(mask, most)
    layers = [full, full, full, mask] if opaque == "white" else [mask, mask, mask, full]
    (tmp_path / "00").mkdir()
    dtype = np.uint8 if depth == 8 else np.uint16
    cv2.imwrite(str(tmp_path / "00" / "1.png"), np.dstack(layers).astype(dtype))
    np.testing.assert_array_equal(
        masks_of(MasksFromDisk(tmp_path).detect([frame()], [0])[0])[0], white
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("value", [1, 7])
def test_masks_of_one_label(value, dtype, tmp_path):
    white = two_people() == 1
    cv2.imwrite(str(tmp_path / "1.png"), (white * value).astype(dtype))
    np.testing.assert_array_equal(read_mask(tmp_path / "1.png"), white * 255)


def test_soft_masks_stay_soft(tmp_path):
    soft = np.arange(256, dtype=np.uint8).reshape(16, 16)
    cv2.imwrite(str(tmp_path / "1.png"), soft)
    np.testing.assert_array_equal(read_mask(tmp_path / "1.png"), soft)
    cv2.imwrite(str(tmp_path / "1.png"), 0 * soft)
    assert not read_mask(tmp_path / "1.png").any()


def test_void_alone_is_nobody_where_others_are_labelled(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros(SHAPE, np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), two_people())
    cv2.imwrite(str(tmp_path / "2.png"), (two_people() > 0) * np.uint8(255))
    found = MasksFromDisk(tmp_path).detect([frame()] * 3, [2, 1, 0])
    assert [len(people) for people in found] == [0, 2, 0]


def test_a_black_and_white_mask_is_one_person(tmp_path):
    is_person = two_people() == 1
    cv2.imwrite(str(tmp_path / "0.png"), is_person * np.uint8(255))
    found = MasksFromDisk(tmp_path).detect([frame()], [0])[0]
    np.testing.assert_array_equal(masks_of(found), [is_person])


@pytest.mark.parametrize("size", [(600, 100), (2000, 250), (200, 1000), (100, 100)], ids=str)
def test_slim_people_stay_where_they_were(size):
    """More than 256 px along one side and less along the other."""
    height, width = size
    rows, columns = np.mgrid[: height + 20, : width + 20] + 0.5
    mask = np.hypot((rows - height / 2 - 10) / height, (columns - width / 2 - 10) / width) < 0.5
    pasted = paste_masks(detections_from_masks([mask]), *mask.shape)[0]
    for axis, middle in ((rows, height / 2 + 10), (columns, width / 2 + 10)):
        assert (pasted * axis).sum() / pasted.sum() == pytest.approx(middle, abs=0.1)


def test_soft_edges_stay_where_they_were():
    mask = np.zeros((700, 900), bool)
    mask[100:650, 200:700] = True
    detections = detections_from_masks([mask])
    np.testing.assert_array_equal(paste_masks(detections, 700, 900)[0] > 0.5, mask)


def test_nobody():
    assert len(detections_from_masks([])) == 0
    assert len(detections_from_masks([np.zeros(SHAPE, bool)])) == 0


class TestErrors:
    def test_missing_folder(self, tmp_path):
        with pytest.raises(MaskReadError, match="no such folder"):
            MasksFromDisk(tmp_path / "none")

    def test_empty_folder(self, tmp_path):
        with pytest.raises(MaskReadError, match="holds no masks"):
            MasksFromDisk(tmp_path)

    def test_wrong_size_names_the_file(self, tmp_path):
        write_palette_png(tmp_path / "00000.png", np.ones((5, 7), np.uint8))
        with pytest.raises(MaskReadError, match=r"00000\.png: is 7×5, but its frame is 16×12"):
            MasksFromDisk(tmp_path).detect([frame()], [0])

    def test_more_masks_than_frames_names_the_file(self, layout):
        MasksFromDisk(layout).check_length(4)
        with pytest.raises(MaskReadError, match="none for this mask"):
            MasksFromDisk(layout).check_length(2)

    def test_masks_of_other_numbers_are_told_those_of_the_clip(self, tmp_path):
        write_palette_png(tmp_path / "0001.png", two_people())
        with pytest.raises(
            MaskReadError, match=r"0001\.png: the clip's frames are 1001 to 1014, none for this"
        ):
            MasksFromDisk(tmp_path, first_frame_number=1001).check_length(14)

    def test_no_picture(self, tmp_path):
        (tmp_path / "0.png").write_bytes(b"nothing")
        with pytest.raises(MaskReadError, match=r"0\.png: is no mask"):
            MasksFromDisk(tmp_path).detect([frame()], [0])

    def test_a_damaged_picture(self, tmp_path):
        path = tmp_path / "0.png"
        write_palette_png(path, two_people())
        whole, told = path.read_bytes(), 0
        for place in range(33, min(len(whole), 120)):
            damaged = bytearray(whole)
            damaged[place] ^= 0xFF
            path.write_bytes(damaged)
            try:
                MasksFromDisk(tmp_path).detect([frame()], [0])
            except MaskReadError as error:  # whatever the decoder says of it
                assert "0.png" in str(error)
                told += 1
        assert told

    def test_two_files_of_one_frame(self, tmp_path):
        for name in ("a_0001.png", "b_0001.png"):
            write_palette_png(tmp_path / name, two_people())
        with pytest.raises(MaskReadError, match=r"b_0001\.png: a_0001\.png is of frame 1, too"):
            MasksFromDisk(tmp_path)

    def test_names_that_do_not_tell_people_from_frames(self, tmp_path):
        place(tmp_path, ["1/1.png", "1/2.png", "2/1.png", "2/2.png"])
        with pytest.raises(MaskReadError, match=r"as 1/1\.png: number frames with more digits"):
            MasksFromDisk(tmp_path)

    def test_a_soft_mask_is_no_map_of_labels(self, tmp_path):
        soft = np.arange(SHAPE[0] * SHAPE[1], dtype=np.uint8).reshape(SHAPE)
        cv2.imwrite(str(tmp_path / "0000.png"), soft * 0)
        cv2.imwrite(str(tmp_path / "0001.png"), soft)
        with pytest.raises(MaskReadError, match=r"0001\.png: holds 191 labels; .*<person>/<frame>"):
            MasksFromDisk(tmp_path).check_files()

    def test_name_without_number(self, tmp_path):
        write_palette_png(tmp_path / "mask.png", two_people())
        with pytest.raises(MaskReadError, match="no frame number"):
            MasksFromDisk(tmp_path)


def test_spec_names_the_folder(layout):
    choice = create_detector(f"masks:{layout}")
    assert choice.detector.name == "masks"
    assert str(layout) in choice.reason
