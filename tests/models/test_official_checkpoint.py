from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from instmatt_video.models.checkpoint import CheckpointError, load_matting_weights
from instmatt_video.models.folding import fold_norms
from instmatt_video.models.official_checkpoint import (
    convert_official,
    fold_spectral_norm,
    network_from_official,
    official_layers,
    read_official_checkpoint,
)

Tensors = dict[str, torch.Tensor]


def save(path: Path, state: dict[str, torch.Tensor]) -> Path:
    torch.save({"state_dict": state}, path)
    return path


def test_names_and_number_are_the_releases(official_rows: dict[str, tuple[int, ...]]) -> None:
    ours = {f"module.{key}" for layer in official_layers() for key in layer.official_keys()}
    assert ours == set(official_rows)
    assert len(official_rows) == 604


def test_there_are_604_tensors() -> None:
    assert sum(len(layer.official_keys()) for layer in official_layers()) == 604


def test_every_place_of_our_network_is_filled_once() -> None:
    places = [layer.ours for layer in official_layers()]
    assert len(places) == len(set(places))


def test_spectral_norm_is_the_bilinear_form_of_the_stored_vectors() -> None:
    weight = torch.tensor([[[[1.0]], [[2.0]]], [[[3.0]], [[4.0]]]])  # W2d = [[1, 2], [3, 4]]
    u, v = torch.tensor([1.0, 0.5]), torch.tensor([2.0, 1.0])
    # u · (W v) = (1, 0.5) · (4, 10) = 9
    torch.testing.assert_close(fold_spectral_norm(weight, u, v, "layer"), weight / 9)


def test_transposed_kernel_is_read_by_its_input_channels() -> None:
    weight = torch.arange(1.0, 7).view(2, 3, 1, 1)  # 2 channels in, 3 out
    folded = fold_spectral_norm(weight, torch.ones(2), torch.ones(3), "layer")
    torch.testing.assert_close(folded, weight / 21)


def test_vectors_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"stem: vectors \(3,\)"):
        fold_spectral_norm(torch.ones(2, 3, 1, 1), torch.ones(3), torch.ones(2), "stem")


@pytest.mark.parametrize("order", itertools.permutations((1e8, 1.0, -1e8)), ids=str)
def test_the_order_of_a_norms_sums_does_not_matter(order: tuple[float, ...]) -> None:
    weight = torch.tensor(order).view(1, 3, 1, 1)
    folded = fold_spectral_norm(weight, torch.ones(1), torch.ones(3), "layer")
    assert folded.dtype == torch.float32
    assert torch.equal(folded, weight)  # their sum is 1; in single precision it may be 0


def test_conversion_keeps_every_value(
    made_checkpoint: Path, made_tensors: Tensors, tmp_path: Path
) -> None:
    target = tmp_path / "base.safetensors"
    convert_official(made_checkpoint, target)
    network = load_matting_weights(target)
    state, official = network.state_dict(), made_tensors
    assert network.config.refinement_rule == "release"
    assert not any("parametrizations" in key for key in state)
    assert torch.equal(state["refinement.merge2.bias"], official["refiner.merge.2.bias"])
    bar = official["decoder.conv1.module.weight_bar"]
    u, v = (official[f"decoder.conv1.module.weight_{part}"] for part in "uv")
    torch.testing.assert_close(
        state["branch.decoder.full.transposed.weight"], bar / (u @ (bar.flatten(1) @ v))
    )


def test_names_without_module_are_read_too(made_tensors: Tensors, tmp_path: Path) -> None:
    path = save(tmp_path / "plain.pth", made_tensors)
    assert len(read_official_checkpoint(path)) == 604


def test_missing_and_unexpected_tensors_are_named(made_tensors: Tensors, tmp_path: Path) -> None:
    state = made_tensors
    del state["refiner.head.bias"]
    state["encoder.extra"] = torch.zeros(1)
    path = save(tmp_path / "wrong.pth", state)
    with pytest.raises(
        CheckpointError,
        match=r"1 missing \(refiner\.head\.bias\); 1 unexpected \(encoder\.extra\)",
    ):
        read_official_checkpoint(path)


def test_a_stage_1_checkpoint_says_what_it_lacks(made_tensors: Tensors, tmp_path: Path) -> None:
    state = {k: v for k, v in made_tensors.items() if not k.startswith("refiner")}
    path = save(tmp_path / "stage1.pth", state)
    with pytest.raises(CheckpointError, match=r"8 missing \(refiner"):
        read_official_checkpoint(path)


def test_a_wrong_shape_is_refused(made_tensors: Tensors) -> None:
    made_tensors["refiner.head.bias"] = torch.zeros(4)
    with pytest.raises(CheckpointError, match="not its shapes"):
        network_from_official(made_tensors)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a checkpoint", id="text"),
        pytest.param(None, id="absent"),
    ],
)
def test_unreadable_files_are_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "bad.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"bad\.pth cannot be read"):
        read_official_checkpoint(path)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "code.pth"
    torch.save({"state_dict": {"a": print}}, path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_official_checkpoint(path)


def test_a_file_without_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"model": {}}, path)
    with pytest.raises(CheckpointError, match="no state_dict"):
        read_official_checkpoint(path)


@torch.no_grad()
def test_folding_does_not_change_the_output(made_checkpoint: Path) -> None:
    network = network_from_official(read_official_checkpoint(made_checkpoint))
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(1, 3, 64, 96, generator=generator)
    guidance = torch.rand(1, 3, 64, 96, generator=generator)
    before = network(image, guidance)
    after = fold_norms(network)(image, guidance)
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
