"""Tinted previews and thumbnails: colours by hand, invariants, and labels that can be read."""

from __future__ import annotations

import base64
from itertools import combinations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.rendering.preview import (
    PALETTE,
    THUMBNAIL_GREY,
    TINT,
    PreviewPerson,
    color_of_track,
    text_color_on,
    thumbnail,
    tint_people,
)

SIZE = (180, 320)


def picture(level: int = 90) -> npt.NDArray[np.uint8]:
    return np.full((*SIZE, 3), level, np.uint8)


def person(
    track_id: int = 1,
    left: int = 100,
    top: int = 60,
    shape: tuple[int, int] = (100, 40),
    name: str = "",
) -> PreviewPerson:
    return PreviewPerson(track_id, name, AlphaFrame(left, top, np.ones(shape, np.float32)))


def changed_box(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> tuple[int, ...]:
    rows, columns = np.nonzero((before != after).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def decoded(url: str) -> npt.NDArray[np.uint8]:
    prefix = "data:image/jpeg;base64,"
    assert url.startswith(prefix)
    data = np.frombuffer(base64.b64decode(url.removeprefix(prefix)), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]


class TestColours:
    def test_the_palette_begins_again_after_its_last_colour(self) -> None:
        assert color_of_track(1) == PALETTE[0]
        assert color_of_track(len(PALETTE)) == PALETTE[-1]
        assert color_of_track(len(PALETTE) + 1) == PALETTE[0]

    def test_any_two_colours_are_far_apart(self) -> None:
        color = pytest.importorskip("skimage.color")
        lab = color.rgb2lab(np.array(PALETTE, np.float64)[None] / 255)[0]
        distances = [
            float(color.deltaE_ciede2000(lab[i], lab[j]))
            for i, j in combinations(range(len(lab)), 2)
        ]
        # 2.3 is a just noticeable difference.
        assert min(distances) > 20

    def test_track_numbers_begin_at_1(self) -> None:
        with pytest.raises(ValueError, match="track_id must be 1 or more, not 0"):
            color_of_track(0)

    @pytest.mark.parametrize(
        ("color", "ink"),
        [
            pytest.param((255, 255, 255), (0, 0, 0), id="on-white"),
            pytest.param((0, 0, 0), (255, 255, 255), id="on-black"),
            pytest.param((118, 118, 118), (0, 0, 0), id="grey-118-has-4.62-to-black"),
            pytest.param((117, 117, 117), (255, 255, 255), id="grey-117-has-4.60-to-white"),
            pytest.param((0, 0, 255), (255, 255, 255), id="on-blue"),
            pytest.param((255, 255, 0), (0, 0, 0), id="on-yellow"),
        ],
    )
    def test_the_ink_is_the_one_of_higher_contrast(
        self, color: tuple[int, int, int], ink: tuple[int, int, int]
    ) -> None:
        assert text_color_on(color) == ink


class TestTint:
    def test_nobody_gives_the_picture_itself_and_a_copy(self) -> None:
        image = picture()
        shown = tint_people(image, [])
        assert (shown == image).all() and shown is not image

    def test_the_source_is_left_alone(self) -> None:
        image = picture()
        tint_people(image, [person()])
        assert (image == 90).all()

    @pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 1.0])
    def test_the_mix_is_by_alpha(self, alpha: float) -> None:
        # A small full patch carries the label, so that the large one shows the tint alone.
        values = np.full((100, 60), alpha, np.float32)
        values[:4, :4] = 1
        shown = tint_people(picture(), [PreviewPerson(2, "", AlphaFrame(100, 60, values))])
        color = np.array(color_of_track(2))
        expected = 90 + (color - 90) * alpha * TINT
        assert abs(shown[140, 140].astype(float) - expected).max() <= 1.5

    def test_where_alpha_is_0_the_source_stays(self) -> None:
        noise = np.random.default_rng(5).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        alpha = np.zeros((120, 200), np.float32)
        alpha[:6, :6] = 1
        shown = tint_people(noise, [PreviewPerson(1, "", AlphaFrame(60, 50, alpha))])
        assert (shown[70:] == noise[70:]).all()

    def test_16_bits_show_as_8(self) -> None:
        image = picture()
        people = [person(1), person(2, left=200)]
        deep = image.astype(np.uint16) * 257
        assert (tint_people(deep, people) == tint_people(image, people)).all()

    @pytest.mark.parametrize(
        ("left", "top"),
        [
            pytest.param(-20, 60, id="left"),
            pytest.param(300, 60, id="right"),
            pytest.param(100, -50, id="above"),
            pytest.param(100, 150, id="below"),
        ],
    )
    def test_a_crop_past_the_edge_is_cut(self, left: int, top: int) -> None:
        shown = tint_people(picture(), [person(left=left, top=top)])
        assert shown.shape == (*SIZE, 3) and (shown != 90).any()

    def test_a_crop_outside_and_an_empty_alpha_show_nothing(self) -> None:
        absent = PreviewPerson(2, "", AlphaFrame(10, 10, np.zeros((20, 20), np.float32)))
        assert (tint_people(picture(), [person(left=900), absent]) == 90).all()

    def test_a_faint_person_is_labelled_too(self) -> None:
        faint = PreviewPerson(1, "", AlphaFrame(100, 60, np.full((80, 40), 0.1, np.float32)))
        shown = tint_people(picture(), [faint])
        assert (shown == color_of_track(1)).all(axis=2).any()


class TestLabel:
    @pytest.mark.parametrize("level", [0, 90, 255], ids=["black", "grey", "white"])
    def test_it_stands_over_the_head_in_the_tracks_colour_with_ink(self, level: int) -> None:
        shown = tint_people(picture(level), [person()])
        left, top, right, _ = changed_box(picture(level), shown)
        label = shown[top:60, left:right]
        assert top < 50 and left <= 120 < right
        assert (label == color_of_track(1)).all(axis=2).mean() > 0.2
        assert (label == text_color_on(color_of_track(1))).all(axis=2).any()

    def test_at_the_top_edge_it_lies_on_the_person(self) -> None:
        shown = tint_people(picture(), [person(top=0)])
        assert (shown[:12, 100:140] == color_of_track(1)).all(axis=2).any()

    def test_two_at_one_place_do_not_hide_each_other(self) -> None:
        shown = tint_people(picture(), [person(i, shape=(6, 6)) for i in (1, 2)])
        areas = [int((shown == color_of_track(i)).all(axis=2).sum()) for i in (1, 2)]
        assert min(areas) > 0.5 * max(areas)

    @pytest.mark.parametrize(
        ("name", "is_wider"),
        [
            pytest.param("Anna", True, id="a-name-is-drawn"),
            pytest.param("person_01", False, id="the-numbers-own-name-is-not"),
            pytest.param("Zoë", False, id="letters-that-opencv-lacks-are-not"),
            pytest.param("a\nb", False, id="nor-control-characters"),
        ],
    )
    def test_names(self, name: str, is_wider: bool) -> None:
        def width(label: str) -> int:
            small = AlphaFrame(160, 120, np.ones((4, 4), np.float32))
            shown = tint_people(picture(), [PreviewPerson(1, label, small)])
            left, _, right, _ = changed_box(picture(), shown)
            return right - left

        assert (width(name) > width("")) == is_wider

    def test_a_tiny_picture_still_works(self) -> None:
        image = np.zeros((16, 16, 3), np.uint8)
        assert tint_people(image, [person(left=0, top=0)]).shape == (16, 16, 3)


class TestThumbnail:
    def test_the_person_over_grey_no_higher_than_160(self) -> None:
        image = np.full((1080, 1920, 3), (200, 30, 30), np.uint8)
        alpha = np.zeros((700, 300), np.float32)
        alpha[50:650, :150] = 1
        alpha[50, :] = 1  # a hair that reaches to the right, so that grey is in the picture
        shown = decoded(thumbnail(image, AlphaFrame(400, 100, alpha)))
        assert shown.shape == (160, 80, 3)
        assert abs(shown[80, 20].astype(int) - (200, 30, 30)).max() < 8
        assert abs(shown[80, 60].astype(int) - THUMBNAIL_GREY).max() < 8

    def test_a_small_person_is_not_blown_up(self) -> None:
        small = AlphaFrame(10, 10, np.ones((40, 20), np.float32))
        assert decoded(thumbnail(picture(), small)).shape == (40, 20, 3)

    def test_a_person_lying_down_is_bounded_too(self) -> None:
        lying = AlphaFrame(0, 60, np.ones((40, 320), np.float32))
        shown = decoded(thumbnail(picture(), lying))
        assert shown.shape == (20, 160, 3)

    def test_only_what_lies_in_the_frame_counts(self) -> None:
        leaving = AlphaFrame(-10, 0, np.ones((30, 40), np.float32))
        assert decoded(thumbnail(picture(), leaving)).shape == (30, 30, 3)

    def test_nobody_is_grey(self) -> None:
        shown = decoded(thumbnail(picture(), AlphaFrame(0, 0, np.zeros((9, 9), np.float32))))
        assert abs(shown.astype(int) - THUMBNAIL_GREY).max() <= 1
