import json
import tarfile

import cv2
import numpy as np
import pytest

from instmatt_video.errors import OptionError
from instmatt_video.training.marked_photos import (
    MAX_PATCH_PX,
    patch_from_rgba,
    patches_of_photos,
    person_from_mask,
    read_backgrounds,
    read_coco_photos,
    read_masked_photos,
    read_patches,
)

from .made_people import write_packs, write_rgb

SQUARE = [10, 20, 30, 20, 30, 60, 10, 60]


def write_image(path, height=80, width=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), (10, 20, 200), np.uint8))


@pytest.fixture
def pack(tmp_path):
    folder = tmp_path / "pack"
    for name in ("a", "b", "c"):
        write_image(folder / "images" / f"{name}.png")
    size = {"width": 100, "height": 80}
    images = [
        {"id": 1, "file_name": "a.png", "subset": "train", "license": 4, **size},
        {"id": 2, "file_name": "b.png", "subset": "train", "license": 1, "labels": "some", **size},
        {"id": 3, "file_name": "c.png", "subset": "val", "license": 4, **size},
    ]
    annotations = [
        {"image_id": 1, "iscrowd": 0, "bbox": [10, 20, 20, 40], "segmentation": [SQUARE]},
        {"image_id": 1, "iscrowd": 1, "bbox": [50, 10, 40, 30]},
    ]
    document = {"images": images, "annotations": annotations, "categories": []}
    (folder / "instances_person.json").write_text(json.dumps(document))
    return folder


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
    write_image(pack / "images" / "b.png", 160, 200)
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


def test_masked_photos(tmp_path):
    write_image(tmp_path / "image" / "1.jpg")
    (tmp_path / "mask").mkdir()
    mask = np.zeros((80, 100), np.uint8)
    mask[30:50, 40:45] = 255
    cv2.imwrite(str(tmp_path / "mask" / "1.png"), mask)
    (photo,) = read_masked_photos(tmp_path)
    np.testing.assert_array_equal(photo.people[0].box, [40, 30, 45, 50])
    assert not photo.is_complete  # others may stand in the background


def test_mask_of_another_size_names_the_file(tmp_path):
    write_image(tmp_path / "image" / "1.jpg")
    (tmp_path / "mask").mkdir()
    cv2.imwrite(str(tmp_path / "mask" / "1.png"), np.zeros((8, 8), np.uint8))
    with pytest.raises(OptionError, match=r"mask/1\.png"):
        read_masked_photos(tmp_path)


def test_nobody_in_an_empty_mask():
    assert person_from_mask(np.zeros((4, 4), bool)) is None
    assert patch_from_rgba("", np.zeros((4, 4, 4), np.uint8)) is None


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 3)])
def test_a_cut_out_without_alpha_is_named(shape):
    with pytest.raises(OptionError, match=r"a\.jpg: a cut-out needs an alpha channel"):
        patch_from_rgba("a.jpg", np.zeros(shape, np.uint8))


def test_of_an_empty_cut_out_the_next_person_is_returned_and_the_file_named(tmp_path, caplog):
    write_packs(tmp_path, people=3)
    folder = tmp_path / "cutouts" / "rgba"
    write_rgb(folder / "person_2.png", np.zeros((8, 8, 4), np.uint8))
    names = [patch.name for patch in read_patches(tmp_path / "cutouts")]
    assert names == ["person_0.png", "person_1.png", "person_0.png"]
    (record,) = caplog.records
    assert record.getMessage().startswith("person_2.png of ")
    for file in folder.iterdir():
        write_rgb(file, np.zeros((8, 8, 4), np.uint8))
    with pytest.raises(
        OptionError, match=r"none of 3 pictures can be used: person_1\.png of .*: there is nobody"
    ):
        read_patches(tmp_path / "cutouts")[1]


def test_patch_is_cropped_to_the_person_and_not_too_large():
    rgba = np.zeros((1200, 900, 4), np.uint8)
    rgba[200:1200, 300:500] = 255
    patch = patch_from_rgba("", rgba)
    assert patch.rgba.shape == (MAX_PATCH_PX, round(200 * MAX_PATCH_PX / 1000), 4)
    assert patch.touches_bottom


def test_large_people_of_photos_become_patches(pack):
    photos = read_coco_photos(pack, "train")
    assert not patches_of_photos(photos, min_height_px=60)
    (patch,) = patches_of_photos(photos, min_height_px=30)
    assert patch.rgba[20, 10].tolist() == [200, 20, 10, 255]
    assert not patch.touches_bottom


def test_people_who_are_held_out_are_not_pasted(tmp_path):
    write_packs(tmp_path, people=3)
    everybody = read_patches(tmp_path / "cutouts")
    others = read_patches(tmp_path / "cutouts", {"person_1.png"})
    assert len(everybody) == 3
    assert [p.rgba.tobytes() for p in others] == [everybody[k].rgba.tobytes() for k in (0, 2)]


def test_people_of_photos_come_before_cut_outs(pack, tmp_path):
    write_packs(tmp_path, people=2)
    own = patches_of_photos(read_coco_photos(pack, "train"), min_height_px=30)
    both = own + read_patches(tmp_path / "cutouts")
    assert [patch.name for patch in both] == ["a.png#0", "person_0.png", "person_1.png"]
    assert both[2].rgba.tobytes() == both[1:][1].rgba.tobytes()


def test_backgrounds_less_those_that_are_left_out(tmp_path):
    for name, level in (("a.png", 10), ("b.png", 200)):
        assert cv2.imwrite(str(tmp_path / name), np.full((8, 12, 3), level, np.uint8))
    assert [int(image.mean()) for image in read_backgrounds(tmp_path)] == [10, 200]
    assert [int(image.mean()) for image in read_backgrounds(tmp_path, {"a.png"})] == [200]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_background_has_three_colours_however_it_is_stored(tmp_path, channels):
    assert cv2.imwrite(str(tmp_path / "a.png"), np.full((8, 1280, channels), 90, np.uint8))
    (image,) = read_backgrounds(tmp_path)
    np.testing.assert_array_equal(image, np.full((4, 640, 3), 90))
