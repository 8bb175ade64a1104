"""A frame's alphas: who counts, and several tracklets of one person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.made_records import alpha
from tests.rendering.made_streams import alphas_of


class TestFrameAlphas:
    def test_only_frames_that_count(self) -> None:
        stored = alpha(1, 5), alpha(2, 40)
        frames = alphas_of(*stored, visible={1: {0}, 2: {3}})
        assert frames.of(frozenset({1})) is not None
        assert frames.of(frozenset({2})) is None
        assert frames.of(frozenset({9})) is None
        assert frames.of(frozenset()) is None

    def test_several_tracklets_are_one_person(self) -> None:
        frames = alphas_of(alpha(1, 5), alpha(2, 40, 0.5), visible={1: {0}, 2: {0}})
        person = frames.of(frozenset({1, 2}))
        assert person is not None
        assert (person.left, person.top, person.alpha.shape) == (5, 10, (40, 55))
        assert (person.alpha[:, :20] == 1).all() and not person.alpha[:, 20:35].any()
        assert person.alpha[:, 35:] == pytest.approx(0.5, abs=1e-3)

    def test_where_they_meet_they_add_up_to_1_at_most(self) -> None:
        frames = alphas_of(alpha(1, 5, 0.4), alpha(2, 15, 0.8), visible={1: {0}, 2: {0}})
        person = frames.of(frozenset({1, 2}))
        assert person is not None
        assert person.alpha[0, [0, 10, 29]] == pytest.approx([0.4, 1.0, 0.8], abs=1e-3)

    def test_an_alpha_of_nothing_is_absence(self) -> None:
        nothing = replace(alpha(1, 5), png=b"")
        assert alphas_of(nothing, visible={1: {0}}).of(frozenset({1})) is None
