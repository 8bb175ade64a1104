"""A frame's alphas as its writers read them: of those who count, each decoded once."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from ..alpha_frame import AlphaFrame
from ..frame_record import FrameRecord
from ..people.identities import Cast
from ..rectangle import Rectangle


class FrameAlphas:
    """A frame's alphas, decoded once for all writers, and only those that count."""

    def __init__(self, record: FrameRecord, cast: Cast) -> None:
        self._frames = {
            part: stored
            for stored in record.alphas
            if (part := cast.counting_part(stored.track_id, record.index)) is not None
        }
        self._unpacked: dict[int, AlphaFrame] = {}
        self._lock = threading.Lock()

    def parts(self) -> dict[int, AlphaFrame]:
        """Return the alpha of every tracklet that counts."""
        return {tracklet_id: self._part(tracklet_id) for tracklet_id in self._frames}

    def seen_parts(self) -> dict[int, AlphaFrame]:
        """Return the alphas of those tracklets alone whom the detector saw in the frame."""
        return {t: self._part(t) for t, stored in self._frames.items() if not stored.is_coasted}

    def replaced(self, parts: Mapping[int, AlphaFrame]) -> FrameAlphas:
        """Return the same frame with other alphas of those who count, by tracklet."""
        other = copy.copy(self)
        other._unpacked = dict(parts)
        return other

    def counts(self, tracklet_ids: frozenset[int]) -> bool:
        """Say whether a person counts in the frame, be it without a single pixel."""
        return not tracklet_ids.isdisjoint(self._frames)

    def of(self, tracklet_ids: frozenset[int]) -> AlphaFrame | None:
        """Return the alpha of a person, whose tracklets may be several; `None` where absent."""
        parts = []
        for tracklet_id in sorted(tracklet_ids & self._frames.keys()):
            part = self._part(tracklet_id)
            if part.alpha.size:
                parts.append(part)
        if not parts:
            return None
        return parts[0] if len(parts) == 1 else _united(parts)

    def _part(self, tracklet_id: int) -> AlphaFrame:
        with self._lock:
            if tracklet_id not in self._unpacked:
                self._unpacked[tracklet_id] = self._frames[tracklet_id].unpack()
            return self._unpacked[tracklet_id]


def _united(parts: Sequence[AlphaFrame]) -> AlphaFrame:
    """Return several alphas in one crop; where they meet they add up, to 1 at most."""
    area = reduce(Rectangle.united, (part.area for part in parts))
    total = np.zeros((area.height, area.width), np.float32)
    for part in parts:
        total[part.area.slices_in(area)] += part.alpha
    return AlphaFrame(area.left, area.top, np.minimum(total, 1))
