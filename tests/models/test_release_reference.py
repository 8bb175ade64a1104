"""The release's outputs, reproduced: its own figures are the truth here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from instmatt_video.matting.release import matte_image_release
from instmatt_video.models.blocks import BLOCK_PX, BlockFeatures, BlockGrid, cut_patches
from instmatt_video.models.instance_matting import InstanceMattingNetwork
from instmatt_video.models.losses import tri_matte_loss
from instmatt_video.models.matting_network import normalise_image
from instmatt_video.models.progressive_refinement import fuse_tri_mattes
from instmatt_video.models.release import (
    WindowedRefinement,
    pad_as_release,
    plan_steps,
    run_steps,
)
from instmatt_video.models.release_windows import (
    Window,
    disagreement,
    find_duplicates,
    select_windows,
)
from instmatt_video.models.tri_mask import build_release_tri_masks

TOLERANCE = 1e-4


@pytest.fixture(params=["case_n1", "case_n2"])
def case(request: pytest.FixtureRequest, vectors_dir: Path) -> dict[str, np.ndarray]:
    with np.load(vectors_dir / f"{request.param}.npz") as arrays:
        return {key: arrays[key] for key in arrays.files}


def assert_near(actual: torch.Tensor, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    np.testing.assert_allclose(actual.numpy(), expected, rtol=0, atol=tolerance)


def network_inputs(case: dict[str, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = torch.from_numpy(case["image"]).permute(2, 0, 1) / 255
    masks = torch.from_numpy(case["masks"]) / 255
    return (
        pad_as_release(normalise_image(pixels)),
        build_release_tri_masks(pad_as_release(masks)),
    )


def test_inputs_are_the_releases(case: dict[str, np.ndarray]) -> None:
    image, guidance = network_inputs(case)
    assert_near(image[:, ::4, ::4], case["net_image"], 1e-6)
    assert_near(guidance, case["tri_mask"], 1e-6)


@torch.no_grad()
def test_heads_regions_and_fusion(
    case: dict[str, np.ndarray], official_network: InstanceMattingNetwork
) -> None:
    image, guidance = network_inputs(case)
    output = official_network.branch(image.expand(len(guidance), -1, -1, -1), guidance)
    assert_near(output.os8, case["alpha_os8"])
    assert_near(output.os4, case["alpha_os4"])
    assert_near(output.os1, case["alpha_os1"])
    assert_near(output.feature[:, ::4, ::4, ::4], case["feature_sub"])
    fused, region = fuse_tri_mattes(output.os8, output.os4, output.os1)
    assert_near(fused, case["fused"])
    np.testing.assert_array_equal(region[:, 0].numpy(), case["weight_os1"].max(1) > 0)


@torch.no_grad()
def test_refinement_in_windows(
    case: dict[str, np.ndarray], official_network: InstanceMattingNetwork
) -> None:
    image, guidance = network_inputs(case)
    output = official_network.branch(image.expand(len(guidance), -1, -1, -1), guidance)
    fused = torch.from_numpy(case["fused"])
    windows, is_duplicate = select_windows(fused), find_duplicates(fused)
    refined = refine_everywhere(
        official_network, image, fused, output.feature, windows, is_duplicate
    )
    assert_near(refined.tri_mattes, case["mir_out"])
    assert_windows(windows, case["mir_boxes"])
    np.testing.assert_array_equal(is_duplicate.numpy(), case["mir_bad"] > 0)
    assert refined.num_passes == case["mir_iters"]


def test_8bit_output(case: dict[str, np.ndarray], official_network: InstanceMattingNetwork) -> None:
    levels = matte_image_release(
        official_network, case["image"], case["masks"], int(case["max_side"])
    )
    difference = np.abs(levels.astype(int) - case["output_u8"].astype(int))
    assert difference.max() <= 1


@torch.no_grad()
def test_overlapping_windows(vectors_dir: Path, official_network: InstanceMattingNetwork) -> None:
    with np.load(vectors_dir / "mir_windows_n2.npz") as case:
        pixels = torch.from_numpy(case["image"]).permute(2, 0, 1) / 255
        random = np.random.RandomState(int(case["feature_seed"]))
        features = random.standard_normal(tuple(case["feature_shape"])).astype(np.float16)
        mattes = torch.from_numpy(case["tri_matte"].astype(np.float32))
        # The release's own maps are unpadded; ours are whole blocks, so the picture gets a margin.
        whole = [
            F.pad(x, (0, -x.shape[-1] % 32, 0, -x.shape[-2] % 32))
            for x in (
                normalise_image(pixels),
                mattes,
                torch.from_numpy(features.astype(np.float32)),
            )
        ]
        windows, is_duplicate = select_windows(mattes), find_duplicates(mattes)
        refined = refine_everywhere(official_network, *whole, windows, is_duplicate)
        height, width = mattes.shape[-2:]
        assert_near(disagreement(mattes)[::10, ::10], case["distance_grid"], 1e-6)
        assert_windows(windows, case["boxes"])
        assert_near(refined.tri_mattes[:, :, :height:3, :width:3], case["out_sub"])
        np.testing.assert_array_equal(is_duplicate.numpy(), case["bad"] > 0)
        assert refined.num_passes == case["iters"]


def test_stage_1_losses_and_their_gradients(vectors_dir: Path) -> None:
    with np.load(vectors_dir / "losses.npz") as case:
        heads = {
            scale: torch.from_numpy(case[f"pred_{scale}"]).requires_grad_()
            for scale in ("os8", "os4", "os1")
        }
        known = torch.from_numpy(case["solid"]).float()
        weights = {
            "os8": known,
            "os4": known * torch.from_numpy(case["weight_os4"]),
            "os1": known * torch.from_numpy(case["weight_os1"]),
        }
        os4 = torch.where(torch.from_numpy(case["weight_os4"]) > 0, heads["os4"], heads["os8"])
        os1 = torch.where(torch.from_numpy(case["weight_os1"]) > 0, heads["os1"], os4)
        assert_near(os4.detach(), case["fused_os4"], 1e-6)
        assert_near(os1.detach(), case["fused_os1"], 1e-6)
        alpha, layers, image = (torch.from_numpy(case[k]) for k in ("alpha", "fg", "image"))
        total = torch.zeros(())
        for scale, mattes, factor in (("os1", os1, 2), ("os4", os4, 1), ("os8", heads["os8"], 1)):
            terms = tri_matte_loss(mattes, alpha, layers, image, weights[scale])
            assert terms.alpha.item() == pytest.approx(case[f"loss_{scale}_rec"], abs=1e-5)
            assert terms.laplacian.item() == pytest.approx(case[f"loss_{scale}_lap"], abs=1e-5)
            assert terms.composition.item() == pytest.approx(case[f"loss_{scale}_comp"], abs=1e-5)
            assert terms.constraint.item() == pytest.approx(case[f"loss_{scale}_alpha"], abs=1e-5)
            total = total + factor * terms.total() / 5
        assert total.item() == pytest.approx(case["loss_stage1_total"], abs=1e-5)
        total.backward()
        for scale, head in heads.items():
            assert head.grad is not None
            assert_near(head.grad, case[f"grad_{scale}"], 1e-5)


def test_stage_2_losses_and_their_gradients(vectors_dir: Path) -> None:
    with np.load(vectors_dir / "losses.npz") as case:
        refined = torch.from_numpy(case["refined"]).requires_grad_()
        weight = torch.from_numpy(case["weight_os1"][:, 0:1]).float()
        alpha, layers, image = (torch.from_numpy(case[k]) for k in ("alpha", "fg", "image"))
        terms = tri_matte_loss(refined, alpha, layers, image, weight)
        assert terms.alpha.item() == pytest.approx(case["loss_stage2_rec"], abs=1e-5)
        assert terms.laplacian.item() == pytest.approx(case["loss_stage2_lap"], abs=1e-5)
        assert terms.composition.item() == pytest.approx(case["loss_stage2_comp"], abs=1e-5)
        assert terms.constraint.item() == pytest.approx(case["loss_stage2_alpha"], abs=1e-5)
        total = terms.total()
        assert total.item() == pytest.approx(case["loss_stage2_total_single"], abs=1e-5)
        total.backward()
        assert refined.grad is not None
        # Where prediction and truth agree to the last bit, the slope of |x| hangs on rounding.
        is_near = (refined.grad - torch.from_numpy(case["grad_refined"])).abs() <= 1e-5
        assert is_near.float().mean() > 0.999
        unweighted = tri_matte_loss(refined, alpha, layers, image)
        assert unweighted.laplacian.item() == pytest.approx(case["loss_lap_noweight"], abs=1e-5)


def refine_everywhere(
    network: InstanceMattingNetwork,
    image: torch.Tensor,
    tri_mattes: torch.Tensor,
    features: torch.Tensor,
    windows: list[Window],
    is_duplicate: torch.Tensor,
) -> WindowedRefinement:
    """Refine with every pixel counted, so that the whole map can be compared."""
    n, _, height, width = tri_mattes.shape
    grid = BlockGrid(torch.ones(n, height // BLOCK_PX, width // BLOCK_PX, dtype=torch.bool))
    blocks = BlockFeatures(grid, cut_patches(features, grid.places, BLOCK_PX, 0))
    plan = plan_steps(torch.ones_like(tri_mattes[:, :1], dtype=torch.bool), windows)
    return run_steps(network.refinement, image, tri_mattes, blocks, plan, is_duplicate)


def assert_windows(windows: list[Window], expected: np.ndarray) -> None:
    boxes = [(w.left, w.top, w.right, w.bottom, w.score) for w in windows]
    np.testing.assert_allclose(boxes, expected, rtol=0, atol=1e-5)
