"""Pixels that two masks claim."""

from __future__ import annotations

import numpy as np

from instmatt_video.matting.claims import settle_claims


def box(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((40, 60), np.float32)
    mask[top:bottom, left:right] = 0.9
    return mask


def test_somebody_small_within_a_large_mask_stands_in_front() -> None:
    adult, child = box(10, 0, 40, 40), box(20, 20, 30, 40)
    for order in ((adult, child), (child, adult)):
        settled = settle_claims(np.stack(order))
        large, small = (settled[k] for k in ((0, 1) if order[0] is adult else (1, 0)))
        assert np.array_equal(small, child)
        assert np.array_equal(large, np.where(child > 0.5, 0, adult))


def test_a_small_overlap_is_left_to_the_network() -> None:
    masks = np.stack((box(0, 0, 30, 40), box(25, 0, 55, 40)))
    assert settle_claims(masks) is masks


def test_nobody_one_and_empty_masks_stay() -> None:
    for masks in (np.zeros((0, 8, 8), np.float32), box(0, 0, 9, 9)[None], np.zeros((2, 8, 8))):
        assert settle_claims(masks) is masks
