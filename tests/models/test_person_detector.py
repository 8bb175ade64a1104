import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import shufflenet_v2_x1_0

from instmatt_video.models.checkpoint import CheckpointError
from instmatt_video.models.person_crops import (
    CROP_SIZE,
    GUIDANCE_CHANNELS,
    MUTUAL_CROP_SIZE,
    PersonCropNetwork,
    refine_boxes,
)
from instmatt_video.models.person_detector import FORMAT, PersonDetector, load_person_detector
from instmatt_video.models.person_proposals import (
    NUM_BINS,
    PersonProposals,
    Proposals,
    select_boxes,
)
from instmatt_video.models.shufflenet_backbone import (
    FEATURE_CHANNELS,
    LEAKY_SLOPE,
    ShuffleNetBackbone,
)


def proposals(sides, logits, centers=None, stride=8.0):
    """One image's raw outputs whose sides are certain: `(L, 4)` whole numbers of strides."""
    sides = torch.tensor(sides)
    side_logits = torch.full((1, *sides.shape, NUM_BINS), -100.0)
    side_logits.scatter_(-1, sides[None, ..., None], 100.0)
    count = len(sides)
    return Proposals(
        torch.tensor([logits]),
        side_logits,
        torch.zeros(count, 2) if centers is None else torch.tensor(centers),
        torch.full((count,), stride),
    )


class TestBackbone:
    def test_features_at_every_stride(self):
        features = ShuffleNetBackbone()(torch.zeros(2, 3, 64, 96))
        for stride, channels in FEATURE_CHANNELS.items():
            feature = getattr(features, f"stride{stride}")
            assert feature.shape == (2, channels, 64 // stride, 96 // stride)

    def test_is_torchvisions_network_with_folded_norms_and_leaky_activations(self):
        torch.manual_seed(0)
        theirs = shufflenet_v2_x1_0(weights=None).eval()
        for module in theirs.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.2)
                nn.init.normal_(module.running_mean, std=0.2)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
        folded = {}
        modules = dict(theirs.named_modules())
        for name, conv in modules.items():
            if isinstance(conv, nn.Conv2d) and not name.startswith("conv5"):
                prefix, number = name.rsplit(".", 1)
                norm = modules[f"{prefix}.{int(number) + 1}"]
                fused = nn.utils.fusion.fuse_conv_bn_eval(conv, norm)
                folded[f"{name}.weight"], folded[f"{name}.bias"] = fused.weight, fused.bias
        for module in theirs.modules():
            for name, child in module.named_children():
                if isinstance(child, nn.ReLU):
                    setattr(module, name, nn.LeakyReLU(LEAKY_SLOPE))
        ours = ShuffleNetBackbone()
        ours.load_state_dict(folded)
        image = torch.randn(1, 3, 64, 64)
        x = theirs.maxpool(theirs.conv1(image))
        expected = theirs.stage4(theirs.stage3(theirs.stage2(x)))
        torch.testing.assert_close(ours(image).stride32, expected, atol=1e-4, rtol=1e-4)


class TestProposals:
    def test_cells_and_shapes(self):
        output = PersonProposals()(torch.zeros(2, 3, 64, 96))
        cells = 8 * 12 + 4 * 6 + 2 * 3
        assert output.logits.shape == (2, cells)
        assert output.side_logits.shape == (2, cells, 4, NUM_BINS)
        np.testing.assert_array_equal(output.centers[:2], [[4, 4], [12, 4]])  # half a cell in
        np.testing.assert_array_equal(output.centers[-1], [80, 48])
        np.testing.assert_array_equal(output.strides[[0, 96, -1]], [8, 16, 32])

    def test_box_is_the_expected_distance_to_every_side(self):
        raw = proposals([[1, 2, 3, 4]], [0.0], centers=[[100.0, 50.0]], stride=16.0)
        np.testing.assert_allclose(raw.boxes()[0, 0], [84, 18, 148, 114])

    def test_boxes_of_some_cells_are_theirs_among_all(self):
        raw = PersonProposals()(torch.rand(2, 3, 64, 96) * 255)
        pictures, cells = torch.tensor([0, 1, 1]), torch.tensor([125, 0, 97])
        torch.testing.assert_close(raw.boxes_of(pictures, cells), raw.boxes()[pictures, cells])

    def test_undecided_sides_are_the_mean_of_all_bins(self):
        raw = proposals([[0, 0, 0, 0]], [0.0])._replace(side_logits=torch.zeros(1, 1, 4, NUM_BINS))
        np.testing.assert_allclose(raw.boxes()[0, 0], [-28, -28, 28, 28])  # 3.5 strides of 8

    def test_suppression_keeps_the_best_of_two_and_both_of_two_apart(self):
        raw = proposals(
            [[2, 2, 2, 2]] * 3, [1.0, 2.0, 0.0], centers=[[50.0, 50], [52, 50], [300, 50]]
        )
        boxes, scores = select_boxes(raw, 0.05, 0.6, 10)[0]
        np.testing.assert_allclose(boxes[:, 0], [36, 284])
        np.testing.assert_allclose(scores, torch.tensor([2.0, 0.0]).sigmoid())

    def test_limits(self):
        raw = proposals([[2] * 4] * 3, [3.0, 0.0, -9.0], centers=[[50.0, 50], [150, 50], [250, 50]])
        assert [len(s) for _, s in select_boxes(raw, 0.05, 0.6, 10)] == [2]
        assert [len(s) for _, s in select_boxes(raw, 0.05, 0.6, 1)] == [1]
        assert [len(s) for _, s in select_boxes(raw, 0.99, 0.6, 10)] == [0]

    def test_images_do_not_suppress_each_other(self):
        one = proposals([[2] * 4], [1.0])
        both = Proposals(
            one.logits.repeat(2, 1), one.side_logits.repeat(2, 1, 1, 1), one.centers, one.strides
        )
        assert [len(scores) for _, scores in select_boxes(both, 0.05, 0.6, 10)] == [1, 1]


class TestCrops:
    @pytest.mark.parametrize("count", [1, 3])
    def test_shapes(self, count):
        output = PersonCropNetwork()(torch.zeros(count, 3, *CROP_SIZE))
        assert output.mask_logits.shape == (count, 96, 64)
        assert output.box_deltas.shape == (count, 4)
        assert output.quality_logits.shape == (count,)

    def test_a_finer_crop_has_a_finer_mask_and_the_same_box(self):
        torch.manual_seed(0)
        network = PersonCropNetwork(GUIDANCE_CHANNELS).eval()
        size = MUTUAL_CROP_SIZE
        output = network(255 * torch.rand(2, 3, *size), torch.rand(2, GUIDANCE_CHANNELS, *size))
        assert output.mask_logits.shape == (2, 144, 96)
        assert output.box_deltas.shape == (2, 4)

    def test_corrections_are_shares_of_the_sides(self):
        before = torch.tensor([[10.0, 20, 30, 60], [0, 0, 4, 8]])
        deltas = torch.tensor([[0.1, -0.1, 0, 0.1], [0.25, 0.25, 0.25, 0.25]])
        after = torch.tensor([[12.0, 16, 30, 64], [1, 2, 5, 10]])
        torch.testing.assert_close(refine_boxes(before, deltas), after)

    def test_crops_do_not_see_each_other(self):
        torch.manual_seed(0)
        network = PersonCropNetwork().eval()
        crops = torch.rand(2, 3, *CROP_SIZE) * 255
        both, alone = network(crops), network(crops[1:])
        torch.testing.assert_close(both.mask_logits[1:], alone.mask_logits, atol=1e-4, rtol=1e-4)

    def test_every_weight_learns(self):
        network = PersonCropNetwork()
        output = network(torch.rand(2, 3, *CROP_SIZE) * 255)
        total = output.mask_logits.square().mean() + output.box_deltas.square().mean()
        (total + output.quality_logits.square().mean()).backward()
        without = [n for n, p in network.named_parameters() if p.grad is None]
        assert without == []


class TestWeights:
    def test_size_is_what_the_package_may_carry(self):
        assert sum(p.numel() for p in PersonDetector().parameters()) <= 5_000_000

    @pytest.mark.parametrize("has_mutual_look", [True, False])
    def test_round_trip_in_half_precision(self, has_mutual_look, tmp_path):
        detector = PersonDetector(has_mutual_look)
        state = {k: v.half().contiguous() for k, v in detector.state_dict().items()}
        save_file(state, tmp_path / "d.safetensors", {"format": FORMAT})
        loaded = load_person_detector(tmp_path / "d.safetensors")
        assert not loaded.training
        assert (loaded.mutual is not None) == has_mutual_look
        for key, value in loaded.state_dict().items():
            torch.testing.assert_close(value, state[key].float())

    def test_missing(self, tmp_path):
        with pytest.raises(CheckpointError, match="cannot be read"):
            load_person_detector(tmp_path / "none.safetensors")

    def test_another_programs_file(self, tmp_path):
        save_file({"a": torch.zeros(1)}, tmp_path / "d.safetensors")
        with pytest.raises(CheckpointError, match="no person detector"):
            load_person_detector(tmp_path / "d.safetensors")

    def test_another_version(self, tmp_path):
        save_file({"a": torch.zeros(1)}, tmp_path / "d.safetensors", {"format": FORMAT})
        with pytest.raises(CheckpointError, match="another version"):
            load_person_detector(tmp_path / "d.safetensors")
