"""How much work a frame may cost: levels from best to cheapest, and who chooses among them.

Knows times that it is told; looks at no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_SETTLE_FRAMES = 12
"""Frames after a change whose mean is believed; more than the longest detection interval."""
_CALM_FRAMES = 60
"""Frames with time to spare before more work is tried."""
_SPARE = 0.6
"""Share of the time below which more work is tried: a level costs at most half more than the
next."""
_MAX_CAUTION = 16
_HICCUP = 3.0
"""A frame counts as at most so many times its due: one hiccup is no reason to do less for good."""


@dataclass(frozen=True)
class WorkLevel:
    """What is done for a frame."""

    detect_every: int
    """Frames from one detection to the next."""
    matte_size: int
    """Longest side, in pixels, of a person's crop as the network sees it."""
    has_refinement: bool
    """People who share a crop are refined together."""
    has_solved_edges: bool
    """The uncertain band is solved from the picture's colours."""
    has_second_look: bool = False
    """The network looks twice."""

    def __str__(self) -> str:
        words = [f"detect every {self.detect_every}", f"matte {self.matte_size} px"]
        words += ["refined"] if self.has_refinement else []
        words += ["edges solved"] if self.has_solved_edges else []
        words += ["looked at twice"] if self.has_second_look else []
        return ", ".join(words)

    def at_most(self, best: WorkLevel) -> WorkLevel:
        """Return the level with no more work than `best` in any respect."""
        return WorkLevel(
            max(self.detect_every, best.detect_every),
            min(self.matte_size, best.matte_size),
            self.has_refinement and best.has_refinement,
            self.has_solved_edges and best.has_solved_edges,
            self.has_second_look and best.has_second_look,
        )


STEPS = (
    WorkLevel(1, 576, True, True, True),
    WorkLevel(1, 448, True, True, True),
    WorkLevel(1, 384, True, True),
    WorkLevel(1, 320, True, False),
    WorkLevel(2, 256, True, False),
    WorkLevel(3, 224, True, False),
    WorkLevel(3, 192, False, False),
    WorkLevel(4, 160, False, False),
    WorkLevel(6, 160, False, False),
    WorkLevel(8, 160, False, False),
)
"""From best to cheapest."""
MODEST_STEP = 5
"""Where a CPU begins: better a plain picture at once than a fine one late."""


def work_levels(best: WorkLevel = STEPS[0]) -> tuple[WorkLevel, ...]:
    """Return levels from `best` to the cheapest; none does more than `best`."""
    levels = (best, *(step.at_most(best) for step in STEPS))
    return tuple(dict.fromkeys(levels))


class PaceKeeper:
    """Chooses the level of work that keeps a pace.

    One level down when the mean of some frames is above the time that a frame may take, two when it
    is far above; one level up after a long calm. An attempt to do more that fails makes the next
    one wait twice as long; one that holds for as long as it was waited for ends the caution.

    Args:
        levels: From best to cheapest, at least one.
        due_s: Seconds that a frame may take.
        start: Index of the first level.
    """

    def __init__(self, levels: Sequence[WorkLevel], due_s: float, start: int = 0) -> None:
        if not levels:
            raise ValueError("levels: there must be at least one")
        if due_s <= 0:
            raise ValueError(f"due_s must be above 0, not {due_s}")
        self.levels, self.due_s = tuple(levels), due_s
        self.index = min(start, len(levels) - 1)
        self._caution = 1
        self._is_trial = False
        self._restart()

    @property
    def level(self) -> WorkLevel:
        """Return what is to be done for the next frame."""
        return self.levels[self.index]

    def note(self, work_s: float) -> None:
        """Take the time that a frame's work took, and choose the next frame's level.

        Args:
            work_s: Seconds.
        """
        self._frames += 1
        if self._frames == 1:  # the first frame at a new size pays for memory and kernels
            return
        self._times_s.append(min(work_s, _HICCUP * self.due_s))
        del self._times_s[:-_SETTLE_FRAMES]
        if len(self._times_s) < _SETTLE_FRAMES:
            return
        mean_s = sum(self._times_s) / len(self._times_s)
        if mean_s > self.due_s:
            self._do_less(2 if mean_s > 2 * self.due_s else 1)
            return
        has_held = self._frames >= _CALM_FRAMES * self._caution
        if has_held and self._is_trial:
            self._is_trial, self._caution = False, 1
        if has_held and mean_s < _SPARE * self.due_s and self.index > 0:
            self._do_more()

    def _do_less(self, steps: int) -> None:
        if self._is_trial:
            self._caution = min(2 * self._caution, _MAX_CAUTION)
        self._is_trial = False
        self._move_to(min(self.index + steps, len(self.levels) - 1))

    def _do_more(self) -> None:
        self._is_trial = True
        self._move_to(self.index - 1)

    def _move_to(self, index: int) -> None:
        if index != self.index:
            self.index = index
            self._restart()

    def _restart(self) -> None:
        self._frames = 0
        self._times_s: list[float] = []
