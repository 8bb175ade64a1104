"""What is computed in blocks is what would have been computed everywhere."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from instmatt_video.models import matting_network
from instmatt_video.models.blocks import (
    BLOCK_PX,
    BlockGrid,
    cut_patches,
    find_blocks,
    paste_blocks,
)
from instmatt_video.models.config import PRESETS
from instmatt_video.models.folding import fold_norms
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.progressive_refinement import (
    dilate,
    ellipse_offsets,
    fuse_coarse_mattes,
)
from instmatt_video.models.tri_mask import build_tri_masks


def test_patches_are_cut_with_zeros_outside() -> None:
    dense = torch.arange(1.0, 17).view(1, 1, 4, 4)
    patches = cut_patches(dense, torch.tensor([[0, 0, 0], [0, 1, 1]]), 2, 1)
    assert patches[0, 0].tolist() == [[0, 0, 0, 0], [0, 1, 2, 3], [0, 5, 6, 7], [0, 9, 10, 11]]
    assert patches[1, 0].tolist() == [[6, 7, 8, 0], [10, 11, 12, 0], [14, 15, 16, 0], [0, 0, 0, 0]]


def test_blocks_see_their_neighbours() -> None:
    dense = torch.randn(2, 5, 12, 16)
    grid = BlockGrid(torch.ones(2, 3, 4, dtype=torch.bool))
    values = cut_patches(dense, grid.places, 4, 0)
    assert torch.equal(grid.patches(values), cut_patches(dense, grid.places, 4, 1))


def test_absent_neighbours_are_zero() -> None:
    is_active = torch.zeros(1, 2, 2, dtype=torch.bool)
    is_active[0, 0, 0] = is_active[0, 1, 1] = True
    grid = BlockGrid(is_active)
    patch = grid.patches(torch.ones(2, 1, 2, 2))[0, 0]
    assert patch.tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]]


def test_windows_reach_into_their_neighbours() -> None:
    dense = torch.randn(2, 5, 12, 16)
    grid = BlockGrid(torch.ones(2, 3, 4, dtype=torch.bool))
    places = torch.tensor([[0, 0, 0], [0, 1, 2], [0, 2, 3]])
    samples = torch.tensor([1, 0])
    windows = grid.windows(cut_patches(dense, grid.places, 4, 0), samples, places, 3)
    for window, sample in zip(windows, samples, strict=True):
        here = places + torch.tensor([int(sample), 0, 0])
        assert torch.equal(window, cut_patches(dense, here, 4, 3).permute(0, 2, 3, 1))


def test_windows_are_zero_where_no_block_is() -> None:
    is_active = torch.zeros(1, 2, 2, dtype=torch.bool)
    is_active[0, 0, 1] = True
    window = BlockGrid(is_active).windows(
        torch.ones(1, 1, 2, 2), torch.tensor([0]), torch.tensor([[0, 0, 0]]), 1
    )
    assert window[0, 0, :, :, 0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0] * 4]


def test_cut_and_paste_are_inverse() -> None:
    dense = torch.randn(2, 3, 8, 8)
    grid = BlockGrid(torch.ones(2, 2, 2, dtype=torch.bool))
    copy = torch.zeros_like(dense)
    paste_blocks(copy, grid.places, cut_patches(dense, grid.places, 4, 0))
    assert torch.equal(copy, dense)


@pytest.mark.parametrize(
    ("reach", "expected"), [(0, [[True, False]]), (1, [[True, True]])], ids=["inside", "reaching"]
)
def test_blocks_within_reach(reach: int, expected: list[list[bool]]) -> None:
    wanted = torch.zeros(1, 1, BLOCK_PX, 2 * BLOCK_PX, dtype=torch.bool)
    wanted[..., BLOCK_PX - 1] = True
    assert find_blocks(wanted, reach)[0].tolist() == expected


@pytest.mark.parametrize("size", [1, 2, 3, 7, 14, 15, 29])
def test_dilation_is_opencvs(size: int) -> None:
    region = np.random.default_rng(size).random((40, 50)) < 0.02
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    expected = cv2.dilate(region.astype(np.uint8), kernel) > 0
    actual = dilate(torch.from_numpy(region)[None, None], size)[0, 0].numpy()
    np.testing.assert_array_equal(actual, expected)


def test_ellipses_are_the_releases(vectors_dir) -> None:  # type: ignore[no-untyped-def]
    with np.load(vectors_dir / "ellipse_kernels.npz") as kernels:
        for size in range(1, 50):
            ours = np.zeros((size, size), np.uint8)
            for row, (first, last) in enumerate(ellipse_offsets(size)):
                ours[row, first + size // 2 : last + size // 2 + 1] = 1
            np.testing.assert_array_equal(ours, kernels[f"size{size}"])


@pytest.mark.parametrize("strategy", ["parallel", "cycle"])
@pytest.mark.parametrize("preset", ["lite", "base"])
@torch.no_grad()
def test_predict_is_the_plain_forward(
    preset: str, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    # A second look has a test of its own: here the coarse mattes are made up.
    network = InstanceMattingNetwork(replace(PRESETS[preset], has_second_look=False))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    fold_norms(network)
    masks = torch.zeros(3, 128, 160)
    masks[0, 30:90, 20:70] = 1
    masks[1, 50:128, 60:100] = 1
    masks[2, 0:40, 90:160] = 1
    tri_masks = build_tri_masks(masks)
    # An untrained network is uncertain everywhere: let the guidance's soft edge be the coarse
    # mattes.
    soft = iter(F.avg_pool2d(tri_masks, 9, 1, 4)[[0, 1, 2, 0, 1, 2]].split(1))
    monkeypatch.setattr(
        matting_network, "fuse_coarse_mattes", lambda *_: fuse_coarse_mattes(*[next(soft)] * 2)
    )
    image = torch.randn(1, 3, 128, 160).expand(3, -1, -1, -1)
    groups = torch.tensor([0, 1, 0])
    predicted = network.predict(image, tri_masks, groups, strategy=strategy)

    output = network.branch(image, tri_masks)
    coarse = [fuse_coarse_mattes(*[next(soft)] * 2) for _ in range(3)]
    region = torch.cat([r for _, r in coarse])
    fused = torch.where(region, output.os1, torch.cat([f for f, _ in coarse]))
    pair = torch.tensor([0, 2])
    refined = network.refinement(
        image[pair],
        fused[pair],
        output.feature[pair],
        torch.zeros(2, dtype=torch.long),
        strategy=strategy,
    )
    expected = fused.clone()
    expected[pair] = torch.where(region[pair], refined, fused[pair])
    assert 0.1 < region.float().mean() < 0.6
    torch.testing.assert_close(predicted, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 2], ids=["nobody", "one", "two"])
def test_a_picture_of_any_size(count: int) -> None:
    network = InstanceMattingNetwork(PRESETS["lite"]).eval()
    alphas = network.matte_picture(torch.randn(3, 70, 45), torch.rand(count, 70, 45))
    assert alphas.shape == (count, 70, 45)
    assert count == 0 or 0 <= alphas.min() <= alphas.max() <= 1
