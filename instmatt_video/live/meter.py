"""Frames a second and latency, from the times at which frames were captured and shown.

Knows times that it is told; looks at no clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

SPAN_S = 2.0
"""The figures are of so many seconds past."""


@dataclass(frozen=True)
class Figures:
    """How the program keeps up, for a person to read."""

    fps: float = 0.0
    """Frames shown a second."""
    latency_ms: float = 0.0
    """Median time from a frame's capture to its showing."""
    worst_latency_ms: float = 0.0
    people: int = 0
    """Number of people in the picture."""
    level: int = 1
    """Of work, from 1, the best."""
    level_count: int = 1
    work: str = ""
    """What the level means."""
    dropped: int = 0
    """Captured frames that were overtaken by newer ones."""
    trouble: str = ""
    """What keeps frames from coming; empty while they come."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The same in words, a line each, in plain ASCII."""
        first = f"{self.fps:.1f} fps  {self.latency_ms:.0f} ms (worst {self.worst_latency_ms:.0f})"
        second = f"step {self.level}/{self.level_count}: {self.work}"
        return (first, second, *([self.trouble] if self.trouble else []))


class Meter:
    """Measures the last seconds."""

    def __init__(self) -> None:
        self._shown: deque[tuple[float, float]] = deque()

    def note(self, captured_s: float, shown_s: float) -> None:
        """Take a frame's times, by one clock; frames come in the order of their showing."""
        self._shown.append((captured_s, shown_s))
        self.advance(shown_s)

    def advance(self, now_s: float) -> None:
        """Forget what is long past; called also while nothing is shown."""
        while self._shown and self._shown[0][1] < now_s - SPAN_S:
            self._shown.popleft()

    @property
    def fps(self) -> float:
        """Frames a second; 0 until two were shown."""
        if len(self._shown) < 2:
            return 0.0
        span_s = self._shown[-1][1] - self._shown[0][1]
        return (len(self._shown) - 1) / span_s if span_s > 0 else 0.0

    @property
    def latency_s(self) -> float:
        """Median seconds from capture to showing; 0 before the first frame."""
        return median(self._latencies_s) if self._shown else 0.0

    @property
    def worst_latency_s(self) -> float:
        """Longest of them."""
        return max(self._latencies_s, default=0.0)

    @property
    def _latencies_s(self) -> list[float]:
        return [shown_s - captured_s for captured_s, shown_s in self._shown]
