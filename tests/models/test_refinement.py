from __future__ import annotations

import pytest
import torch

from instmatt_video.models.blocks import BlockFeatures, BlockGrid, cut_patches
from instmatt_video.models.config import PRESETS
from instmatt_video.models.matting_network import ClampThrough, activate
from instmatt_video.models.refinement import (
    MultiInstanceRefinement,
    Strategy,
    interact,
    interact_in_cycle,
)


def features(*people: tuple[float, float, float]) -> torch.Tensor:
    """One channel and one pixel: F_t, F_r, F_b of each person."""
    return torch.tensor(people).view(len(people), 3, 1, 1, 1)


def values(result: torch.Tensor) -> list[list[float]]:
    return result.flatten(1).tolist()


GROUP_OF_3 = torch.zeros(3, dtype=torch.long)


def test_eq_7_to_9_by_hand() -> None:
    people = features((1, 2, 3), (4, 6, 8), (10, 20, 40))
    # eq. (7): (F_t + (2 + 6 + 20) / 2 - sum of the others' F_t) / 2, for the first (1 + 14 - 14) /
    # 2
    # eq. (8): (F_r + sum of the others' F_t) / 2;  eq. (9): (3 + 8 + 40) / 3
    assert values(interact(people, GROUP_OF_3)) == [
        [0.5, 8, 17],
        [3.5, 8.5, 17],
        [9.5, 12.5, 17],
    ]


def test_the_releases_rule_has_no_halves() -> None:
    people = features((1, 2, 3), (4, 6, 8), (10, 20, 40))
    assert values(interact(people, GROUP_OF_3, rule="release"))[0] == [1, 16, 17]


def test_someone_alone_hears_nobody() -> None:
    alone = interact(features((1, 2, 3)), torch.zeros(1, dtype=torch.long), rule="release")
    assert values(alone) == [[3, 2, 3]]


def test_nobody() -> None:
    assert interact(torch.zeros(0, 3, 1, 1, 1), torch.zeros(0, dtype=torch.long)).shape[0] == 0


def test_groups_do_not_hear_one_another() -> None:
    people = torch.randn(5, 3, 2, 4, 4)
    groups = torch.tensor([0, 1, 0, 1, 1])
    together = interact(people, groups)
    for group in (0, 1):
        members = groups == group
        apart = interact(people[members], torch.zeros(int(members.sum()), dtype=torch.long))
        torch.testing.assert_close(together[members], apart)


def test_parallel_does_not_depend_on_the_order() -> None:
    people = torch.randn(4, 3, 2, 5, 5, dtype=torch.float64)
    groups = torch.zeros(4, dtype=torch.long)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(interact(people[order], groups), interact(people, groups)[order])


def test_cycle_by_hand_uses_what_was_refined_before() -> None:
    people = features((2, 0, 0), (4, 0, 0))
    groups = torch.zeros(2, dtype=torch.long)
    # First: ((2 + 0 - 4) / 2, (0 + 4) / 2, 0) = (-1, 2, 0). Second, with that: ((4 + 2 + 1) / 2,
    # ...)
    assert values(interact_in_cycle(people, groups)) == [[-1, 2, 0], [3.5, -0.5, 0]]


def test_cycle_depends_on_the_order() -> None:
    people = torch.randn(3, 3, 1, 2, 2)
    order = torch.tensor([2, 1, 0])
    turned = interact_in_cycle(people[order], GROUP_OF_3)
    assert not torch.allclose(turned, interact_in_cycle(people, GROUP_OF_3)[order])


def test_outside_its_crop_an_instance_takes_no_part() -> None:
    people = torch.randn(2, 3, 1, 1, 2)
    coverage = torch.tensor([[[[1.0, 1.0]]], [[[1.0, 0.0]]]])
    groups = torch.zeros(2, dtype=torch.long)
    result = interact(people, groups, coverage)
    both = interact(people[..., :1], groups)
    alone = interact(people[:1, ..., 1:], groups[:1])
    torch.testing.assert_close(result[..., :1], both)
    torch.testing.assert_close(result[:1, ..., 1:], alone)


@pytest.mark.parametrize("strategy", ["parallel", "cycle"])
def test_a_row_of_people_is_refined_in_blocks_as_everywhere(strategy: Strategy) -> None:
    torch.manual_seed(4)
    refinement = MultiInstanceRefinement(PRESETS["lite"]).eval()
    is_covered = torch.zeros(4, 2, 5, dtype=torch.bool)
    for person in range(4):  # only neighbours' crops overlap
        is_covered[person, :, person : person + 2] = True
    coverage = is_covered.repeat_interleave(32, 1).repeat_interleave(32, 2)[:, None]
    image, features = torch.randn(3, 64, 160), torch.randn(4, 16, 64, 160)
    mattes = torch.rand(4, 3, 64, 160)
    grid = BlockGrid(torch.ones_like(is_covered))
    blocks = BlockFeatures(grid, cut_patches(features, grid.places, 32, 0))
    with torch.no_grad():
        found = refinement.refine_region(image, mattes, blocks, coverage, strategy, is_covered)
        images, groups = image.expand(4, -1, -1, -1), torch.zeros(4, dtype=torch.long)
        everywhere = refinement(images, mattes, features, groups, strategy, coverage.float())
    torch.testing.assert_close(found, torch.where(coverage, everywhere, mattes))


def test_block_features_of_some_and_of_everybody() -> None:
    grid = BlockGrid(torch.tensor([[[True, False]], [[True, True]]]))
    blocks = BlockFeatures(grid, torch.tensor([1.0, 2, 3]).view(3, 1, 1, 1))
    turned = blocks.of(torch.tensor([1, 0]))
    assert turned.values.flatten().tolist() == [2, 3, 1]
    assert turned.grid.places.tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert blocks.of(torch.tensor([1])).values.flatten().tolist() == [2, 3]
    assert blocks.of(torch.tensor([0, 1])) is blocks


@pytest.mark.parametrize("strategy", ["parallel", "cycle"])
def test_gradients_reach_every_weight(strategy: str) -> None:
    refinement = MultiInstanceRefinement(PRESETS["lite"])
    image, mattes = torch.randn(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    refined = refinement(
        image,
        mattes,
        torch.randn(2, 16, 8, 8),
        torch.zeros(2, dtype=torch.long),
        strategy=strategy,
    )
    refined[:, 0].square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in refinement.parameters())


def test_softmax_mattes_sum_to_1() -> None:
    logits = torch.randn(2, 3, 9, 9) * 5
    mattes = activate(logits, PRESETS["lite"])
    assert mattes.min() >= 0
    # Stretched by 2 % and clamped, a matte may lose up to the stretch on each of its channels.
    assert (mattes.sum(1) - 1).abs().max() <= 2 * PRESETS["lite"].saturation + 1e-6
    inside = (mattes > 0).all(1) & (mattes < 1).all(1)
    margin = PRESETS["lite"].saturation
    torch.testing.assert_close(
        mattes.sum(1)[inside], torch.full_like(mattes.sum(1)[inside], 1 + 2 * margin - 3 * margin)
    )


def test_tanh_mattes_are_independent() -> None:
    mattes = activate(torch.tensor([0.0, 100.0, -100.0]).view(1, 3, 1, 1), PRESETS["base"])
    assert mattes.flatten().tolist() == [0.5, 1.0, 0.0]


def test_clamp_lets_gradients_through() -> None:
    x = torch.tensor([-0.5, 0.25, 1.5], requires_grad=True)
    y = ClampThrough.apply(x)
    assert y.tolist() == [0, 0.25, 1]
    y.backward(torch.tensor([1.0, 2.0, 3.0]))
    assert x.grad is not None
    assert x.grad.tolist() == [1, 2, 3]
