"""Packs in COCO's format: whose photos, and who is marked in them."""

import json
import tarfile

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from instmatt_video.errors import OptionError
from instmatt_video.training.pictures.coco_photos import read_coco_photos
from tests.training.made_people import write_coco_pack, write_rgb


@pytest.fixture
def pack(tmp_path):
    return write_coco_pack(tmp_path / "pack")


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_a_document_that_is_missing_or_no_json_is_named(pack, kind):
    document = pack / "instances_person.json"
    for spoil, words in (
        (lambda: document.write_bytes(b"\xff{"), r"instances_person\.json of .*pack.* is no JSON"),
        (document.unlink, r"no instances_person\.json in"),
    ):
        spoil()
        with pytest.raises(OptionError, match=words):
            read_coco_photos(pack if kind == "folder" else as_tar(pack), "train")


def as_tar(folder):
    path = folder.with_suffix(".tar")
    with tarfile.open(path, "w") as tar:
        tar.add(folder, arcname=".")
    return path


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_photos_of_a_subset(pack, kind):
    photos = read_coco_photos(pack if kind == "folder" else as_tar(pack), "train")
    assert [photo.name for photo in photos] == ["a.png", "b.png"]
    assert photos[0].image[0, 0].tolist() == [200, 20, 10]  # RGB
    (person,) = photos[0].people
    np.testing.assert_array_equal(person.box, [10, 20, 30, 60])
    assert person.height_px == 40
    full = person.full_mask((80, 100))
    expected = np.zeros((80, 100), np.uint8)
    expected[20:60, 10:30] = 1
    assert (full != expected).sum() <= 60  # an outline's pixels may fall either way
    np.testing.assert_array_equal(photos[0].crowd_boxes, [[50, 10, 90, 40]])
    assert [photo.is_complete for photo in photos] == [True, False]


def test_permissive_licences_alone(pack):
    assert [p.name for p in read_coco_photos(pack, "train", (4, 5, 7))] == ["a.png"]


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_a_photo_is_decoded_when_it_is_asked_for(pack, kind):
    (pack / "images" / "b.png").write_bytes(b"torn")
    whole, torn = read_coco_photos(pack if kind == "folder" else as_tar(pack), "train")
    assert whole.image.shape == (80, 100, 3) and whole.image is whole.image
    with pytest.raises(OptionError, match=r"b\.png of .* cannot be read as a picture"):
        _ = torn.image


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_a_photo_that_is_not_there_is_named_at_once(pack, kind):
    (pack / "images" / "b.png").unlink()
    with pytest.raises(OptionError, match=r"no images/b\.png in .*pack"):
        read_coco_photos(pack if kind == "folder" else as_tar(pack), "train")


def test_a_photo_of_another_size_than_its_annotations_is_named(pack):
    write_rgb(pack / "images" / "b.png", np.zeros((160, 200, 3), np.uint8))
    whole, resized = read_coco_photos(pack, "train")
    assert whole.image.shape == (80, 100, 3)
    with pytest.raises(OptionError, match=r"images/b\.png of .* is not 100x80 as annotated"):
        _ = resized.image


def test_no_annotations_is_said(pack):
    path = as_tar(pack)
    with tarfile.open(path, "w") as tar:
        tar.add(pack / "images", arcname="images")
    with pytest.raises(OptionError, match=r"no instances_person\.json in"):
        read_coco_photos(path, "train")


def change(pack, **changes):
    """Replace parts of the document: whole ones, or by what a function makes of each row."""
    path = pack / "instances_person.json"
    document = json.loads(path.read_text())
    for name, new in changes.items():
        document[name] = [new(row) for row in document[name]] if callable(new) else new
    path.write_text(json.dumps({k: v for k, v in document.items() if v is not None}))


def test_what_coco_does_not_name_is_of_train_and_no_crowd(pack):
    change(pack, images=lambda row: {k: v for k, v in row.items() if k != "subset"})
    assert [photo.name for photo in read_coco_photos(pack, "train")] == ["a.png", "b.png", "c.png"]
    assert read_coco_photos(pack, "val") == []
    change(pack, annotations=lambda row: {**row, "iscrowd": 0} if row["iscrowd"] else row)
    change(pack, annotations=lambda row: {k: v for k, v in row.items() if k != "iscrowd"})
    change(pack, annotations=lambda row: {"segmentation": [[50, 10, 90, 10, 90, 40]], **row})
    photo, *_ = read_coco_photos(pack, "train")
    assert len(photo.people) == 2 and not len(photo.crowd_boxes)


def runs_of(rows, columns, is_text):
    """Return a rectangle in a picture of 100x80 as COCO's run lengths."""
    if is_text:
        mask = np.zeros((80, 100), np.uint8)
        mask[rows, columns] = 1
        runs = coco_mask.encode(np.asfortranarray(mask))
        return {"size": [80, 100], "counts": runs["counts"].decode()}
    height = rows.stop - rows.start
    between = [height, 80 - height] * (columns.stop - columns.start)
    counts = [80 * columns.start + rows.start, *between]
    counts[-1] += 80 * (100 - columns.stop) - rows.start
    return {"size": [80, 100], "counts": counts}


@pytest.mark.parametrize("is_text", [False, True], ids=["numbers", "text"])
def test_run_lengths_are_masks_too(pack, is_text):
    runs = runs_of(np.s_[20:60], np.s_[10:30], is_text)
    change(pack, annotations=lambda row: row if row["iscrowd"] else {**row, "segmentation": runs})
    (person,) = read_coco_photos(pack, "train")[0].people
    expected = np.zeros((80, 100), np.uint8)
    expected[20:60, 10:30] = 1
    np.testing.assert_array_equal(person.full_mask((80, 100)), expected)
    np.testing.assert_array_equal(person.box, [10, 20, 30, 60])


def test_of_named_categories_people_alone_are_read(pack):
    categories = [{"id": 7, "name": "person"}, {"id": 18, "name": "dog"}]
    change(pack, categories=categories)
    of_all = read_coco_photos(pack, "train")
    assert len(of_all[0].people) == len(of_all[0].crowd_boxes) == 1  # they name no category
    ids = {0: 7, 1: 18}
    change(pack, annotations=lambda row: {**row, "category_id": ids[row["iscrowd"]]})
    photo, _ = read_coco_photos(pack, "train")
    assert len(photo.people) == 1 and not len(photo.crowd_boxes)
    # Of a dog nothing is asked, not even a mask.
    change(pack, annotations=lambda row: {**row, "category_id": 18, "segmentation": None})
    assert [photo.people for photo in read_coco_photos(pack, "train")] == [(), ()]
    change(pack, categories=categories[1:])
    with pytest.raises(OptionError, match=r"json of .*: no category is called person, but dog"):
        read_coco_photos(pack, "train")


def test_an_outline_may_go_a_little_past_its_picture(pack):
    outline = [-2.5, -3, 103, -3, 103, 84.5, -2.5, 84.5]  # of 100x80
    change(pack, annotations=lambda row: {**row, "segmentation": [outline]})
    (person,) = read_coco_photos(pack, "train")[0].people
    assert person.full_mask((80, 100)).all()


@pytest.mark.parametrize(
    "segmentation",
    [
        pytest.param(None, id="none"),
        pytest.param([], id="empty"),
        pytest.param([[10, 20, 30, 60]], id="a box"),
        pytest.param([[10, 20, "x", 20, 30, 60]], id="no number"),
        pytest.param([[10, 20, 30, 20, 30, 1e9]], id="a corner far below"),
        pytest.param([[10, 20, -1e300, 20, 30, 60]], id="a corner that C holds no number of"),
        pytest.param({"counts": [8000]}, id="no size"),
        pytest.param({"size": [100, 80], "counts": [8000]}, id="on its side"),
        pytest.param({"size": [80, 100], "counts": [4000]}, id="half"),
        pytest.param({"size": [80, 100], "counts": ""}, id="no text"),
        pytest.param({"size": [80, 100], "counts": "é"}, id="another text"),
    ],
)
def test_a_person_without_a_mask_names_file_photo_and_annotation(pack, segmentation):
    change(pack, annotations=lambda row: {**row, "id": 31, "segmentation": segmentation})
    words = r"instances_person\.json of .*pack: annotation 31 of a\.png has neither polygons nor"
    with pytest.raises(OptionError, match=words):
        read_coco_photos(pack, "train")


@pytest.mark.parametrize("bbox", [[1e300, 20, 20, 40], [10, 20, 20, 1e9]])
def test_a_box_far_outside_of_its_photo_is_named(pack, bbox):
    change(pack, annotations=lambda row: {**row, "id": 31, "bbox": bbox})
    with pytest.raises(OptionError, match=r"annotation 31 is far outside of a\.png, 100x80"):
        read_coco_photos(pack, "train")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"annotations": None}, "annotations: Field required", id="no annotations"),
        pytest.param(
            {"images": [{"id": 1}]}, r"images\.0\.file_name: Field required", id="no name"
        ),
        pytest.param(
            {"annotations": [{"image_id": 1, "bbox": [1, 2, 3]}]},
            r"annotations\.0\.bbox\.3: Field required",
            id="half a box",
        ),
        pytest.param(
            {"images": [{"id": 1, "file_name": "a.png", "height": -4, "width": 100}]},
            r"images\.0\.height: Input should be greater",
            id="a side below 0",
        ),
        pytest.param(
            {"images": [{"id": 1, "file_name": "a.png", "height": 10**6, "width": 10**6}]},
            r"images\.0: .*a picture of 1000000x1000000 cannot be read",
            id="sides of a thousand times the pixels that can be read",
        ),
    ],
)
def test_what_is_missing_or_impossible_in_the_document_is_named(pack, changes, words):
    change(pack, **changes)
    with pytest.raises(OptionError, match=rf"instances_person\.json of .*pack: {words}"):
        read_coco_photos(pack, "train")
