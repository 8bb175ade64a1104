from __future__ import annotations

import pytest
import torch

from instmatt_video.models.tri_mask import (
    build_release_tri_masks,
    build_tri_masks,
    replace_targets,
)

# One row of five pixels: two people who share the third, and a fifth where nobody is.
MASKS = torch.tensor([[[1.0, 1, 1, 0, 0]], [[0.0, 0, 1, 1, 0]]])


def test_two_people_by_hand() -> None:
    first, second = build_tri_masks(MASKS)
    assert first[0, 0].tolist() == [1, 1, 1, 0, 0]
    assert first[1, 0].tolist() == [0, 0, 1, 1, 0]  # eq. (5): the union of the others
    assert first[2, 0].tolist() == [0, 0, 0, 0, 1]  # eq. (6): nobody
    assert second[1, 0].tolist() == [1, 1, 1, 0, 0]
    assert torch.equal(first[2], second[2])


def test_reference_is_a_union_not_a_sum() -> None:
    masks = torch.ones(3, 1, 2)
    assert build_tri_masks(masks)[0, 1].tolist() == [[1, 1]]
    assert build_release_tri_masks(masks)[0, 1].tolist() == [[2, 2]]
    assert build_release_tri_masks(masks)[0, 2].tolist() == [[-2, -2]]


def test_other_masks_for_everybody_make_their_tri_masks() -> None:
    targets = torch.tensor([[[0.0, 1, 0.5, 0, 0]], [[0.0, 0, 0.5, 1, 0]]])
    replaced = replace_targets(build_tri_masks(MASKS), targets)
    torch.testing.assert_close(replaced, build_tri_masks(targets))


def test_strangers_stay_where_they_were() -> None:
    """Of three people two are given; the third stands at the right end."""
    third = torch.tensor([[[0.0, 0, 0, 0.3, 1]]])
    tri_masks = build_tri_masks(torch.cat([MASKS, third]))[:2]
    targets = torch.tensor([[[1.0, 1, 0, 0, 0]], [[0.0, 0, 0, 0, 0]]])
    first, second = replace_targets(tri_masks, targets)
    assert first[0, 0].tolist() == [1, 1, 0, 0, 0]
    # The second hid the third's fringe from the first.
    torch.testing.assert_close(first[1, 0], torch.tensor([0.0, 0, 0, 0, 1]))
    torch.testing.assert_close(second[1, 0], torch.tensor([1.0, 1, 0, 0.3, 1]))
    torch.testing.assert_close(first[2, 0], torch.tensor([0.0, 0, 1, 1, 0]))


def test_soft_masks_stay_in_range() -> None:
    tri_masks = build_tri_masks(torch.rand(4, 6, 7))
    assert tri_masks.min() >= 0
    assert tri_masks.max() <= 1


@pytest.mark.parametrize("count", [0, 1, 3], ids=["nobody", "one", "many"])
def test_shapes(count: int) -> None:
    assert build_tri_masks(torch.zeros(count, 4, 5)).shape == (count, 3, 4, 5)


def test_one_person_has_no_reference() -> None:
    assert not build_tri_masks(torch.ones(1, 2, 2))[0, 1].any()


def test_a_single_mask_without_its_axis_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(n, h, w\)"):
        build_tri_masks(torch.zeros(4, 5))
