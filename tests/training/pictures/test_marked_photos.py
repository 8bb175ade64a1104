import cv2
import numpy as np
import pytest

from instmatt_video.errors import OptionError
from instmatt_video.training.pictures.coco_photos import read_coco_photos
from instmatt_video.training.pictures.marked_photos import (
    MAX_PATCH_PX,
    patch_from_rgba,
    patches_of_photos,
    person_from_mask,
    read_backgrounds,
    read_masked_photos,
    read_patches,
)
from tests.training.made_people import write_coco_pack, write_packs, write_rgb


def write_image(path, height=80, width=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), (10, 20, 200), np.uint8))


@pytest.fixture
def pack(tmp_path):
    return write_coco_pack(tmp_path / "pack")


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


def write_masked_photos(folder, count):
    for number in range(count):
        write_image(folder / "image" / f"{number}.jpg")
        mask = np.zeros((80, 100), np.uint8)
        mask[30:50, 40:45] = 255
        (folder / "mask").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / "mask" / f"{number}.png"), mask)


def test_a_photo_without_a_mask_is_named(tmp_path):
    write_masked_photos(tmp_path, 2)
    (tmp_path / "mask" / "1.png").unlink()
    with pytest.raises(OptionError, match=r"image/1\.jpg of .* has no mask/1\.png"):
        read_masked_photos(tmp_path)


@pytest.mark.parametrize("torn", ["image/0.jpg", "mask/0.png"])
def test_a_torn_masked_photo_is_passed_over(torn, tmp_path, caplog):
    write_masked_photos(tmp_path, 2)
    (tmp_path / torn).write_bytes(b"torn")
    (photo,) = read_masked_photos(tmp_path)
    assert photo.name == "1.jpg"
    (line,) = caplog.messages
    assert torn.split("/")[1] in line and "passed over" in line
    for name in (torn, torn.replace("0", "1")):
        (tmp_path / name).write_bytes(b"torn")
    with pytest.raises(OptionError, match=r"no photo of .* can be read"):
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
