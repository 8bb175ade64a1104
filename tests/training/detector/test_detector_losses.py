import math

import numpy as np
import pytest
import torch

from instmatt_video.detection.detections import Detections
from instmatt_video.models.person_crops import CropOutputs
from instmatt_video.models.person_proposals import NUM_BINS, Proposals
from instmatt_video.training.detector.crop_losses import (
    THIN_WEIGHT,
    CropTargets,
    crop_losses,
    dice,
    limb_weights,
    mask_iou,
    outline_weights,
)
from instmatt_video.training.detector.proposal_losses import (
    SceneTruth,
    assign_cells,
    distribution_focal_loss,
    proposal_losses,
    quality_focal_loss,
    side_targets,
)
from instmatt_video.training.detector.validation import average_precision
from instmatt_video.training.pictures.marked_photos import Photo, person_from_mask

DRAWN = torch.tensor([False, False])
"""Whose masks are exact: nobody's."""


class TestCropLosses:
    def outputs(self, logits, quality=0.0):
        count = len(logits)
        return CropOutputs(logits, torch.zeros(count, 4), torch.full((count,), quality))

    def test_perfect_masks_cost_nothing_and_should_be_rated_one(self):
        truth = (torch.rand(2, 8, 6) > 0.5).float()
        targets = CropTargets(truth, torch.zeros(2, 4), torch.tensor([True, True]), DRAWN[:2])
        losses = crop_losses(self.outputs(truth * 80 - 40, quality=40.0), targets)
        for name in ("mask_bce", "mask_dice", "box", "box_iou", "quality"):
            assert float(losses[name]) == pytest.approx(0, abs=1e-5), name

    def test_crops_without_people_teach_the_quality_alone(self):
        nobody = torch.tensor([False, False])
        targets = CropTargets(torch.zeros(2, 8, 6), torch.zeros(2, 4), nobody, DRAWN[:2])
        logits = torch.randn(2, 8, 6, requires_grad=True)
        deltas = torch.randn(2, 4, requires_grad=True)
        losses = crop_losses(self.outputs(logits)._replace(box_deltas=deltas), targets)
        assert float(losses["quality"]) == pytest.approx(math.log(2))
        assert sum(float(v.detach()) for k, v in losses.items() if k != "quality") == 0
        sum(losses.values()).backward()
        # Of nothing, but there: several processes wait for one another's gradients.
        assert logits.grad.abs().max() == 0 and deltas.grad.abs().max() == 0

    def test_gradients(self):
        truth = torch.rand(2, 4, 3, dtype=torch.float64)
        targets = CropTargets(
            truth,
            torch.full((2, 4), 0.3, dtype=torch.float64),
            torch.tensor([True, False]),
            DRAWN[:2],
        )

        def total(logits, deltas):
            quality = torch.zeros(2, dtype=torch.float64)
            losses = crop_losses(CropOutputs(logits, deltas, quality), targets)
            return losses["mask_bce"] + losses["mask_dice"] + losses["box"] + losses["box_iou"]

        logits = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
        deltas = torch.full((2, 4), 0.05, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(total, (logits, deltas))

    @pytest.mark.parametrize("scale", [1, 2])
    def test_limbs_and_gaps_count_more(self, scale):
        mask = torch.zeros(1, 96, 64)
        mask[0, 10:50, 20:45] = 1  # a body of 25 cells
        mask[0, 20:25, 45:60] = 1  # an arm of 5
        mask[0, 50:90, 20:28] = mask[0, 50:90, 33:41] = 1  # legs of 8, and 5 between them
        finer = mask.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
        weights = limb_weights(finer)[0, ::scale, ::scale]
        for place in ((22, 55), (70, 24), (70, 37), (70, 30)):
            assert weights[place] == THIN_WEIGHT, place
        for place in ((30, 32), (5, 5), (70, 60), (60, 10)):
            assert weights[place] == 1, place

    def test_a_limb_that_is_missing_costs_more_than_as_much_of_the_edge(self):
        truth = torch.zeros(1, 96, 64)
        truth[0, 10:90, 10:40] = truth[0, 30:35, 40:60] = 1
        armless, slim = truth.clone(), truth.clone()
        armless[0, 30:35, 40:60] = 0
        slim[0, 40:90, 10:12] = 0
        assert (truth - armless).sum() == (truth - slim).sum() == 100
        targets = CropTargets(truth, torch.zeros(1, 4), torch.tensor([True]), DRAWN[:1])
        without_arm, thin = (
            float(crop_losses(self.outputs(mask * 20 - 10), targets)["mask_bce"])
            for mask in (armless, slim)
        )
        assert without_arm == pytest.approx(THIN_WEIGHT * thin, rel=0.01)

    def test_beside_drawn_outlines_cells_count_less(self):
        masks = torch.zeros(2, 1, 8)
        masks[:, 0, 4:] = 1
        weights = outline_weights(masks, torch.tensor([False, True]), 0.25)
        assert weights.tolist() == [[[1, 1, 1, 0.25, 0.25, 1, 1, 1]], [[1.0] * 8]]

    def test_a_mistake_at_an_outline_costs_less_where_that_was_drawn(self):
        truth = torch.zeros(1, 96, 64)
        truth[0, 10:90, 10:40] = 1
        slim = truth.clone()
        slim[0, 20:80, 10] = 0  # one column of it
        costs = [
            float(
                crop_losses(
                    self.outputs(slim * 20 - 10),
                    CropTargets(truth, torch.zeros(1, 4), torch.tensor([True]), is_exact[None]),
                    0.25,
                )["mask_bce"]
            )
            for is_exact in (torch.tensor(True), torch.tensor(False))
        ]
        assert costs[1] == pytest.approx(0.25 * costs[0], rel=0.01)

    def test_hand_computed_overlaps(self):
        a = torch.tensor([[[1.0, 1, 0, 0]], [[0, 0, 0, 0]]])
        b = torch.tensor([[[1.0, 0, 1, 0]], [[0, 0, 0, 0]]])
        np.testing.assert_allclose(dice(a, b), [3 / 5, 1])  # (2·1 + 1) / (2 + 2 + 1)
        np.testing.assert_allclose(mask_iou(a > 0.5, b > 0.5), [1 / 3, 0])


class TestProposalLosses:
    def test_cells_of_a_person_are_the_best_inside_their_box(self):
        truth = torch.tensor([[0.0, 0, 10, 10]])
        boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 10]])
        centers = torch.tensor([[5.0, 5], [5, 2], [12, 5]])  # the third lies outside
        cells, people, overlap = assign_cells(boxes, torch.full((3,), 0.5), centers, truth)
        assert cells.tolist() == [0, 1]
        assert people.tolist() == [0, 0]
        np.testing.assert_allclose(overlap, [1, 0.5])

    def test_a_cell_of_two_people_goes_to_the_one_it_overlaps_most(self):
        truth = torch.tensor([[0.0, 0, 10, 10], [0, 0, 20, 10]])
        _, people, overlap = assign_cells(
            torch.tensor([[0.0, 0, 19, 10]]), torch.ones(1), torch.tensor([[5.0, 5]]), truth
        )
        assert people.tolist() == [1]
        np.testing.assert_allclose(overlap, [0.95])

    def test_nobody_has_no_cells(self):
        cells, _, _ = assign_cells(
            torch.zeros(3, 4), torch.zeros(3), torch.zeros(3, 2), torch.zeros(0, 4)
        )
        assert len(cells) == 0

    def test_sides_in_strides_within_the_bins(self):
        sides = side_targets(
            torch.tensor([[0.0, 8, 40, 400]]), torch.tensor([[20.0, 20]]), torch.tensor([8.0])
        )
        np.testing.assert_allclose(sides, [[2.5, 1.5, 2.5, NUM_BINS - 1 - 1e-3]])

    def test_side_between_two_bins_wants_both(self):
        logits = torch.full((1, 4, NUM_BINS), -100.0)
        logits[..., 2:4] = 0.0  # half and half between bins 2 and 3
        loss = distribution_focal_loss(logits, torch.full((1, 4), 2.5))
        assert float(loss) == pytest.approx(math.log(2))

    def test_scores_at_their_targets_cost_nothing(self):
        targets = torch.tensor([0.0, 0.3, 0.9])
        assert float(quality_focal_loss(torch.logit(targets, 1e-7), targets).sum()) < 1e-6

    def test_the_teacher_itself_is_not_moved_by_itself_but_by_the_truth(self):
        torch.manual_seed(0)
        centers = torch.tensor([[x * 8.0 + 4, y * 8.0 + 4] for y in range(4) for x in range(4)])
        raw = Proposals(
            torch.zeros(1, 16), torch.randn(1, 16, 4, NUM_BINS), centers, torch.full((16,), 8.0)
        )
        truth = SceneTruth(torch.tensor([[4.0, 4, 28, 28]]), torch.zeros(0, 4), True)
        losses = proposal_losses(raw, raw, [truth])
        assert float(losses["teacher"]) == pytest.approx(math.log(2))  # the entropy of a half
        assert float(losses["box"]) > 0

    def test_ignored_places_count_neither_way(self):
        centers = torch.tensor([[4.0, 4], [100, 100]])
        raw = Proposals(
            torch.full((1, 2), 3.0), torch.zeros(1, 2, 4, NUM_BINS), centers, torch.full((2,), 8.0)
        )
        everywhere = torch.tensor([[0.0, 0, 200, 200]])
        strict = SceneTruth(torch.zeros(0, 4), torch.zeros(0, 4), True)
        lenient = SceneTruth(torch.zeros(0, 4), everywhere, True)
        incomplete = SceneTruth(torch.zeros(0, 4), torch.zeros(0, 4), False)
        assert float(proposal_losses(raw, raw, [strict])["score"]) > 1
        assert float(proposal_losses(raw, raw, [lenient])["score"]) == 0
        assert float(proposal_losses(raw, raw, [incomplete])["score"]) == 0


class TestAveragePrecision:
    def photos(self):
        mask = np.zeros((100, 100), bool)
        mask[10:90, 20:60] = True
        small = np.zeros((100, 100), bool)
        small[70:90, 70:80] = True
        people = (person_from_mask(mask), person_from_mask(small))
        image = np.zeros((100, 100, 3), np.uint8)
        return [Photo("a", image, people, np.zeros((0, 4), np.float32))]

    def found(self, boxes):
        boxes = np.array(boxes, np.float32).reshape(-1, 4)
        count = len(boxes)
        return [
            Detections(
                boxes,
                np.linspace(0.9, 0.5, count, dtype=np.float32),
                np.ones((count, 4, 4), np.float32),
            )
        ]

    @pytest.mark.parametrize("kind", ["bbox", "segm"])
    def test_perfect(self, kind):
        found = self.found([[20, 10, 60, 90], [70, 70, 80, 90]])
        assert average_precision(self.photos(), found, kind)["AP"] == pytest.approx(1.0)

    def test_nothing_found(self):
        assert average_precision(self.photos(), self.found([]), "bbox")["AP"] == 0

    @pytest.mark.parametrize("kind", ["bbox", "segm"])
    def test_nobody_tall_enough_to_be_found(self, kind):
        found = self.found([[20, 10, 60, 90]])
        expected = dict.fromkeys(("AP", "AP50", "AP75"), 0.0)
        assert average_precision(self.photos(), found, kind, min_height_px=81) == expected

    def test_one_of_two_is_half(self):
        figures = average_precision(self.photos(), self.found([[20, 10, 60, 90]]), "bbox")
        # Precision is 1 at the 51 of 101 recalls up to a half.
        assert figures["AP50"] == pytest.approx(51 / 101)

    def test_small_people_and_small_mistakes_are_ignored(self):
        found = self.found([[0, 0, 10, 20], [20, 10, 60, 90]])  # the mistake has the better score
        assert average_precision(self.photos(), found, "bbox", 62.4)["AP"] == pytest.approx(1.0)
        assert average_precision(self.photos(), found, "bbox")["AP"] < 0.5
