"""Alphas that agree over frames where the picture stands still, and only there."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from instmatt_video.alpha_frame import AlphaFrame
from instmatt_video.frame_record import ALPHA_LEVELS, pack_alpha
from instmatt_video.media.frame import Frame
from instmatt_video.people.identities import Cast
from instmatt_video.rendering.alpha_steadying import AlphaSteadier
from instmatt_video.rendering.frame_alphas import FrameAlphas
from tests.made_records import frame_record

LEVEL = 1 / ALPHA_LEVELS


def picture(level: int = 90) -> np.ndarray:
    return np.full((60, 100, 3), level, np.uint8)


def shown(
    index: int,
    *people: tuple[int, float] | tuple[int, float, bool],
    image: np.ndarray | None = None,
    left: int = 20,
) -> tuple[Frame, FrameAlphas]:
    """Return a frame and its people: tracklet, alpha, and whether it was moved there."""
    stored = [
        pack_alpha(track, AlphaFrame(left, 10, np.full((30, 20), value, np.float32)), any(moved))
        for track, value, *moved in people
    ]
    cast = Cast((), {track: frozenset({index}) for track, *_ in people}, ())
    alphas = FrameAlphas(frame_record(index, (), stored), cast)
    image = picture() if image is None else image
    return Frame(index, Fraction(index, 25), image), alphas


def steadied(
    shots: list[tuple[Frame, FrameAlphas]], reach: int = 2, cuts: tuple[int, ...] = ()
) -> list[tuple[Frame, FrameAlphas]]:
    steadier = AlphaSteadier(reach)
    ready = [r for k, shot in enumerate(shots) for r in steadier.take(*shot, k in cuts)]
    return ready + steadier.finish()


def levels(ready: list[tuple[Frame, FrameAlphas]], track: int = 1) -> list[float | None]:
    """Return the alpha at the middle of a person, frame by frame; `None` where they are not."""
    values: list[float | None] = []
    for _, alphas in ready:
        alpha = alphas.of(frozenset({track}))
        values.append(None if alpha is None else float(alpha.alpha[15, 10]))
    return values


def test_the_mean_of_the_frames_around() -> None:
    values = [1.0, 0.0 + 8 * LEVEL, 1.0, 0.5, 1.0]
    ready = steadied([shown(k, (1, value)) for k, value in enumerate(values)])
    expected = [np.mean(values[max(0, k - 2) : k + 3]) for k in range(5)]
    assert levels(ready) == pytest.approx(expected, abs=LEVEL)


def test_frames_keep_their_order_and_wait_no_longer_than_the_reach() -> None:
    steadier = AlphaSteadier(2)
    counts = [len(steadier.take(*shown(k, (1, 1.0)), is_cut=False)) for k in range(6)]
    assert counts == [0, 0, 1, 1, 1, 1]
    assert [frame.index for frame, _ in steadier.finish()] == [4, 5]
    assert steadier.finish() == []


def test_without_a_reach_alphas_are_handed_on_as_they_are() -> None:
    shots = [shown(k, (1, k / 4)) for k in range(4)]
    assert steadied(shots, reach=0) == shots


def test_what_moves_is_taken_as_it_comes() -> None:
    values = [0.25, 0.75, 0.25, 0.75]
    shots = [shown(k, (1, v), image=picture(60 + 40 * (k % 2))) for k, v in enumerate(values)]
    assert levels(steadied(shots)) == pytest.approx(values, abs=LEVEL)


def test_what_was_hidden_in_between_is_no_witness() -> None:
    """Frames 0 and 2 look the same, but somebody passed before the place in frame 1."""
    values = [1.0, 0.5, 0.25]
    shots = [shown(k, (1, v), image=picture(90 + 80 * (k == 1))) for k, v in enumerate(values)]
    assert levels(steadied(shots)) == pytest.approx(values, abs=LEVEL)


def test_half_of_the_picture_moves() -> None:
    moved = picture()
    moved[:, :50] = 200
    shots = [shown(0, (1, 1.0), left=40), shown(1, (1, 0.5), image=moved, left=40)]
    for (_, alphas), own in zip(steadied(shots), (1.0, 0.5), strict=True):
        alpha = alphas.of(frozenset({1}))
        assert alpha is not None
        assert alpha.alpha[:, :10] == pytest.approx(own, abs=LEVEL)
    steps = np.diff(alpha.alpha[15])
    assert (steps >= -LEVEL).all() and steps.max() < 0.05  # no seam


def test_nothing_crosses_a_cut() -> None:
    values = [1.0, 1.0, 0.5, 0.5]
    ready = steadied([shown(k, (1, v)) for k, v in enumerate(values)], cuts=(2,))
    assert levels(ready) == pytest.approx(values, abs=LEVEL)


def test_who_comes_and_goes_does_so_at_once() -> None:
    shots = [shown(0), shown(1, (1, 1.0)), shown(2, (1, 1.0)), shown(3)]
    assert levels(steadied(shots)) == [None, 1.0, 1.0, None]


def test_a_moved_mask_is_no_witness_but_hears_the_others() -> None:
    shots = [shown(0, (1, 1.0)), shown(1, (1, 0.25, True)), shown(2, (1, 1.0))]
    assert levels(steadied(shots)) == pytest.approx([1.0, 0.75, 1.0], abs=LEVEL)


def test_two_who_share_pixels_go_on_sharing_them() -> None:
    rng = np.random.default_rng(2)
    shares = rng.uniform(0.1, 0.9, 6)
    ready = steadied([shown(k, (1, s), (2, 1 - s)) for k, s in enumerate(shares)])
    sums = np.add(levels(ready, 1), levels(ready, 2))  # type: ignore[arg-type]
    assert sums == pytest.approx(1, abs=2 * LEVEL)


def test_who_takes_over_a_place_leaves_no_pixel_brighter_than_1() -> None:
    nothing = shown(2, (1, 0.0), (2, 1.0))
    ready = steadied([shown(0, (1, 1.0)), shown(1, (1, 1.0)), nothing, shown(3, (2, 1.0))])
    for one, two in zip(levels(ready, 1), levels(ready, 2), strict=True):
        assert (one or 0) + (two or 0) <= 1 + LEVEL


def test_an_alpha_grows_to_where_its_neighbours_reach() -> None:
    shots = [shown(0, (1, 1.0), left=20), shown(1, (1, 1.0), left=30)]
    _, alphas = steadied(shots)[1]
    alpha = alphas.of(frozenset({1}))
    assert alpha is not None and (alpha.left, alpha.alpha.shape) == (20, (30, 30))
    assert alpha.alpha[0, [5, 15, 25]] == pytest.approx([0.5, 1.0, 0.5], abs=LEVEL)
