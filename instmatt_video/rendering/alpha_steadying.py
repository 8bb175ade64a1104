"""Everybody's alphas, made to agree with those of the frames before and after where nothing moves.

A matte errs anew in every frame: a shoe that stands on the floor flickers. Where the picture stands
still its alphas are averaged, and only there: what moves would be smeared. So a frame is given out
some frames late. Knows people in the order of time; knows no networks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from ..alpha_frame import AlphaFrame, trim_alpha
from ..matting.claims import share_pixels
from ..media.frame import Frame, as_eight_bit
from ..media.stillness import FloatImage, StillView, cut_stillness, stillness, view_still
from ..rectangle import Rectangle
from .frame_alphas import FrameAlphas


@dataclass
class _Moment:
    """A frame, and how far its picture stands still until the frames after it."""

    frame: Frame
    alphas: FrameAlphas
    view: StillView
    is_cut: bool
    still_until: list[FloatImage] = field(default_factory=list)
    """One frame later, two frames later, …: 0..1, falling."""


class AlphaSteadier:
    """Steadies the alphas of a clip's people; frames must come in order.

    Args:
        reach: Frames on either side whose alphas count; 0 gives every frame out as it is.
    """

    def __init__(self, reach: int) -> None:
        self.reach = reach
        self._moments: deque[_Moment] = deque(maxlen=2 * reach + 1)
        self._waiting = 0
        """How many of the moments, the last ones, were not given out yet."""

    def take(
        self, frame: Frame, alphas: FrameAlphas, is_cut: bool
    ) -> list[tuple[Frame, FrameAlphas]]:
        """Take the next frame; return those that no later frame can change any more.

        Args:
            frame: The picture.
            alphas: Its people.
            is_cut: A new shot begins with it.
        """
        if not self.reach:
            return [(frame, alphas)]
        now = _Moment(frame, alphas, view_still(as_eight_bit(frame.image)), is_cut)
        self._look_back(now)
        self._moments.append(now)
        self._waiting += 1
        return [self._give_out()] if self._waiting > self.reach else []

    def finish(self) -> list[tuple[Frame, FrameAlphas]]:
        """Return the frames that still wait, after the last one."""
        return [self._give_out() for _ in range(self._waiting)]

    def _look_back(self, now: _Moment) -> None:
        """Note in the moments before how far they stand still until now."""
        still: FloatImage | None = None
        is_cut = now.is_cut
        for before in list(self._moments)[::-1][: self.reach]:
            if is_cut:
                return
            between = stillness(before.view, now.view)
            # Whoever came and went in between was in front of what looks the same again.
            still = between if still is None else np.minimum(still, between)
            before.still_until.append(still)
            is_cut = before.is_cut

    def _give_out(self) -> tuple[Frame, FrameAlphas]:
        position = len(self._moments) - self._waiting
        self._waiting -= 1
        now = self._moments[position]
        own = now.alphas.parts()
        if not own:
            return now.frame, now.alphas
        around = list(self._neighbours(position))
        steadied = [_mixed(track, alpha, now.view, around) for track, alpha in own.items()]
        parts = dict(zip(own, share_pixels(steadied), strict=True))
        return now.frame, now.alphas.replaced(parts)

    def _neighbours(self, position: int) -> Iterator[tuple[dict[int, AlphaFrame], FloatImage]]:
        """Yield the alphas that were seen around, by tracklet, and how still it is until there."""
        for distance in range(1, self.reach + 1):
            for first, other in (
                (position, position + distance),
                (position - distance, position - distance),
            ):
                if first < 0 or other >= len(self._moments):
                    continue
                until = self._moments[first].still_until
                if len(until) >= distance:
                    yield self._moments[other].alphas.seen_parts(), until[distance - 1]


def _mixed(
    tracklet: int,
    own: AlphaFrame,
    view: StillView,
    around: list[tuple[dict[int, AlphaFrame], FloatImage]],
) -> AlphaFrame:
    """Return an alpha, averaged with the others of its tracklet where all stands still."""
    others = [(parts[tracklet], still) for parts, still in around if tracklet in parts]
    areas = [part.area for part in (own, *(other for other, _ in others)) if part.alpha.size]
    if not others or not areas:
        return own
    area = reduce(Rectangle.united, areas)
    total = own.within(area)
    weight = np.ones_like(total)
    for other, still in others:
        share = cut_stillness(still, view, area)
        total += share * other.within(area)
        weight += share
    return trim_alpha(area, total / weight)
