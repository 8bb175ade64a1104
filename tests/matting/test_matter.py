"""From masks to alphas: geometry with a stub that returns its guidance, and a tiny real network."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from instmatt_video.alpha_frame import FAINTEST_ALPHA, AlphaFrame
from instmatt_video.detection.detections import Detections
from instmatt_video.matting.matter import Matter
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.matting_network import CoarseMattes
from tests.tiny_network import TINY

from .echo_network import EchoNetwork, StripedNetwork


def echo(**settings: object) -> Matter:
    return Matter(EchoNetwork(), has_solved_edges=False, **settings)


def tiny(seed: int = 0, **settings: object) -> Matter:
    torch.manual_seed(seed)
    return Matter(InstanceMattingNetwork(TINY), **settings)


def ellipse(shape: tuple[int, int], centre: tuple[float, float], axes: tuple[float, float]):
    """Return an ellipse with an edge of two pixels, 0..1."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    radius = np.hypot((x - centre[0]) / axes[0], (y - centre[1]) / axes[1])
    return np.clip(0.5 + (1 - radius) * min(axes) / 2, 0, 1).astype(np.float32)


def picture_of(masks: np.ndarray) -> np.ndarray:
    """Return people of one colour each before grey."""
    colors = np.array([(210, 60, 40), (50, 180, 60), (40, 60, 220), (200, 190, 30)], np.float32)
    image = np.full((*masks.shape[1:], 3), 128, np.float32)
    for mask, color in zip(masks, colors, strict=False):
        image += mask[..., None] * (color - image)
    return (image + 0.5).astype(np.uint8)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.minimum(a, b).sum() / np.maximum(a, b).sum())


def laid_out(frame: AlphaFrame, shape: tuple[int, int]) -> np.ndarray:
    full = np.zeros(shape, np.float32)
    h, w = frame.alpha.shape
    full[frame.top : frame.top + h, frame.left : frame.left + w] = frame.alpha
    return full


class TestGeometry:
    # A box of 149 px and its margins of .3 make a crop of 239 px.
    def test_at_scale_1_every_pixel_stays_where_it_was(self) -> None:
        mask = (ellipse((300, 400), (171, 139), (40, 75)) > 0.5).astype(np.float32)
        alphas = echo(matte_size=239, context=0.3).matte_masks(picture_of(mask[None]), mask[None])
        assert np.array_equal(alphas[0], mask)

    def test_at_scale_1_soft_masks_come_back_to_the_last_bit(self) -> None:
        mask = ellipse((300, 400), (171, 139), (40, 75))
        alphas = echo(matte_size=239, context=0.3).matte_masks(picture_of(mask[None]), mask[None])
        expected = np.where(mask > FAINTEST_ALPHA, mask, 0)
        assert np.array_equal(alphas[0], expected)

    @pytest.mark.parametrize(
        ("axes", "matte_size"),
        [
            pytest.param((120, 280), 192, id="a third"),
            pytest.param((120, 280), 416, id="two thirds"),
            pytest.param((120, 280), 576, id="nearly full size"),
            pytest.param((22, 38), 512, id="enlarged three times"),
            pytest.param((60, 140), 512, id="enlarged a little"),
        ],
    )
    def test_scaled_masks_come_back_where_they_were(
        self, axes: tuple[int, int], matte_size: int
    ) -> None:
        mask = ellipse((640, 480), (231, 318), axes)
        alphas = echo(matte_size=matte_size).matte_masks(picture_of(mask[None]), mask[None])
        assert iou(alphas[0], mask) > 0.97
        ys, xs = np.mgrid[:640, :480]
        for axis in (xs, ys):
            shift = (alphas[0] * axis).sum() / alphas[0].sum() - (mask * axis).sum() / mask.sum()
            assert abs(shift) < 0.1, "no systematic shift"

    @pytest.mark.parametrize("shape", [(301, 203), (97, 333), (64, 64)])
    def test_odd_sizes(self, shape: tuple[int, int]) -> None:
        mask = ellipse(shape, (shape[1] / 2, shape[0] / 2), (shape[1] / 4, shape[0] / 3))
        alphas = echo().matte_masks(picture_of(mask[None]), mask[None])
        assert alphas.shape == (1, *shape)
        assert iou(alphas[0], mask) > 0.97

    def test_enlarged_people_come_back_as_means_of_their_pixels(self) -> None:
        # Enlarged three times, a pixel of the frame is nine of the canvas.
        mask = np.zeros((1, 300, 400), np.float32)
        mask[0, 100:140, 200:220] = 1
        matter = Matter(StripedNetwork(), has_solved_edges=False)
        alpha = matter.matte_masks(picture_of(mask), mask)[0]
        assert alpha[105:135, 205:215] == pytest.approx(1 / 3, abs=0.02)

    def test_an_image_narrower_than_the_grid(self) -> None:
        mask = ellipse((40, 16), (8, 20), (5, 12))
        alphas = echo().matte_masks(picture_of(mask[None]), mask[None])
        assert alphas.shape == (1, 40, 16)
        assert iou(alphas[0], mask) > 0.9

    def test_a_person_half_outside_the_frame(self) -> None:
        # The box reaches 40 px past the left edge; its mask is full.
        people = Detections(
            np.float32([[-40, 50, 60, 230]]),
            np.ones(1, np.float32),
            np.ones((1, 28, 28), np.float32),
        )
        image = np.full((300, 400, 3), 128, np.uint8)
        (frame,) = echo(matte_size=284, context=0.3).matte(image, people)  # at scale 1
        assert (frame.left, frame.top) == (0, 50)
        assert frame.alpha.shape == (180, 60)
        assert (frame.alpha == 1).all()

    def test_a_person_past_the_lower_right_corner(self) -> None:
        people = Detections(
            np.float32([[340, 200, 460, 380]]),
            np.ones(1, np.float32),
            np.ones((1, 28, 28), np.float32),
        )
        image = np.full((300, 400, 3), 128, np.uint8)
        (frame,) = echo().matte(image, people)
        rows, columns = np.nonzero(frame.alpha > 0.5)
        top, left = frame.top + rows.min(), frame.left + columns.min()
        assert (left, top, np.ptp(rows) + 1, np.ptp(columns) + 1) == (340, 200, 100, 60)

    def test_boxes_and_full_masks_agree(self) -> None:
        mask = np.zeros((1, 300, 400), np.float32)
        mask[0, 60:220, 100:180] = 1
        people = Detections(
            np.float32([[100, 60, 180, 220]]),
            np.ones(1, np.float32),
            np.ones((1, 28, 28), np.float32),
        )
        image = picture_of(mask)
        matter = echo(matte_size=256, context=0.3)  # at scale 1
        (frame,) = matter.matte(image, people)
        assert np.array_equal(laid_out(frame, (300, 400)), matter.matte_masks(image, mask)[0])


class TestPeople:
    def test_nobody(self) -> None:
        image = np.zeros((50, 70, 3), np.uint8)
        assert echo().matte(image, Detections.empty()) == []
        assert echo().matte_masks(image, np.zeros((0, 50, 70), bool)).shape == (0, 50, 70)

    def test_an_empty_mask_gives_an_empty_alpha_and_disturbs_nobody(self) -> None:
        mask = ellipse((200, 300), (150, 100), (40, 70))
        masks = np.stack((np.zeros_like(mask), mask))
        alphas = echo().matte_masks(picture_of(masks), masks)
        assert not alphas[0].any()
        assert iou(alphas[1], mask) > 0.97

    def test_a_person_outside_the_frame_has_no_alpha(self) -> None:
        people = Detections(
            np.float32([[500, 0, 600, 90]]),
            np.ones(1, np.float32),
            np.ones((1, 28, 28), np.float32),
        )
        (frame,) = echo().matte(np.zeros((100, 100, 3), np.uint8), people)
        assert frame.alpha.shape == (0, 0)

    def test_several_people_in_the_order_of_their_masks(self) -> None:
        shape = (240, 500)
        masks = np.stack(
            [
                ellipse(shape, (400, 120), (30, 80)),
                ellipse(shape, (60, 100), (30, 80)),
                ellipse(shape, (120, 130), (30, 80)),
            ]
        )
        alphas = echo(has_refinement=False).matte_masks(picture_of(masks), masks)
        for alpha, mask in zip(alphas, masks, strict=True):
            assert iou(alpha, mask) > 0.97

    def test_people_of_one_size_go_through_together(self) -> None:
        matter = echo(batch_size=2, has_refinement=False)
        mask = np.zeros((5, 200, 1200), np.float32)
        for k in range(5):
            mask[k, 30:170, 20 + 110 * k : 100 + 110 * k] = 1
        matter.matte_masks(picture_of(mask), mask)
        shapes = matter.network.batches
        assert sum(shape[0] for shape in shapes) == 5
        assert max(shape[0] for shape in shapes) == 2

    def test_dust_is_removed_and_hair_is_kept(self) -> None:
        class Dusty(EchoNetwork):
            def answer(self, guidance: Tensor) -> Tensor:
                fused = guidance.clone()
                fused[:, 0, 2:5, 2:5] = 0.8  # far from the person
                fused[:, 0, 15:30, 90] = 0.3  # hangs together with them
                return fused

        mask = np.zeros((1, 300, 400), np.float32)
        mask[0, 69:209, 140:220] = 1  # its canvas begins at (119, 48), at scale 1
        matter = Matter(Dusty(), context=0.15, matte_size=182, has_solved_edges=False)
        alpha = matter.matte_masks(picture_of(mask), mask)[0]
        outside = alpha * (1 - mask[0])
        assert outside[48 + 15 : 69, 119 + 90].min() == pytest.approx(0.3)
        outside[48 + 15 : 69, 119 + 90] = 0
        assert not outside.any()

    def test_mask_types_agree(self) -> None:
        mask = ellipse((200, 300), (150, 100), (40, 70)) > 0.5
        image = picture_of(mask[None].astype(np.float32))
        found = [
            echo().matte_masks(image, m[None])
            for m in (
                mask,
                mask.astype(np.uint8) * 255,
                mask.astype(np.float64),
                mask.astype(np.float16),
                mask.astype(np.uint8),
                mask * 1.2 - 0.1,  # as enlarged by cubic curves
            )
        ]
        assert found[0].any()
        assert all(np.array_equal(found[0], other) for other in found[1:])

    @pytest.mark.parametrize(
        ("masks", "told"),
        [
            (np.full((1, 30, 20), 255), "bool, uint8 or floats 0..1, not int64"),
            (np.full((1, 30, 20), 65535, np.uint16), "bool, uint8 or floats 0..1, not uint16"),
            (np.full((1, 30, 20), 255.0), "floats must be in 0..1, not 0..255"),
            (np.full((1, 30, 20), -0.5), "floats must be in 0..1, not -0.5..0"),
            (np.full((1, 30, 20), np.nan), "floats must be in 0..1, not nan..nan"),
        ],
        ids=["integers", "16 bits", "to 255", "negative", "no numbers"],
    )
    def test_masks_that_cannot_be_meant_are_refused(self, masks: np.ndarray, told: str) -> None:
        with pytest.raises(ValueError, match=re.escape(told)):
            echo().matte_masks(np.zeros((30, 20, 3), np.uint8), masks)

    @pytest.mark.parametrize(
        "image",
        [
            np.zeros((30, 20), np.uint8),
            np.zeros((30, 20, 1), np.uint8),
            np.zeros((30, 20, 4), np.uint8),
            np.zeros((30, 20, 3), np.int64),
            np.zeros((30, 20, 3), np.float32),
        ],
        ids=["grey", "one channel", "RGBA", "integers", "floats"],
    )
    def test_images_of_another_kind_are_refused(self, image: np.ndarray) -> None:
        told = re.escape(f"RGB, (H, W, 3), of uint8 or full-range uint16, not {image.shape} of ")
        with pytest.raises(ValueError, match=f"{told}{image.dtype}"):
            echo().matte_masks(image, np.ones((1, 30, 20), bool))
        with pytest.raises(ValueError, match=f"{told}{image.dtype}"):
            echo().matte(image, Detections.empty())

    def test_boxes_of_no_numbers_are_refused(self) -> None:
        people = Detections(
            np.float32([[0, 0, np.nan, 20]]), np.ones(1, np.float32), np.ones((1, 28, 28))
        )
        with pytest.raises(ValueError, match="boxes must be finite"):
            echo().matte(np.zeros((30, 20, 3), np.uint8), people)

    def test_masks_of_another_size_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"\(1, 20, 30\) do not fit an image of \(30, 20\)"):
            echo().matte_masks(np.zeros((30, 20, 3), np.uint8), np.zeros((1, 20, 30), bool))


class TestTinyNetwork:
    @pytest.fixture
    def crowd(self) -> tuple[np.ndarray, np.ndarray]:
        shape = (150, 260)
        centres = [(60, 70), (95, 75), (130, 80), (220, 70)]
        masks = np.stack([ellipse(shape, c, (22, 55)) for c in centres])
        return picture_of(masks), masks

    @pytest.mark.parametrize("has_refinement", [True, False])
    def test_alphas_of_all_people_sum_to_at_most_1(
        self, crowd: tuple[np.ndarray, np.ndarray], has_refinement: bool
    ) -> None:
        image, masks = crowd
        for seed in range(2):
            matter = tiny(seed, has_refinement=has_refinement, matte_size=128)
            alphas = matter.matte_masks(image, masks)
            assert alphas.min() >= 0 and alphas.max() <= 1
            assert alphas.sum(0).max() <= 1 + 1e-5

    def test_everyone_claiming_a_pixel_gets_a_share(self) -> None:
        class Greedy(EchoNetwork):
            def answer(self, guidance: Tensor) -> Tensor:
                return torch.ones_like(guidance)

        shape = (200, 300)
        masks = np.stack([ellipse(shape, (x, 100), (30, 70)) for x in (120, 150)])
        alphas = Matter(Greedy(), has_refinement=False, has_solved_edges=False).matte_masks(
            picture_of(masks), masks
        )
        total = alphas.sum(0)
        assert total.max() == pytest.approx(1, abs=1e-6)
        assert alphas[:, 100, 135] == pytest.approx([0.5, 0.5])

    def test_8_and_16_bit_images_agree(self, crowd: tuple[np.ndarray, np.ndarray]) -> None:
        image, masks = crowd
        matter = tiny(matte_size=128)
        narrow = matter.matte_masks(image, masks)
        wide = matter.matte_masks(image.astype(np.uint16) * 257, masks)
        assert np.abs(narrow - wide).max() < 1e-3

    def test_the_image_is_not_changed(self, crowd: tuple[np.ndarray, np.ndarray]) -> None:
        image, masks = crowd
        before = image.copy(), masks.copy()
        tiny(matte_size=128).matte_masks(image, masks)
        assert np.array_equal(image, before[0]) and np.array_equal(masks, before[1])

    def test_order_of_people_does_not_matter(self, crowd: tuple[np.ndarray, np.ndarray]) -> None:
        image, masks = crowd
        order = [2, 0, 3, 1]
        matter = tiny(matte_size=128)
        first = matter.matte_masks(image, masks)
        second = matter.matte_masks(image, masks[order])
        assert np.abs(first[order] - second).max() < 1e-4

    def test_people_apart_cost_nothing_to_one_another(
        self, crowd: tuple[np.ndarray, np.ndarray]
    ) -> None:
        image, masks = crowd
        matter = tiny(matte_size=128)
        together = matter.matte_masks(image, masks)
        alone = matter.matte_masks(image, masks[3:])
        assert np.abs(together[3] - alone[0]).max() < 1e-5


def test_much_smaller_people_are_matted_as_if_by_themselves() -> None:
    large = ellipse((400, 500), (170, 200), (70, 190))
    small = ellipse((400, 500), (300, 250), (18, 50))  # their surroundings meet, they do not
    masks = np.stack((large, small))
    matter = Matter(StripedNetwork(), has_solved_edges=False, matte_size=256)
    image = picture_of(masks)
    together, alone = matter.matte_masks(image, masks), matter.matte_masks(image, masks[1:])
    np.testing.assert_array_equal(together[1], alone[0])
    assert alone[0].max() > 0


def test_much_smaller_people_share_pixels_with_the_large() -> None:
    large = ellipse((400, 500), (200, 200), (90, 190))
    small = ellipse((400, 500), (290, 250), (18, 50))
    masks = np.stack((large, small))
    alphas = echo(matte_size=256).matte_masks(picture_of(masks), masks)
    assert ((masks > 0.9).all(0)).sum() > 100
    assert alphas.sum(0).max() <= 1 + 1e-6
    assert iou(alphas[1] > 0.25, small > 0.5) > 0.9


def test_trimmed_to_what_is_seen() -> None:
    mask = np.zeros((1, 300, 400), np.float32)
    mask[0, 60:220, 100:180] = 1
    people = Detections(
        np.float32([[90, 50, 190, 230]]), np.ones(1, np.float32), np.zeros((1, 28, 28), np.float32)
    )
    canvas = cv2.resize(mask[0, 50:230, 90:190], (28, 28), interpolation=cv2.INTER_AREA)
    people.masks[0] = canvas
    (frame,) = echo().matte(picture_of(mask), people)
    assert frame.alpha[0].any() and frame.alpha[-1].any()
    assert frame.alpha[:, 0].any() and frame.alpha[:, -1].any()
    assert iou(laid_out(frame, (300, 400)), mask[0]) > 0.9


def test_edges_are_solved_from_the_pictures_colours() -> None:
    truth = ellipse((160, 160), (80, 80), (40, 55))
    masks = cv2.GaussianBlur(truth, (0, 0), 2.5)[None]  # a network that knows edges but roughly
    image = picture_of(truth[None])
    errors = [
        np.abs(
            Matter(EchoNetwork(), has_solved_edges=solved).matte_masks(image, masks)[0] - truth
        ).mean()
        for solved in (False, True)
    ]
    assert errors[1] < 0.3 * errors[0]


@pytest.mark.parametrize("has_second_look", [True, False])
def test_it_looks_as_often_as_told(has_second_look: bool) -> None:
    matter = echo(has_second_look=has_second_look)
    mask = ellipse((160, 128), (80, 64), (30, 50))[None]
    matter.matte_masks(picture_of(mask), mask)
    assert matter.network.first_looks == has_second_look and len(matter.network.batches) == 1


def test_the_second_look_hears_what_the_first_said_of_the_others() -> None:
    at_first: list[Tensor] = []
    then: list[Tensor] = []

    class Shrinking(EchoNetwork):
        """Finds everybody four pixels thinner at first."""

        def predict_targets(self, image: Tensor, guidance: Tensor, run_trunk: object) -> Tensor:
            at_first.append(guidance)
            return -torch.nn.functional.max_pool2d(-guidance[:, 0], 9, 1, 4)

        def predict_coarse(
            self, image: Tensor, guidance: Tensor, run_trunk: object
        ) -> CoarseMattes:
            then.append(guidance)
            return super().predict_coarse(image, guidance, run_trunk)

    masks = np.zeros((2, 128, 128), np.float32)
    masks[0, 20:100, 20:60] = masks[1, 20:100, 60:100] = 1
    Matter(Shrinking(), matte_size=160, has_refinement=False).matte_masks(picture_of(masks), masks)
    assert sum(map(len, at_first)) == sum(map(len, then)) == 2
    for before, after in zip(torch.cat(at_first), torch.cat(then), strict=True):
        target, reference, background = after.sum((1, 2)) / before.sum((1, 2))
        assert target < 0.9 and reference < 0.9 and background > 1.1
        torch.testing.assert_close(after.sum(0), torch.ones_like(after[0]), atol=1e-4, rtol=0)
