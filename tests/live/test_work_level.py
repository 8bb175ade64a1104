"""The pace is kept by doing less, with made-up times."""

from __future__ import annotations

import itertools

import pytest

from instmatt_video.live.work_level import STEPS, PaceKeeper, WorkLevel, work_levels


def keeper(levels: int = 4, start: int = 0) -> PaceKeeper:
    return PaceKeeper(
        [WorkLevel(k + 1, 320 - 32 * k, False, False) for k in range(levels)], 0.1, start
    )


def feed(pace: PaceKeeper, cost_s: dict[int, float], frames: int) -> list[int]:
    """Return the index after each frame, when a frame costs what its level says."""
    indices = []
    for _ in range(frames):
        pace.note(cost_s[pace.index])
        indices.append(pace.index)
    return indices


def test_levels_go_from_the_best_down_and_never_ask_for_more() -> None:
    levels = work_levels()
    assert levels == STEPS
    for better, cheaper in itertools.pairwise(levels):
        assert cheaper.at_most(better) == cheaper != better


def test_a_best_level_bounds_all_others() -> None:
    best = WorkLevel(4, 200, False, False)
    levels = work_levels(best)
    assert levels[0] == best
    assert all(level.at_most(best) == level for level in levels)
    assert len(set(levels)) == len(levels)
    assert levels[-1] == WorkLevel(8, 160, False, False)


def test_a_level_says_what_it_does() -> None:
    assert str(WorkLevel(3, 224, True, False)) == "detect every 3, matte 224 px, refined"
    everything = WorkLevel(1, 320, True, True, True)
    assert str(everything).endswith("refined, edges solved, looked at twice")


def test_too_slow_goes_down_one_step_at_a_time_and_stays_where_it_fits() -> None:
    indices = feed(keeper(), {0: 0.15, 1: 0.12, 2: 0.09, 3: 0.05}, 400)
    assert indices[-1] == 2
    assert sorted(set(indices)) == [0, 1, 2]
    assert indices.index(2) <= 30


def test_far_too_slow_goes_down_two_steps() -> None:
    indices = feed(keeper(), {0: 0.5, 2: 0.09}, 20)
    assert set(indices) == {0, 2}


def test_the_last_level_is_the_floor() -> None:
    assert feed(keeper(), dict.fromkeys(range(4), 1.0), 200)[-1] == 3


def test_with_time_to_spare_it_does_more_up_to_the_best() -> None:
    indices = feed(keeper(start=3), dict.fromkeys(range(4), 0.01), 400)
    assert indices[-1] == 0
    assert all(a - b in (0, 1) for a, b in itertools.pairwise(indices))


def test_just_enough_time_changes_nothing() -> None:
    assert set(feed(keeper(start=2), {2: 0.08}, 500)) == {2}


def test_a_hiccup_changes_nothing() -> None:
    pace = keeper()
    for frame in range(100):
        pace.note(5.0 if frame == 50 else 0.07)
    assert pace.index == 0


def test_the_first_frame_of_a_level_does_not_count() -> None:
    pace = keeper()
    pace.note(60.0)
    for _ in range(50):
        pace.note(0.07)
    assert pace.index == 0


def test_attempts_to_do_more_that_fail_become_rarer() -> None:
    indices = feed(keeper(levels=2, start=1), {0: 0.3, 1: 0.02}, 2000)
    tries = [i for i in range(1, len(indices)) if indices[i] == 0 and indices[i - 1] == 1]
    gaps = [b - a for a, b in itertools.pairwise(tries)]
    assert len(tries) >= 3
    assert all(later > earlier for earlier, later in itertools.pairwise(gaps))


def test_an_attempt_that_held_is_no_failure_when_load_comes_later() -> None:
    pace = keeper(levels=2)
    waits = []
    for _ in range(4):  # calm at the best level, then a load from elsewhere
        feed(pace, {0: 0.02, 1: 0.02}, 200)
        assert pace.index == 0
        feed(pace, {0: 0.15, 1: 0.02}, 30)
        assert pace.index == 1
        calm = feed(pace, {0: 0.02, 1: 0.02}, 150)
        waits.append(calm.index(0))
    assert max(waits) <= 60


@pytest.mark.parametrize(
    ("levels", "due_s", "message"), [([], 0.1, "at least one"), ([STEPS[0]], 0.0, "above 0")]
)
def test_what_cannot_be(levels: list[WorkLevel], due_s: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PaceKeeper(levels, due_s)
