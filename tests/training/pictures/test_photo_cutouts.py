"""People cut out of photos: who, and with which edge."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from instmatt_video.cli import main
from instmatt_video.matting.matter import Matter
from instmatt_video.training.pictures.cutouts import CutoutLibrary, cut_out
from instmatt_video.training.pictures.marked_photos import Photo, person_from_mask
from instmatt_video.training.pictures.packs import ImagePack
from instmatt_video.training.pictures.photo_cutouts import cut_out_people
from tests.training.made_people import place, write_coco_pack, write_rgb

SIZE = (320, 400)
"""Width and height of the photos."""
Box = tuple[int, int, int, int]
STANDING: Box = (100, 60, 200, 340)


class BlurringMatter:
    """Gives a mask's edge a ramp of some pixels."""

    def __init__(self, *lost: Box) -> None:
        self.lost = lost
        """What it takes from everybody."""

    def matte_masks(self, image: np.ndarray, masks: np.ndarray) -> np.ndarray:
        assert image.shape[:2] == masks.shape[1:]
        alphas = np.stack([cv2.blur(mask.astype(np.float32), (5, 5)) for mask in masks])
        for left, top, right, bottom in self.lost:
            alphas[:, top:bottom, left:right] = 0
        return alphas


def mask_of(*boxes: Box) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], bool)
    for left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = True
    return mask


def photo_of(*people: Box, crowds: tuple[Box, ...] = ()) -> Photo:
    image = place(3, SIZE[1], SIZE[0])
    marked = []
    for box in people:
        image[mask_of(box)] = (180, 40, 60)
        marked.append(person_from_mask(mask_of(box)))
    boxes = np.array(crowds, np.float32).reshape(-1, 4)
    return Photo("photo.png", image, tuple(marked), boxes)


def write_person(pack: Path, name: str, box: Box) -> None:
    write_rgb(pack / "image" / f"{name}.png", photo_of(box).image)
    mask = np.repeat(mask_of(box)[..., None], 3, axis=2)
    write_rgb(pack / "mask" / f"{name}.png", np.uint8(255 * mask))


def cut(photo: Photo, *lost: Box) -> dict[int, np.ndarray]:
    return dict(cut_out_people(photo, BlurringMatter(*lost)))


def test_the_edge_is_the_matters_and_all_else_the_masks() -> None:
    # 60 pixels lie inside the person and far from the edge: not a hundredth, so the mask is right.
    ((index, rgba),) = cut(photo_of(STANDING), (145, 200, 151, 210)).items()
    assert index == 0 and rgba.shape == (SIZE[1], SIZE[0], 4)
    expected = cv2.blur(mask_of(STANDING).astype(np.float32), (5, 5))
    np.testing.assert_array_equal(rgba[..., 3], np.round(255 * expected))
    assert (rgba[rgba[..., 3] == 255][:, :3] == (180, 40, 60)).all()


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((100, 60, 200, 240), id="small"),
        pytest.param((100, 0, 200, 280), id="cut off above"),
        pytest.param((60, 60, 260, 340), id="sits"),
    ],
)
def test_who_cannot_stand_elsewhere_stays(box: Box) -> None:
    assert cut(photo_of(box)) == {}


def test_who_goes_on_below_may_be_wide_and_is_known_to_be_cut() -> None:
    (rgba,) = cut(photo_of((40, 150, 280, 400))).values()
    assert cut_out("half", rgba).is_cut_below
    assert not cut_out("whole", cut(photo_of(STANDING))[0]).is_cut_below


def test_who_touches_somebody_stays() -> None:
    apart, beside = (240, 60, 300, 340), (202, 60, 300, 340)
    assert sorted(cut(photo_of(STANDING, apart))) == [0, 1]
    assert cut(photo_of(STANDING, beside)) == {}
    assert cut(photo_of(STANDING, crowds=(beside,))) == {}


def test_whom_the_matter_does_not_see_as_the_mask_does_stays() -> None:
    assert cut(photo_of(STANDING), (120, 150, 180, 200)) == {}


def test_somebody_who_is_all_edge_and_not_seen_stays() -> None:
    assert cut(photo_of((150, 60, 154, 340)), (140, 50, 164, 350)) == {}


def test_what_is_apart_from_the_person_is_none_of_theirs() -> None:
    bag = (220, 300, 240, 340)
    photo = photo_of(STANDING)
    both = person_from_mask(mask_of(STANDING, bag))
    assert both is not None
    ((_, rgba),) = cut_out_people(
        Photo(photo.name, photo.picture, (both,), photo.crowd_boxes), BlurringMatter()
    )
    assert not rgba[:, 210:, 3].any() and rgba[200, 150, 3] == 255


class TestCommand:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(Matter, "from_config", lambda *_: BlurringMatter())
        for name, box in (("anna", STANDING), ("bea", (100, 60, 200, 200))):
            write_person(tmp_path / "street", name, box)
        (tmp_path / "data.toml").write_text('[[photos]]\npath = "street"\n')
        return tmp_path

    def command(self, folder: Path) -> int:
        data, out = str(folder / "data.toml"), str(folder / "pack")
        return main(["train", "cutouts", "--data", data, "--out", out])

    def test_leaves_a_pack_of_cutouts(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.command(folder) == 0
        assert "1 people cut out" in capsys.readouterr().err
        library = CutoutLibrary(ImagePack(folder / "pack", "rgba"))
        assert library.names == ["street_anna_0.webp"]
        left, top, right, bottom = STANDING
        assert library[0].height == pytest.approx(bottom - top, abs=4)
        assert library[0].width == pytest.approx(right - left, abs=4)

    def test_photos_of_one_name_are_told_apart(self, folder: Path) -> None:
        # Two packs called `street`; in one of them a photo is called as the second Anna would be.
        write_person(folder / "other" / "street", "anna", STANDING)
        write_person(folder / "other" / "street", "anna-2", STANDING)
        data = folder / "data.toml"
        data.write_text(data.read_text() + '[[photos]]\npath = "other/street"\n')
        assert self.command(folder) == 0
        names = [path.name for path in sorted((folder / "pack" / "rgba").iterdir())]
        assert names == ["street_anna-2_0.webp", "street_anna-3_0.webp", "street_anna_0.webp"]

    def test_a_torn_photo_does_not_end_the_others(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        data = folder / "data.toml"
        data.write_text(f'instances = "crowd"\n{data.read_text()}')
        write_coco_pack(folder / "crowd")
        torn = sorted((folder / "crowd" / "images").iterdir())[0]
        torn.write_bytes(torn.read_bytes()[:40])
        assert self.command(folder) == 0
        told = capsys.readouterr().err
        assert f"{torn.name} of {folder / 'crowd'} cannot be read" in told
        assert (folder / "pack" / "rgba" / "street_anna_0.webp").is_file()

    def test_needs_photos(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "data.toml").write_text('cutouts = "a"\nbackgrounds = "b"\n')
        assert self.command(folder) == 2
        assert "name photos or instances" in capsys.readouterr().err
