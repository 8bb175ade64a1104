"""Alphas that stand still where the picture does.

Knows one person's alphas in time and the pictures they belong to; knows no networks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..alpha_frame import AlphaFrame, trim_alpha
from ..matting.claims import share_pixels
from ..media.stillness import StillView, cut_stillness, stillness, view_still

Image = npt.NDArray[np.uint8]

MEMORY = 0.6
"""Share of the last alpha where nothing moved."""


class LiveAlphaSteadier:
    """Mixes each alpha with the last one of the same person where the picture stands still."""

    def __init__(self) -> None:
        self._view: StillView | None = None
        self._last: dict[int, AlphaFrame] = {}

    def steady(
        self, image: Image, track_ids: tuple[int, ...], alphas: list[AlphaFrame]
    ) -> list[AlphaFrame]:
        """Return the alphas of the next frame, steadied; they sum to 1 at most.

        Where somebody was part of another's alpha a moment ago, both keep their share of the pixel.

        Args:
            image: `(H, W, 3)`; of another size than the last, all begins anew.
            track_ids: Whose they are.
            alphas: One each.
        """
        before, self._view = self._view, view_still(image)
        if before is None or before.size != self._view.size:
            self._last.clear()
            before = self._view
        still = stillness(before, self._view) if self._last else None
        steadied = []
        for track_id, alpha in zip(track_ids, alphas, strict=True):
            last = self._last.get(track_id)
            if last is not None and still is not None and alpha.alpha.size and last.alpha.size:
                area = alpha.area.united(last.area)
                share = np.float32(MEMORY) * cut_stillness(still, before, area)
                new, old = alpha.within(area), last.within(area)
                alpha = trim_alpha(area, new + share * (old - new))
            steadied.append(alpha)
        steadied = share_pixels(steadied)
        self._last = dict(zip(track_ids, steadied, strict=True))
        return steadied

    def last(self, track_id: int) -> AlphaFrame | None:
        """Return the last frame's alpha of a person; `None` where they were not in it."""
        return self._last.get(track_id)
