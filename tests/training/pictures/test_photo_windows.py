"""Windows of marked photos: what is seen, whose it is, and where nobody can say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from instmatt_video.training.pictures.composites import Composite
from instmatt_video.training.pictures.marked_photos import Person, Photo, person_from_mask
from instmatt_video.training.pictures.matted_pictures import MattedPicture
from instmatt_video.training.pictures.photo_windows import (
    MIN_HEIGHT_PX,
    PhotoWindow,
    has_target,
    open_matted,
    open_window,
    view_matted,
    view_photo,
)

HEIGHT, WIDTH = 160, 240
WHOLE = np.s_[:, :]
LEFT, RIGHT = (20, 30, 80, 150), (120, 30, 180, 150)
"""Two people, xyxy."""


def box_person(left: int, top: int, right: int, bottom: int) -> Person:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    person = person_from_mask(mask)
    assert person is not None
    return person


def photo_of(*boxes: tuple[int, int, int, int], crowds: tuple[tuple[int, ...], ...] = ()) -> Photo:
    """Return a photo whose people are of level 50, 100, … before a black wall."""
    people = tuple(box_person(*box) for box in boxes)
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for index, person in enumerate(people):
        image[person.full_mask((HEIGHT, WIDTH)) > 0] = 50 * (index + 1)
    return Photo("made", image, people, np.array(crowds, np.float32).reshape(-1, 4))


def opened(photo: Photo, scale: int = 1, is_flipped: bool = False) -> PhotoWindow:
    window = open_window(photo, WHOLE, (scale * WIDTH, scale * HEIGHT), is_flipped)
    assert window is not None
    return window


def test_a_whole_photo() -> None:
    window = opened(photo_of(LEFT, RIGHT))
    assert window.image.shape == (HEIGHT, WIDTH, 3)
    assert window.alphas.shape == (2, HEIGHT, WIDTH)
    assert window.alphas.sum((1, 2)).tolist() == [60 * 120, 60 * 120]
    for index, alpha in enumerate(window.alphas):
        assert (window.image[alpha == 1] == np.float32(50 * (index + 1) / 255)).all()


def test_the_edge_is_unknown_and_nothing_else() -> None:
    known = opened(photo_of(LEFT)).known
    # 0.03 of the root of 60 x 120 is 2.5 px, so the least band counts: 3 px on either side.
    assert not known[90, 17:23].any() and known[90, 16] == 1 and known[90, 23] == 1
    assert not known[27:33, 50].any() and known[26, 50] == 1 and known[33, 50] == 1
    assert known[5, 5] == 1 and known[90, 50] == 1


def test_the_band_grows_with_the_window() -> None:
    known = opened(photo_of(LEFT), scale=3).known
    assert not known[270, 3 * 20 - 8 : 3 * 20 + 8].any()
    assert known[270, 3 * 20 - 11] == 1 and known[270, 3 * 20 + 11] == 1


def test_what_two_claim_is_unknown_and_given_once() -> None:
    window = opened(photo_of((20, 30, 100, 150), (80, 30, 160, 150)))
    assert window.alphas.sum(0).max() == 1
    assert not window.known[40:140, 80:100].any()
    assert window.known[90, 60] == 1 and window.known[90, 120] == 1


def test_the_small_and_the_crowd_are_unknown_and_nobody() -> None:
    window = opened(photo_of(LEFT, (200, 100, 210, 120), crowds=((150, -8, 190, 30),)))
    assert len(window.alphas) == 1, "200 of 38400 pixels are less than one in a hundred"
    assert not window.known[100:120, 200:210].any()
    assert not window.known[0:30, 150:190].any()
    assert window.known[50, 150] == 1 and window.known[130, 205] == 1


def test_mirrored() -> None:
    plain, mirrored = opened(photo_of(LEFT, RIGHT)), opened(photo_of(LEFT, RIGHT), is_flipped=True)
    for name in ("image", "known"):
        assert np.array_equal(getattr(plain, name)[:, ::-1], getattr(mirrored, name))
    assert np.array_equal(plain.alphas[:, :, ::-1], mirrored.alphas)


def test_nobody_fills_the_window() -> None:
    part = np.s_[0:20, 0:40]
    assert open_window(photo_of(LEFT), part, (80, 40)) is None


@pytest.mark.parametrize(("height", "is_one"), [(MIN_HEIGHT_PX - 1, False), (MIN_HEIGHT_PX, True)])
def test_who_is_a_target(height: int, is_one: bool) -> None:
    assert has_target(photo_of((20, 10, 60, 10 + height))) is is_one


class TestViews:
    @pytest.fixture(scope="class")
    def windows(self) -> list[PhotoWindow]:
        photo = photo_of(LEFT, (200, 100, 220, 130))
        windows = [view_photo(photo, 96, np.random.default_rng(k)) for k in range(40)]
        return [window for window in windows if window is not None]

    def test_someone_is_in_every_window(self, windows: list[PhotoWindow]) -> None:
        assert len(windows) > 30
        for window in windows:
            assert window.image.shape == (96, 96, 3) and window.known.shape == (96, 96)
            assert (window.alphas.mean((1, 2)) > 0).all()

    def test_picture_and_masks_are_cut_alike(self, windows: list[PhotoWindow]) -> None:
        for window in windows:
            inside = (window.alphas.max(0) == 1) & (window.known == 1)
            outside = (window.alphas.max(0) == 0) & (window.known == 1)
            assert window.image[inside].min(initial=1) >= 50 / 255 - 0.01
            assert window.image[outside].max(initial=0) < 0.01

    def test_windows_differ_in_place_and_size(self, windows: list[PhotoWindow]) -> None:
        shares = {round(float(window.alphas.max(0).mean()), 2) for window in windows}
        assert len(shares) > 10
        assert max(shares) > 0.5 and min(shares) < 0.3

    def test_chance_alone_decides(self) -> None:
        photo = photo_of(LEFT, RIGHT)
        first, again = (view_photo(photo, 64, np.random.default_rng(7)) for _ in range(2))
        assert first is not None and again is not None
        assert np.array_equal(first.image, again.image)


class TestMatted:
    """Pictures with soft alphas: two people whose edges mingle, before a wall."""

    @pytest.fixture(scope="class")
    def picture(self) -> MattedPicture:
        rng = np.random.default_rng(4)
        across = np.linspace(0, 3, WIDTH)
        front = np.clip(1.5 - across, 0, 1) * np.ones((HEIGHT, 1))
        back = np.clip(across, 0, 1) * np.clip(2.5 - across, 0, 1) * (1 - front)
        alphas = np.uint16(np.stack((front, back)) * 65535)
        colors = rng.integers(0, 256, (2, HEIGHT, WIDTH, 3), np.uint8)
        shares = alphas[..., None] / 65535
        image = (shares * colors).sum(0) + (1 - shares.sum(0)) * 200
        return MattedPicture(np.uint8(image + 0.5), alphas, colors)

    def test_soft_alphas_are_the_truth_everywhere(self, picture: MattedPicture) -> None:
        window = open_matted(replace(picture, foregrounds=None), WHOLE, (WIDTH, HEIGHT))
        assert isinstance(window, PhotoWindow)
        np.testing.assert_allclose(window.alphas, picture.alphas / 65535, atol=1e-6)
        np.testing.assert_allclose(window.image, picture.image / 255, atol=1e-6)
        assert (window.known == 1).all()

    @pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (96, 64), (480, 320)])
    @pytest.mark.parametrize("is_flipped", [False, True])
    def test_colours_are_the_picture_at_any_size(
        self, picture: MattedPicture, size: tuple[int, int], is_flipped: bool
    ) -> None:
        seen = open_matted(picture, WHOLE, size, is_flipped)
        assert isinstance(seen, Composite)
        assert seen.foregrounds.shape == (2, size[1], size[0], 3)
        wall = (1 - seen.alphas.sum(0))[..., None] * np.float32(200 / 255)
        np.testing.assert_allclose(seen.foregrounds.sum(0) + wall, seen.image, atol=0.6 / 255)
        left, right = seen.alphas[0][:, :9].mean(), seen.alphas[0][:, -9:].mean()
        assert bool(left < right) is is_flipped

    def test_who_hardly_shows_is_background(self, picture: MattedPicture) -> None:
        alphas = picture.alphas.copy()
        alphas[0, 2:] = 0  # two of 160 rows, and half of each: less than one in a hundred
        seen = open_matted(replace(picture, alphas=alphas), WHOLE, (WIDTH, HEIGHT))
        assert seen is not None and len(seen.alphas) == 1
        nobody = replace(picture, alphas=0 * alphas)
        assert open_matted(nobody, WHOLE, (WIDTH, HEIGHT)) is None
        assert view_matted(nobody, 64, np.random.default_rng(0)) is None

    def test_views_show_somebody(self, picture: MattedPicture) -> None:
        for seed in range(20):
            seen = view_matted(picture, 64, np.random.default_rng(seed))
            assert seen is not None and seen.image.shape == (64, 64, 3)
            assert seen.alphas.max() > 0.5
