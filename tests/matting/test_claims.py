"""Pixels that two masks claim."""

from __future__ import annotations

import numpy as np

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.detection.detections import Detections
from instmatt_video.matting.claims import leave_to_others, settle_claims, yield_to_seen
from instmatt_video.rectangle import Rectangle


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


def test_a_closer_canvas_leaves_the_others_arm_to_them() -> None:
    # Of 100 px a trace reaches 4 px: columns 30 to 33 beside the person are still theirs.
    person, neighbour, closer = (np.zeros((120, 200), np.float32) for _ in range(3))
    person[20:100, 10:30] = 1
    neighbour[20:100, 32:200] = 1
    closer[20:100, 10:40] = 0.8
    closer[0:4, 150:160] = 0.7  # nobody's on the shared canvas
    area = Rectangle(5, 0, 105, 60)
    kept = leave_to_others(
        AlphaFrame(5, 0, closer[area.slices]),
        AlphaFrame(0, 0, person),
        [AlphaFrame(0, 0, neighbour)],
    )
    expected = closer.copy()
    expected[20:100, 34:40] = 0
    assert kept.area == area
    np.testing.assert_array_equal(kept.alpha, expected[area.slices])


def test_others_elsewhere_take_nothing() -> None:
    closer = np.full((40, 60), 0.6, np.float32)
    nothing = AlphaFrame(0, 0, np.zeros_like(closer))
    everything = AlphaFrame(0, 0, np.ones_like(closer))
    kept = leave_to_others(AlphaFrame(100, 100, closer), nothing, [everything])
    np.testing.assert_array_equal(kept.alpha, closer)


def people(*boxes: tuple[float, float, float, float]) -> Detections:
    count = len(boxes)
    masks = np.full((count, 20, 20), 0.9, np.float32)
    return Detections(np.array(boxes, np.float32), np.ones(count, np.float32), masks)


def test_a_moved_mask_within_a_seen_one_is_hidden() -> None:
    # The lower half of the small one lies within the large one, and a little more of it.
    both = people((0, 20, 40, 80), (10, 9, 20, 33))
    settled = yield_to_seen(both, (False, True))
    assert np.array_equal(settled.masks[0], both.masks[0])
    assert settled.masks[1][:9].min() == np.float32(0.9)
    assert settled.masks[1][11:].max() == 0
    # Detected here, it is somebody small in front: left to `settle_claims`.
    assert yield_to_seen(both, (False, False)) is both


def test_moved_masks_keep_what_is_seen_of_them() -> None:
    apart = people((0, 0, 40, 80), (30, 0, 60, 80))
    assert yield_to_seen(apart, (False, True)) is apart
    assert yield_to_seen(people((0, 0, 40, 80), (10, 10, 20, 30)), (True, True)).masks.min() > 0.8
    assert len(yield_to_seen(Detections.empty(), ())) == 0
