"""Clusters, canvases and crops, from boxes alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from instmatt_video.matting.crops import (
    CLOSER,
    GRID_PX,
    MAX_CANVAS_PX,
    MAX_ENLARGED_PX,
    MAX_ENLARGEMENT,
    MIN_MARGIN_PX,
    Cluster,
    Rectangle,
    plan_clusters,
)

FRAME = (640, 360)


def plan(boxes: list[tuple[float, ...]], size: int = 512, context: float = 0.15) -> list[Cluster]:
    return plan_clusters(np.array(boxes, np.float32).reshape(-1, 4), *FRAME, size, context)


def random_boxes(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 9))
    corner = rng.uniform((-60, -60), FRAME, (count, 2))
    size = np.exp(rng.uniform(np.log(4), np.log(500), (count, 2)))
    return np.concatenate((corner, corner + size), 1)


def closeups_of(clusters: Iterable[Cluster]) -> Iterator[Cluster]:
    """Return the closer canvases, and theirs."""
    for cluster in clusters:
        yield from cluster.closeups
        yield from closeups_of(cluster.closeups)


def test_nobody() -> None:
    assert plan([]) == []


def test_one_person_of_working_size_keeps_their_pixels() -> None:
    (cluster,) = plan([(100, 60, 160, 200)], size=182)
    # Margin 0.15 · 140 = 21 px: 79..181 × 39..221, up to the grid 128 × 192.
    assert cluster.source == Rectangle(79, 39, 79 + 128, 39 + 192)
    assert (cluster.width, cluster.height) == (128, 192)
    assert cluster.scale == (1.0, 1.0)
    assert cluster.crops == (Rectangle(0, 0, 128, 192),)


def test_large_people_are_shrunk_to_the_working_size() -> None:
    (cluster,) = plan([(100, 0, 200, 360)], size=128)
    assert cluster.crops[0].height == 128
    assert cluster.scale[1] == pytest.approx(128 / 360, rel=0.01)


def test_small_people_are_enlarged_but_not_without_end() -> None:
    (small,) = plan([(100, 100, 120, 140)])
    assert small.scale[0] == pytest.approx(MAX_ENLARGEMENT, rel=0.02)
    (middle,) = plan([(100, 100, 150, 204)], size=256)  # 104 px and two margins of 16: 136 px
    assert middle.scale[1] == pytest.approx(256 / 136, rel=0.02)


def test_a_crowd_is_enlarged_less() -> None:
    row = [(20.0 + 30 * k, 100.0, 50.0 + 30 * k, 200.0) for k in range(19)]
    (pair,), (crowd,) = plan(row[:2]), plan(row)
    assert pair.scale[0] == pytest.approx(MAX_ENLARGEMENT, rel=0.02)
    assert 1 < crowd.scale[0] < 2
    unrounded = (crowd.width - GRID_PX) * (crowd.height - GRID_PX)
    assert len(row) * unrounded <= MAX_ENLARGED_PX


def test_much_smaller_people_have_a_closer_canvas_too() -> None:
    # With their margins the large one has the frame's 360 px, the small one 101 and two of 16.
    large, small = (200, 0, 330, 354), (320, 200, 380, 301)
    (cluster,) = plan([large, small], size=256)
    assert cluster.members == (0, 1)
    (closeup,) = cluster.closeups
    assert closeup.members == (1,) and closeup.closeups == ()
    assert closeup == replace(plan([small], size=256)[0], members=(1,))
    assert closeup.scale[1] == pytest.approx(256 / 133, rel=0.02)


def test_people_of_like_size_have_no_closer_canvas() -> None:
    (cluster,) = plan([(200, 0, 330, 354), (320, 60, 420, 340)], size=256)
    assert cluster.members == (0, 1) and cluster.closeups == ()


def test_who_cannot_be_enlarged_further_has_no_closer_canvas() -> None:
    (cluster,) = plan([(100, 100, 140, 200), (130, 150, 150, 190)])
    assert cluster.scale[0] == pytest.approx(MAX_ENLARGEMENT, rel=0.02)
    assert cluster.closeups == ()


def test_closer_canvases_by_steps() -> None:
    boxes = [(150, 0, 300, 360), (290, 160, 350, 320), (340, 260, 370, 320), (170, 300, 200, 356)]
    (cluster,) = plan(boxes, size=256)
    closeups = {c.members: c for c in cluster.closeups}
    assert set(closeups) == {(1, 2), (3,)}  # the fourth meets the largest alone
    assert [c.members for c in closeups[1, 2].closeups] == [(2,)]


def test_a_crowd_in_a_large_frame_is_shrunk_to_what_memory_holds() -> None:
    rows = [(90 * i, 700 * j + 20, 90 * i + 95, 700 * j + 740) for j in range(3) for i in range(42)]
    boxes = np.array(rows, np.float32)
    (crowd,) = plan_clusters(boxes, 3840, 2160, 576, 0.15)
    assert crowd.scale[0] < 0.5
    assert len(boxes) * crowd.width * crowd.height == pytest.approx(MAX_CANVAS_PX, rel=0.1)
    (fewer,) = plan_clusters(boxes[:2], 3840, 2160, 576, 0.15)
    # 720 px and 108 below them; above, the frame ends after 20.
    assert fewer.scale[1] == pytest.approx(576 / 848, rel=0.05)


@pytest.mark.parametrize("count", [6, 8], ids=["row is close enough", "row is too many"])
def test_the_smallest_keep_their_canvas_beside_a_crowd(count: int) -> None:
    large, small = (100, 200, 250, 620), (270, 500, 300, 580)
    row = [(320 + 150 * i, 350, 400 + 150 * i, 600) for i in range(count)]
    boxes = np.array([large, small, *row], np.float32)
    (cluster,) = plan_clusters(boxes, 1920, 1080, 576, 0.15)
    scales = {1: cluster.scale[0]}
    for canvas in closeups_of([cluster]):
        scales |= {member: max(canvas.scale[0], scales.get(member, 0)) for member in canvas.members}
    assert scales[1] == pytest.approx(MAX_ENLARGEMENT, rel=0.02)
    # Eight and the small one have too many pixels to be enlarged so far that it is worth it.
    assert (2 in scales) == (count == 6)


def test_people_apart_do_not_share_a_canvas() -> None:
    clusters = plan([(20, 100, 60, 200), (500, 100, 540, 200)])
    assert [c.members for c in clusters] == [(0,), (1,)]


def test_people_who_meet_share_a_canvas_also_through_others() -> None:
    clusters = plan([(20, 100, 80, 200), (150, 100, 220, 200), (85, 100, 145, 200)])
    assert [c.members for c in clusters] == [(0, 1, 2)]
    distant = plan([(20, 100, 80, 200), (150, 100, 220, 200)])
    assert len(distant) == 2


def test_touching_surroundings_do_not_overlap() -> None:
    # Margins of 8 px: 92..148 and 148..204 share no pixel; one pixel nearer they do.
    apart = plan([(100, 100, 140, 120), (156, 100, 196, 120)], context=0)
    near = plan([(100, 100, 140, 120), (155, 100, 195, 120)], context=0)
    assert (len(apart), len(near)) == (2, 1)


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((-50, 10, 0, 90), id="left"),
        pytest.param((640, 10, 700, 90), id="right"),
        pytest.param((10, -90, 60, -1), id="above"),
        pytest.param((10, 360, 60, 400), id="below"),
        pytest.param((110, 100, 110, 200), id="of no width"),
        pytest.param((110, 100, 140, 100), id="of no height"),
    ],
)
def test_people_outside_the_frame_are_in_no_cluster(box: tuple[float, ...]) -> None:
    clusters = plan([box, (100, 100, 150, 200)])
    assert [c.members for c in clusters] == [(1,)]


@pytest.mark.parametrize("size", [64, 300, 512])
def test_invariants_of_any_crowd(size: int) -> None:
    for seed in range(150):
        boxes = random_boxes(seed)
        clusters = plan_clusters(boxes, *FRAME, size, 0.15)
        members = [m for c in clusters for m in c.members]
        assert sorted(members) == [
            i for i, b in enumerate(boxes) if b[0] < 640 and b[1] < 360 and b[2] > 0 and b[3] > 0
        ]
        for cluster in itertools.chain(clusters, closeups_of(clusters)):
            assert cluster.width % GRID_PX == 0 and cluster.height % GRID_PX == 0
            x, y = cluster.scale
            # Rounded to the grid, the shorter side is off by half a cell at most.
            rounding = GRID_PX / (2 * min(cluster.width, cluster.height))
            assert max(x, y) / min(x, y) <= 1.05 + 2 * rounding
            for member, crop in zip(cluster.members, cluster.crops, strict=True):
                assert all(v % GRID_PX == 0 for v in vars(crop).values())
                assert 0 <= crop.left < crop.right <= cluster.width
                assert 0 <= crop.top < crop.bottom <= cluster.height
                assert max(crop.width, crop.height) <= size + 2 * GRID_PX
                left, top, right, bottom = boxes[member]
                margin = MIN_MARGIN_PX
                seen = cluster.in_frame(crop, *FRAME)
                assert seen.left <= max(0, left - margin) and seen.top <= max(0, top - margin)
                assert seen.right >= min(640, right + margin)
                assert seen.bottom >= min(360, bottom + margin)
                assert 0 <= seen.left and seen.right <= 640 and seen.bottom <= 360
            for closeup in cluster.closeups:
                assert set(closeup.members) < set(cluster.members)
                assert closeup.scale[0] >= CLOSER * cluster.scale[0]


def test_centres_of_the_canvas_in_the_frame() -> None:
    cluster = Cluster((0,), Rectangle(10, 20, 42, 52), 64, 32, (Rectangle(0, 0, 64, 32),))
    assert cluster.scale == (2.0, 1.0)
    np.testing.assert_allclose(cluster.columns_in_frame()[:3], [10.25, 10.75, 11.25])
    np.testing.assert_allclose(cluster.rows_in_frame()[[0, -1]], [20.5, 51.5])


def test_people_in_any_order_have_the_same_canvases() -> None:
    boxes = random_boxes(3)
    order = np.random.default_rng(1).permutation(len(boxes))
    crops = {
        m: (c.source, crop)
        for c in plan_clusters(boxes, *FRAME, 256, 0.15)
        for m, crop in zip(c.members, c.crops, strict=True)
    }
    for cluster in plan_clusters(boxes[order], *FRAME, 256, 0.15):
        for member, crop in zip(cluster.members, cluster.crops, strict=True):
            assert crops[int(order[member])] == (cluster.source, crop)
