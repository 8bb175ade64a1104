from __future__ import annotations

import pytest
import torch

from instmatt_video.models.losses import (
    LossTerms,
    composition_loss,
    constraint_loss,
    laplacian_loss,
    laplacian_pyramid,
    tri_matte_loss,
    weighted_l1,
)


def test_weighted_l1_by_hand() -> None:
    prediction = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    target = torch.tensor([1.0, 0.5]).view(1, 1, 1, 2)
    weight = torch.tensor([1.0, 3.0]).view(1, 1, 1, 2)
    assert weighted_l1(prediction, target).item() == pytest.approx(0.75)
    assert weighted_l1(prediction, target, weight).item() == pytest.approx((1 + 1.5) / 4)


def test_a_shared_weight_adds_the_channels_up() -> None:
    prediction, target = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    assert weighted_l1(prediction, target, torch.ones(1, 1, 2, 2)).item() == pytest.approx(3)
    assert weighted_l1(prediction, target, torch.ones(1, 3, 2, 2)).item() == pytest.approx(1)


def test_no_weight_anywhere_is_no_loss() -> None:
    assert (
        weighted_l1(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)) == 0
    )


def test_a_constant_has_no_band_pass() -> None:
    levels = laplacian_pyramid(torch.full((1, 2, 64, 96), 0.7))
    assert [tuple(level.shape[2:]) for level in levels] == [
        (64, 96),
        (32, 48),
        (16, 24),
        (8, 12),
        (4, 6),
    ]
    # Only away from the border: there zero insertion meets its own reflection.
    assert levels[0][..., 4:-4, 4:-4].abs().max() < 1e-6


def test_eq_10_by_hand() -> None:
    mattes = torch.tensor([0.5, 0.25, 0.25]).view(1, 3, 1, 1)
    layers = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]).view(1, 3, 3, 1, 1)
    image = torch.tensor([0.5, 0.0, 0.25]).view(1, 3, 1, 1)
    assert composition_loss(mattes, layers, image).item() == pytest.approx(0.25 / 3)


def test_eq_11_by_hand() -> None:
    mattes = torch.tensor([0.5, 0.5, 0.25]).view(1, 3, 1, 1)
    assert constraint_loss(mattes).item() == pytest.approx(0.25)


def test_truth_has_no_loss() -> None:
    mattes = torch.rand(2, 3, 64, 64).softmax(1)
    layers = torch.rand(2, 3, 3, 64, 64)
    image = (mattes[:, :, None] * layers).sum(1)
    assert tri_matte_loss(mattes, mattes, layers, image).total() < 1e-6


def test_eq_12_is_the_plain_sum() -> None:
    terms = LossTerms(*(torch.tensor(value) for value in (1.5, 0.25, 0.5, 2.0)))
    assert terms.total().item() == 4.25


def test_layers_that_nobody_knows_cost_nothing() -> None:
    mattes, layers = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 3, 64, 64)
    image, known = torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    terms = tri_matte_loss(mattes, 1 - mattes, layers, image, known, torch.zeros(1, 3, 64, 64))
    assert terms.composition == 0
    assert terms.alpha > 0.1
    whole = tri_matte_loss(mattes, 1 - mattes, layers, image, known)
    assert whole.composition == composition_loss(mattes, layers, image, known)


@pytest.mark.parametrize("is_weighted", [False, True], ids=["plain", "weighted"])
def test_gradients_in_double_precision(is_weighted: bool) -> None:
    generator = torch.Generator().manual_seed(3)

    def random(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    # Far from the truth everywhere, so that no |x| is near its kink.
    mattes = random(1, 3, 4, 4).requires_grad_()
    target, layers, image = random(1, 3, 4, 4) + 2, random(1, 3, 3, 4, 4), random(1, 3, 4, 4) - 9
    weight = random(1, 1, 4, 4) if is_weighted else None
    assert torch.autograd.gradcheck(lambda x: weighted_l1(x, target, weight), (mattes,))
    assert torch.autograd.gradcheck(lambda x: composition_loss(x, layers, image, weight), (mattes,))
    assert torch.autograd.gradcheck(lambda x: constraint_loss(x + 2, weight), (mattes,))


def test_laplacian_gradient_in_double_precision() -> None:
    generator = torch.Generator().manual_seed(4)
    whole = torch.randn((1, 1, 64, 64), generator=generator, dtype=torch.float64)
    target = torch.zeros_like(whole)

    def loss(corner: torch.Tensor) -> torch.Tensor:
        moved = whole.clone()
        moved[..., 30:32, 30:32] += corner
        return laplacian_loss(moved, target)

    start = torch.zeros((1, 1, 2, 2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(loss, (start,))
